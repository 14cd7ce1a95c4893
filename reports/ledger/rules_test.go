package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rule is one that lists tell of the fresh one.
func rule(window time.Duration) func(map[string]any) {
	return func(h map[string]any) {
		h["warmup"] = map[string]any{"model": "power", "curve": 2, "window": int64(window)}
	}
}

const changedMeanwhile = "its rule was changed while it warmed up"

// TestWhenARuleChanges: what came of a warm-up, and whether there was one, by
// when its consumers heard that its rule is another. It warms up from 10 s to
// 50 s.
func TestWhenARuleChanges(t *testing.T) {
	type came struct {
		window     time.Duration
		unmeasured string
	}
	forty := came{window: 40 * time.Second}
	for what, c := range map[string]struct {
		at   float64
		rule func(map[string]any)
		want []came
	}{
		"when it was over, to one that is over":   {60, rule(20 * time.Second), []came{forty}},
		"when it was over, to one that is longer": {60, rule(100 * time.Second), []came{forty, {100 * time.Second, changedMeanwhile}}},
		"when it was over, to none":               {60, rule(0), []came{forty}},
		"at its end":                              {50, rule(0), []came{forty}},
		"shortly before":                          {49.9, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to none":                      {30, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to one that is over":          {30, rule(15 * time.Second), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to one that is longer":        {30, rule(45 * time.Second), []came{{40 * time.Second, changedMeanwhile}, {45 * time.Second, changedMeanwhile}}},
		"at once, to none":                        {11, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
	} {
		t.Run(what, func(t *testing.T) {
			s, _ := cameOnline()
			s.retold(c.at, c.rule)
			var got []came
			for _, w := range s.run().Warmups {
				got = append(got, came{w.Window, w.Unmeasured})
				require.Equal(t, w.Unmeasured != "", w.Cut)
				if w.Unmeasured == "" {
					holds, known := w.Holds()
					require.True(t, holds && known)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestAPodThatIsToldAMomentLater is one that registers by the rules it was made
// with, and publishes those in force a second later: by them it is measured.
func TestAPodThatIsToldAMomentLater(t *testing.T) {
	s, _ := cameOnline()
	inForce := slices.Clone(s.in.Events)
	s.listed(func(hosts []map[string]any) { rule(30 * time.Second)(hosts[1]) })
	before := s.in.Events
	s.in.Events = inForce
	s.retold(11.5, rule(40*time.Second))
	s.in.Events = append(before, s.in.Events[len(inForce):]...)

	l := s.run()
	require.Len(t, l.Warmups, 1, "nothing came by the other rule")
	w := l.Warmups[0]
	require.Equal(t, 40*time.Second, w.Window)
	require.Empty(t, w.Unmeasured)
	require.False(t, w.Cut)
	require.True(t, w.Exponent.Contains(2))
	require.Len(t, w.Buckets, 4*(25-1), "the first stretch tells nothing")
}

// TestBesideOneThatWarmsUpByAnotherRule no share is known.
func TestBesideOneThatWarmsUpByAnotherRule(t *testing.T) {
	s, _ := cameOnline()
	s.listed(func(hosts []map[string]any) {
		hosts[0]["start"] = int64(sec(-10)) / 1000
		rule(30 * time.Second)(hosts[0]) // until 20 s
	})
	for _, b := range s.run().Warmups[0].Buckets {
		require.GreaterOrEqual(t, b.From, 0.25)
		require.False(t, b.Others[0].Cold)
	}
}
