package warmup

import "time"

// polarisThreshold is the console's default threshold of the overload protection
// in percent of the instances.
const polarisThreshold = 50

// polarisGuard is the model of Polaris with its overload protection
// (WarmupWeightAdjuster.getInstanceWeightFromLosslessRule): while
// needWarmup·100/total ≥ 50, in whole percent, no instance warms up. So one new
// instance beside one old one is not protected at all. (With rules by metadata
// Polaris compares with >, and would protect it.)
var polarisGuard = Model{
	Name: "polaris-guard", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true,
	Defect: "no instance warms up while half of the instances are new: one new instance of two is not protected",
	weight: polarisWeight, group: guardedWeights,
}

func guardedWeights(members []Member, weights []int) {
	var warming int
	for _, m := range members {
		// Like Polaris, count with the absolute value of the age.
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

// weightEach computes the weight of each member independently.
func weightEach(m Model, members []Member, weights []int) {
	for i, one := range members {
		weights[i] = m.Weight(one.Curve, one.Age, one.Window, one.Base)
	}
}
