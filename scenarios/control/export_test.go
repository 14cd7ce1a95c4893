package control

// OpOf is an action's Op.
func OpOf(a Action) Op { return a.outcome().Op }
