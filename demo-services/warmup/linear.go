package warmup

import "time"

// linear is Dubbo's (AbstractLoadBalance.calculateWarmupWeight):
// (int)(uptime / (warmup/weight)), between 1 and weight, uptime in whole
// milliseconds. A start in the future (clocks differ) weighs 1; an uptime of 0
// weighs all, as it does there.
var linear = Model{Name: "linear", Curve: 1, weight: linearWeight}

func linearWeight(_ float64, age, window time.Duration, base int) int {
	up := age.Milliseconds()
	switch {
	case age < 0:
		return 1
	case up == 0:
		return base
	}
	// Java divides floats; so do we, lest a step comes a millisecond apart.
	ww := int(float32(up) / (float32(window.Milliseconds()) / float32(base)))
	return min(max(ww, 1), base)
}
