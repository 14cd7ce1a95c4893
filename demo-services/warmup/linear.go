package warmup

import "time"

// linear is W·u/T, truncated as in Dubbo, between 1 and W, with u in whole
// milliseconds. A start in the future (clocks differ) has weight 1. It is [dubbo]
// without the exception of the first millisecond and without float32.
var linear = Model{Name: "linear", weight: linearWeight}

func linearWeight(_ float64, age, window time.Duration, base int) int {
	if age < 0 || window < time.Millisecond {
		return 1
	}
	return clamp(int(age.Milliseconds()*int64(base)/window.Milliseconds()), base)
}
