package control

import "zeroloss/loadgen/record"

// outputs are the actions of the current step, each with an Op of its own.
type outputs struct {
	ops     Op // the latest
	actions []Action
}

func (o *outputs) nextOp() Op {
	o.ops++
	return o.ops
}

func (o *outputs) add(a Action) { o.actions = append(o.actions, a) }

func (o *outputs) recordEvent(e record.Event) { o.add(RecordEvent{Op: o.nextOp(), Event: e}) }

// take removes and returns all actions.
func (o *outputs) take() []Action {
	all := o.actions
	o.actions = nil
	return all
}
