// Package format writes numbers, durations and probabilities for people. Every
// report and picture uses it, so that the same figure looks the same everywhere.
package format

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// minus is the typographic minus sign.
const minus = "−"

// Int writes n with thousands separators: 7,000.
func Int[N int | uint64](n N) string {
	return message.NewPrinter(language.English).Sprintf("%d", n)
}

// Count writes a number of things: "1 release", "2 releases".
func Count[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Int(n) + " " + noun + "s"
}

// Duration writes d with its unit: 0 ms, 0.09 ms, 3.1 ms, 35 ms, 548 ms, 4.2 s.
// The page's script does the same (took in base.js).
func Duration(d time.Duration) string {
	if d < 0 {
		return minus + Duration(-d)
	}
	if d < time.Second {
		return Ms(d) + " ms"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Ms writes d in milliseconds without the unit, for columns and axes that name
// it: 0, 0.09, 3.1, 35, 548, 120,000.
func Ms(d time.Duration) string {
	if d < 0 {
		return minus + Ms(-d)
	}
	switch v := float64(d) / float64(time.Millisecond); {
	case v == 0:
		return "0"
	case v < 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 9.95: // rounds to less than 10.0
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return Int(int(v + 0.5))
	}
}

// SignedMs writes d as [Ms] does, always with its sign: +12.0.
func SignedMs(d time.Duration) string {
	if d < 0 {
		return Ms(d)
	}
	return "+" + Ms(d)
}

// Millis returns d in milliseconds, to the microsecond, for data.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Offset writes a time since the start of the load: +10.012 s.
func Offset(d time.Duration) string { return SignedFloat(d.Seconds(), 3) + " s" }

// Seconds writes a length that somebody configured: 12 s, 0.5 s.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.4g s", d.Seconds()) }

// SignedFloat writes v with its sign and so many decimal places: +1.9, −0.5.
func SignedFloat(v float64, decimals int) string {
	if v < 0 {
		return minus + strconv.FormatFloat(-v, 'f', decimals, 64)
	}
	return "+" + strconv.FormatFloat(v, 'f', decimals, 64)
}

// UpperBound writes an upper bound of a probability as a percentage of at most
// three significant digits. It rounds up, because a bound must stay a bound, but
// never to 100 %: 0 %, 0.043 %, 25.9 %, over 99 %, 100 %.
func UpperBound(p float64) string {
	switch {
	case p >= 1:
		return "100 %"
	case p > 0.9989:
		return "over 99 %"
	case p <= 0:
		return "0 %"
	}
	percent := p * 100
	unit := math.Pow10(2 - int(math.Floor(math.Log10(percent))))
	return strconv.FormatFloat(math.Ceil(percent*unit-1e-6)/unit, 'g', 3, 64) + " %"
}

// PValue writes the probability that a statistical test returns. A power of ten
// would lose its sign in a picture, whose font has no raised minus.
func PValue(p float64) string {
	switch {
	case p < 1e-6:
		return "p < 0.000001"
	case p < 0.0995:
		return fmt.Sprintf("p = %.2g", p)
	}
	return fmt.Sprintf("p = %.2f", p)
}
