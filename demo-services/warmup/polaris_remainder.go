package warmup

// polarisRemainder is Polaris's with what its weighted random balancer does
// with the weight that warming takes away (BaseFlow.processLoadBalance and
// WeightedRandomBalance.chooseInstance): it draws below the sum S of the full
// weights, and a draw that nobody owns goes to instance S mod n, which is the
// first where all weigh the same. If that is the one that warms up, it gets its
// full share from the start.
var polarisRemainder = Model{
	Name: "polaris-remainder", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "the share that a warming instance does not get goes to one instance alone, even to itself",
	weight: polarisWeight, group: remainderWeights,
}

func remainderWeights(members []Member, weights []int) {
	if len(members) == 0 {
		return
	}
	weightEach(polaris, members, weights)
	var static, missing int
	for i, m := range members {
		static += m.Base
		missing += m.Base - weights[i]
	}
	weights[static%len(members)] += missing
}
