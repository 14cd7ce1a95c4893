package warmup

import (
	"math"
	"time"
)

// power is the family MSE's curve belongs to, its exponent 2 there: the
// weight is round(x^curve · base), between 1 and base, x = age/window. The
// vendor's rounding is unpublished; this one is Sermant's
// (GraceSwitchInterceptor). Unlike Sermant's, a start in the future weighs 1,
// not all.
var power = Model{Name: "power", Curve: 2, weight: powerWeight}

func powerWeight(curve float64, age, window time.Duration, base int) int {
	if age <= 0 {
		return 1
	}
	x := float64(age) / float64(window)
	w := int(math.Round(math.Pow(x, curve) * float64(base)))
	return min(max(w, 1), base)
}
