package warmup

// polarisRemainder is the model of Polaris with what its weighted random balancer
// does with the weight that a warm-up takes away (BaseFlow.processLoadBalance and
// WeightedRandomBalance.chooseInstance). It draws a number below the sum S of the
// full weights. A number that belongs to no instance goes to instance S mod n,
// which is the first one if all weights are equal. If that instance is the one
// that warms up, it gets its full share from the start.
var polarisRemainder = Model{
	Name: "polaris-remainder", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "the share that a warming instance does not get goes to a single instance, perhaps to itself",
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
