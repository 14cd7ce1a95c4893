package warmup

import (
	"math"
	"time"
)

// polarisCacheFor is how long Polaris keeps the weights of a service
// (LosslessRuleDictionary: expireAfterWrite 5 s), so that its curve has steps.
const polarisCacheFor = 5 * time.Second

// polaris is Polaris's formula (WarmupWeightAdjuster.getInstanceWeight):
// ceil(W·(u/T)^c), at most W, with u in whole seconds and c the curvature
// (default 1), kept for 5 s. In the first second it is 0, so an instance gets no
// requests if there are others. A start in the future counts as now;
// [polarisMirror] has what Polaris does instead. The overload protection is off,
// which is Polaris's default; [polarisGuard] has it.
var polaris = Model{Name: "polaris", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true, weight: polarisWeight}

func polarisWeight(curve float64, age, window time.Duration, base int) int {
	up := max(0, age.Truncate(time.Second)).Seconds()
	w := math.Ceil(math.Abs(math.Pow(up/window.Seconds(), curve) * float64(base)))
	return min(int(w), base)
}
