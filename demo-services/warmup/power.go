package warmup

import (
	"math"
	"time"
)

// power is the family MSE's curve belongs to, its exponent c 2 there: the
// weight is round(W·x^c), between 1 and W, x = u/T. The vendor's rounding is
// unpublished; this one is Sermant's (GraceSwitchInterceptor.calculateWeight).
// A start in the future weighs 1.
var power = Model{Name: "power", Curve: 2, Parameter: "exponent", weight: powerWeight}

func powerWeight(curve float64, age, window time.Duration, base int) int {
	if age <= 0 {
		return 1
	}
	x := float64(age) / float64(window)
	return clamp(int(math.Round(math.Pow(x, curve)*float64(base))), base)
}
