package warmup

import (
	"math"
	"time"
)

// sermant is Sermant's formula (GraceSwitchInterceptor.calculateWeight):
// Math.round(W·(u/T)^c), between 1 and W, with u and T in whole milliseconds and c
// an integer (default 2). A start in the future has weight 1; [sermantSkew] has
// what Sermant does instead.
var sermant = Model{Name: "sermant", Curve: 2, Parameter: "exponent", IntegerCurve: true, weight: sermantWeight}

func sermantWeight(curve float64, age, window time.Duration, base int) int {
	up := age.Milliseconds()
	if up <= 0 {
		return 1
	}
	x := float64(up) / (float64(window) / float64(time.Millisecond))
	return clamp(int(math.Round(math.Pow(x, max(1, math.Trunc(curve)))*float64(base))), base)
}
