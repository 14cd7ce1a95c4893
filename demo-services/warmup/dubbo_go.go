package warmup

import "time"

// dubboGo is dubbo-go's formula (cluster/loadbalance GetWeightAt): u·W/T in
// float64, truncated, at least 1; but with u in milliseconds, and weight 1 for a
// start in the future. [dubboGoSeconds] has dubbo-go's whole seconds.
var dubboGo = Model{Name: "dubbo-go", weight: dubboGoWeight}

func dubboGoWeight(_ float64, age, window time.Duration, base int) int {
	if age < 0 {
		return 1
	}
	up, warm := float64(age.Milliseconds()), float64(window)/float64(time.Millisecond)
	return clamp(int(up*float64(base)/warm), base)
}
