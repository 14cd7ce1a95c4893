package warmup

import "time"

// dubbo is Dubbo's for Java, exactly (AbstractLoadBalance.getWeight and
// calculateWarmupWeight): (int)(u / ((float)T/W)), between 1 and W, u and T in
// whole milliseconds, the division in float32. A start in the future weighs 1.
// In the very millisecond of the start it weighs W: the formula is for u > 0.
// There T is 600 s and W 100 unless the URL says otherwise.
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
