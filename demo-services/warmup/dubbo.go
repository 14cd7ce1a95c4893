package warmup

import "time"

// dubbo is exactly the model of Dubbo for Java (AbstractLoadBalance.getWeight and
// calculateWarmupWeight): (int)(u / ((float)T/W)), between 1 and W, with u and T in
// whole milliseconds and the division in float32. A start in the future has weight
// 1. In the first millisecond the weight is W, as the formula applies to u > 0.
// In Dubbo, T is 600 s and W is 100 unless the URL sets them.
var dubbo = Model{Name: "dubbo", weight: dubboWeight}

func dubboWeight(_ float64, age, window time.Duration, base int) int {
	up := age.Milliseconds()
	switch {
	case age < 0:
		return 1
	case up == 0:
		return base
	}
	return clamp(int(float32(up)/(float32(window.Milliseconds())/float32(base))), base)
}
