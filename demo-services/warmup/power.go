package warmup

import (
	"math"
	"time"
)

// power is round(W·x^c), between 1 and W, with x = u/T. MSE's curve is of this
// kind, with exponent c = 2. How MSE rounds is not published; this is Sermant's
// rounding (GraceSwitchInterceptor.calculateWeight). A start in the future has
// weight 1.
var power = Model{Name: "power", Curve: 2, Parameter: "exponent", weight: powerWeight}

func powerWeight(curve float64, age, window time.Duration, base int) int {
	if age <= 0 {
		return 1
	}
	x := float64(age) / float64(window)
	return clamp(int(math.Round(math.Pow(x, curve)*float64(base))), base)
}
