package warmup

import (
	"math"
	"time"
)

// polarisCacheFor is how long Polaris keeps a service's weights
// (LosslessRuleDictionary: expireAfterWrite 5 s): its curve is a staircase.
const polarisCacheFor = 5 * time.Second

// polaris is Polaris's (WarmupWeightAdjuster.getInstanceWeight):
// ceil(W·(u/T)^c), at most W, u in whole seconds, c the curvature (default 1),
// kept for 5 s. In the first second it is 0: alone, such an instance gets
// nothing. A start in the future is as a start just now; what it does with one
// is [polarisMirror]. Its overload protection is off unless asked for, as
// there: [polarisGuard].
var polaris = Model{Name: "polaris", Curve: 1, Parameter: "exponent", CacheFor: polarisCacheFor, WholeSeconds: true, weight: polarisWeight}

func polarisWeight(curve float64, age, window time.Duration, base int) int {
	up := max(0, age.Truncate(time.Second)).Seconds()
	w := math.Ceil(math.Abs(math.Pow(up/window.Seconds(), curve) * float64(base)))
	return min(int(w), base)
}
