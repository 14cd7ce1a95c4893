package warmup

import (
	"math"
	"time"
)

// envoyFloor is the default of slow_start_config.min_weight_percent as a fraction.
const envoyFloor = 0.10

// envoy is Envoy's slow start (EdfLoadBalancerBase::applySlowStartFactor):
// W·max(0.10, x^(1/a)), x = max(1 ms, u)/T, u in whole milliseconds, a the
// aggression (default 1.0; above it the curve bends up, below it down). Envoy's
// documentation says max(1 s, u), its code says 1 ms.
//
// Envoy's weights are floating-point numbers; ours are rounded to integers and at
// least 1. Envoy counts u on its own clock from when the host joins or first
// passes its health check, so u cannot be negative. Here a start in the future
// has the minimum weight.
var envoy = Model{Name: "envoy", Curve: 1, Parameter: "aggression", weight: envoyWeight}

func envoyWeight(aggression float64, age, window time.Duration, base int) int {
	x := float64(max(1, age.Milliseconds())) / (float64(window) / float64(time.Millisecond))
	w := float64(base) * max(envoyFloor, math.Pow(x, 1/aggression))
	return clamp(int(math.Round(w)), base)
}
