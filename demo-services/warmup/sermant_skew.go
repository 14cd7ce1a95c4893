package warmup

import "time"

// sermantSkew is the model of Sermant with its defect
// (GraceSwitchInterceptor.calculateWeight): the curve applies for 0 < u < T in
// whole milliseconds; otherwise the weight is W, even if the start is in the
// future of the consumer's clock.
var sermantSkew = Model{
	Name: "sermant-skew", Curve: 2, Parameter: "exponent", IntegerCurve: true,
	Defect: "an instance has its full weight while the consumer's clock is behind its start",
	weight: sermantSkewWeight,
}

func sermantSkewWeight(curve float64, age, window time.Duration, base int) int {
	if age.Milliseconds() <= 0 {
		return base
	}
	return sermantWeight(curve, age, window, base)
}
