package warmup

import "time"

// dubboGoSeconds is the model of dubbo-go with its defect (cluster/loadbalance
// GetWeightAt): u·W/T in float64, truncated, at least 1, with u and T in whole
// seconds, and only for 0 < u < T. So the weight is W in the first second, and as
// long as the consumer's clock is before the start.
//
// dubbo-go truncates both ends of u, so its first second ends with a second of
// the clock. This model truncates u itself.
var dubboGoSeconds = Model{
	Name: "dubbo-go-seconds", WholeSeconds: true,
	Defect: "an instance has its full weight in its first whole second, and while the consumer's clock is behind",
	weight: dubboGoSecondsWeight,
}

func dubboGoSecondsWeight(_ float64, age, window time.Duration, base int) int {
	up, warm := int64(age/time.Second), int64(window/time.Second)
	if up <= 0 || up >= warm {
		return base
	}
	return clamp(int(float64(up)*float64(base)/float64(warm)), base)
}
