package present

import (
	"math"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports/ledger"
)

// AxisStep is the distance between the lines of an axis: the smallest of 1, 2 and
// 5 times a power of ten that is at least want.
func AxisStep(want float64) float64 {
	magnitude := math.Pow(10, math.Floor(math.Log10(want)))
	for _, m := range []float64{1, 2, 5} {
		if m*magnitude >= want*(1-1e-9) {
			return m * magnitude
		}
	}
	return 10 * magnitude
}

// AxisDecimals is how many decimal places tell the labels of an axis apart.
func AxisDecimals(step float64) int { return max(0, int(math.Ceil(-math.Log10(step)-1e-9))) }

// AxisTime is the label of a time axis: "0 s", "+10 s".
func AxisTime(seconds, step float64) string {
	if math.Abs(seconds) < 1e-9 {
		return "0 s"
	}
	return format.SignedFloat(seconds, AxisDecimals(step)) + " s"
}

// RunEnd is the right end of a time axis: the first whole second by which the run
// is over, at least one.
func RunEnd(l *ledger.Ledger) time.Duration {
	end := max(l.Duration, time.Second)
	for _, x := range l.Losses {
		end = max(end, x.Done)
	}
	return (end + time.Second - 1).Truncate(time.Second)
}
