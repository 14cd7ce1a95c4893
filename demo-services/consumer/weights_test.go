package consumer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

const minute = time.Minute

// viewOf returns a view of n hosts. The first one started at the view's zero, the
// others long ago.
func viewOf(model, balancer string, n int) *View {
	v := New(Config{Epoch: epoch, Seed: 1, Consumer: settings.Consumer{Balancer: balancer}})
	var list []Host
	for i := range n {
		h := host(fmt.Sprint(i))
		h.Start -= 10 * minute.Milliseconds()
		if i == 0 {
			h.Start = epoch
		}
		h.Warmup = settings.Warmup{Model: model, Curve: 1, Window: minute}
		list = append(list, h)
	}
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	return v
}

func TestWeightsOverTime(t *testing.T) {
	for _, c := range []struct {
		model string
		n     int
		at    string // times of picks, in order
		want  string // weights then
	}{
		{"power", 3, "0s 6s 30s 59s 1m 2m", "[1 100 100] [10 100 100] [50 100 100] [98 100 100] [100 100 100] [100 100 100]"},
		// Weights are valid for a thousandth of the window: 60 ms.
		{"power", 2, "30.59s 30.6s 30.65s 30.66s", "[51 100] [51 100] [51 100] [51 100]"},
		{"power", 2, "30.86s 30.91s 30.92s", "[51 100] [51 100] [52 100]"},
		// A warm host gets its full weight at once, not at the next refresh.
		{"power", 2, "59.97s 1m", "[100 100] [100 100]"},
		{"envoy", 3, "0s 30s", "[10 100 100] [50 100 100]"},
		// Steps of 5 s from the first refresh, at whole seconds.
		{"polaris", 3, "0s 4.9s 5s 9.9s 11s 15.9s 16s", "[0 100 100] [0 100 100] [9 100 100] [9 100 100] [19 100 100] [19 100 100] [27 100 100]"},
		// A single host with weight 0 is picked nevertheless.
		{"polaris", 1, "0s 4s 30s", "[100] [100] [50]"},
		{"polaris-guard", 2, "0s 6s", "[100 100] [100 100]"},
		{"polaris-guard", 3, "0s 6s 70s", "[0 100 100] [10 100 100] [100 100 100]"},
		{"polaris-remainder", 3, "0s 6s 70s", "[100 100 100] [100 100 100] [100 100 100]"},
		{"unheard-of", 2, "0s 6s", "[100 100] [100 100]"},
	} {
		var got []string
		v := viewOf(c.model, "", c.n)
		for _, at := range durations(t, c.at) {
			_, _, err := v.Pick(at, "")
			require.NoError(t, err)
			got = append(got, fmt.Sprint(v.balancer.sets[""].weights))
		}
		require.Equal(t, c.want, strings.Join(got, " "), "%s of %d", c.model, c.n)
	}
}

func durations(t *testing.T, s string) (out []time.Duration) {
	t.Helper()
	for f := range strings.FieldsSeq(s) {
		d, err := time.ParseDuration(f)
		require.NoError(t, err)
		out = append(out, d)
	}
	return out
}

// A host with weight 0 is picked only if no other is left.
func TestWeightless(t *testing.T) {
	for _, balancer := range []string{settings.RoundRobin, settings.Random} {
		v := viewOf("polaris", balancer, 3)
		for range 100 {
			h, _, err := v.Pick(0, "")
			require.NoError(t, err)
			require.NotEqual(t, "0", h.Instance.Pod)
		}
		h, _, err := v.Pick(0, "", host("1").Instance, host("2").Instance)
		require.NoError(t, err)
		require.Equal(t, "0", h.Instance.Pod)
		_, _, err = v.Pick(0, "", host("0").Instance, host("1").Instance, host("2").Instance)
		require.ErrorIs(t, err, ErrNoInstance)
	}
}
