package warmup

import "time"

// polarisThreshold is the console's default of the overload protection, in
// percent of the instances.
const polarisThreshold = 50

// polarisGuard is Polaris's with its overload protection on
// (WarmupWeightAdjuster.getInstanceWeightFromLosslessRule): while
// needWarmup·100/total ≥ 50, in whole percent, nobody warms up. So one new
// instance beside one old is not protected at all. (Rules by metadata compare
// with >, and there it would be.)
var polarisGuard = Model{
	Name: "polaris-guard", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "nobody warms up while half of the instances would: of two, one new is not protected",
	weight: polarisWeight, group: guardedWeights,
}

func guardedWeights(members []Member, weights []int) {
	var warming int
	for _, m := range members {
		// As there, what its counting takes for the age is the mirrored one.
		if m.Window > 0 && m.Age.Truncate(time.Second).Abs() < m.Window {
			warming++
		}
	}
	if len(members) > 0 && warming*100/len(members) >= polarisThreshold {
		for i, m := range members {
			weights[i] = m.Base
		}
		return
	}
	weightEach(polaris, members, weights)
}

// weightEach weighs the members by themselves.
func weightEach(m Model, members []Member, weights []int) {
	for i, one := range members {
		weights[i] = m.Weight(one.Curve, one.Age, one.Window, one.Base)
	}
}
