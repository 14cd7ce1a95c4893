package warmup

import "time"

// dubboGoSeconds is dubbo-go's as it is (cluster/loadbalance GetWeightAt): u·W/T
// in float64, truncated, at least 1, u and T in whole seconds, and only for
// 0 < u < T. So an instance weighs W in its first second, and for as long as
// its start is in the future of the consumer's clock.
//
// There both ends of u are truncated, so that its first second ends with the
// clock's; here u itself is.
var dubboGoSeconds = Model{
	Name: "dubbo-go-seconds", WholeSeconds: true,
	Defect: "an instance weighs all in its first whole second, and while the consumer's clock is behind",
	weight: dubboGoSecondsWeight,
}

func dubboGoSecondsWeight(_ float64, age, window time.Duration, base int) int {
	up, warm := int64(age/time.Second), int64(window/time.Second)
	if up <= 0 || up >= warm {
		return base
	}
	return clamp(int(float64(up)*float64(base)/float64(warm)), base)
}
