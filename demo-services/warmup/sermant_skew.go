package warmup

import "time"

// sermantSkew is Sermant's as it is (GraceSwitchInterceptor.calculateWeight):
// its curve is for 0 < u < T in whole milliseconds, all else weighs W, a start
// in the future of the consumer's clock too.
var sermantSkew = Model{
	Name: "sermant-skew", Curve: 2, Parameter: "exponent", IntegerCurve: true,
	Defect: "an instance weighs all while the consumer's clock is behind its start",
	weight: sermantSkewWeight,
}

func sermantSkewWeight(curve float64, age, window time.Duration, base int) int {
	if age.Milliseconds() <= 0 {
		return base
	}
	return sermantWeight(curve, age, window, base)
}
