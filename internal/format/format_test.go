package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInt(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -4200: "-4,200", -123: "-123"} {
		require.Equal(t, want, Int(n))
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 releases", 1: "1 release", 7000: "7,000 releases"} {
		require.Equal(t, want, Count(n, "release"))
	}
}

func TestMs(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0", 90 * time.Microsecond: "0.09", 3100 * time.Microsecond: "3.1", 35400 * time.Microsecond: "35", 9940 * time.Microsecond: "9.9", 9960 * time.Microsecond: "10", 548 * time.Millisecond: "548", 2 * time.Minute: "120,000"} {
		require.Equal(t, want, Ms(d))
		if d > 0 {
			require.Equal(t, "+"+want, SignedMs(d))
			require.Equal(t, "−"+want, SignedMs(-d))
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 9500 * time.Microsecond: "9.5 ms", 548 * time.Millisecond: "548 ms", 4200 * time.Millisecond: "4.2 s",
		30 * time.Second: "30.0 s", -3 * time.Millisecond: "−3.0 ms",
	} {
		require.Equal(t, want, Duration(d))
	}
}

func TestOffset(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "+0.000 s", 10_012 * time.Millisecond: "+10.012 s", -3 * time.Second: "−3.000 s"} {
		require.Equal(t, want, Offset(d))
	}
}

func TestUpperBoundIsRoundedUpButNeverToCertainty(t *testing.T) {
	for p, want := range map[float64]string{
		1: "100 %", 0.9999: "over 99 %", 0.95: "95 %", 0.25887: "25.9 %", 0.0053: "0.53 %", 0.00043: "0.043 %", 0.001: "0.1 %", 3.0 / 7000: "0.0429 %", 0: "0 %",
	} {
		require.Equal(t, want, UpperBound(p))
	}
}

func TestPValue(t *testing.T) {
	for p, want := range map[float64]string{0: "p < 0.000001", 1e-5: "p = 1e-05", 0.0012: "p = 0.0012", 0.02: "p = 0.02", 0.99: "p = 0.99"} {
		require.Equal(t, want, PValue(p))
	}
}
