package warmup

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeclaredExponent(t *testing.T) {
	for _, c := range []struct {
		model string
		curve float64
		want  float64
	}{{"", 0, 1}, {"linear", 0, 1}, {"dubbo", 0, 1}, {"power", 0, 2}, {"power", 3, 3}, {"sermant", 0, 2}, {"sermant-skew", 2, 2}, {"envoy", 1, 0}, {"polaris", 1, 0}, {"unheard-of", 2, 0}} {
		require.Equal(t, c.want, declaredExponent(Measurement{Model: c.model, Curve: c.curve}), c.model)
	}
}

func TestNeighbourExponents(t *testing.T) {
	for c, want := range map[float64][]float64{1: {2}, 2: {1, 3}, 1.5: {1, 2}, 0.5: {1}, 5: {4}, 4.5: {4, 5}} {
		require.Equal(t, want, NeighbourExponents(c), c)
	}
}

// TestFollowedExponent: Sermant ignores the fraction of an exponent.
func TestFollowedExponent(t *testing.T) {
	for _, c := range []struct {
		model string
		curve float64
		want  float64
	}{{"linear", 0, 1}, {"dubbo-go-seconds", 0, 1}, {"power", 2.5, 2.5}, {"power", 2.999, 2.999}, {"sermant", 2.5, 2}, {"sermant-skew", 3, 3}, {"sermant", 0.5, 1}, {"envoy", 2, 0}} {
		require.Equal(t, c.want, effectiveExponent(Measurement{Model: c.model, Curve: c.curve, Window: time.Minute}), "%s %v", c.model, c.curve)
	}
	require.Equal(t, 2.5, declaredExponent(Measurement{Model: "sermant", Curve: 2.5}), "the declared exponent is reported unchanged")
}
