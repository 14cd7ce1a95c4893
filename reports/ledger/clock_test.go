package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// offset has the clock of pod measured; "" is the harness's.
func (s *sim) offset(pod string, o record.Offset) {
	e := record.Event{At: sec(-1), Payload: record.ClockOffset(o)}
	if pod != "" {
		e.Instance = s.lives[pod].inst
	}
	s.event(e)
}

// offsets has all clocks measured, and found to be one.
func (s *sim) offsets() {
	for pod := range s.lives {
		s.offset(pod, record.Offset{})
	}
}

// What has a clock that nobody measured, beside others that were, is no
// account to be trusted.
func TestUnmeasuredClock(t *testing.T) {
	s := newSim(6 * time.Second)
	s.offsets()
	sound(t, s.run())
	i := slices.IndexFunc(s.in.Events, func(e record.Event) bool { return e.Kind() == record.KindClockOffset && e.Instance.Pod == "b-2" })
	s.in.Events = slices.Delete(s.in.Events, i, i+1)
	require.Contains(t, strings.Join(Build(s.in).Defects, "\n"), "the clock of b-2/1 was never measured")
}

// An order of two instants from different clocks that lie closer together than
// both are wrong is no certainty, and says so.
func TestUncertainOrderOfEvents(t *testing.T) {
	rejected := func(s *sim, after time.Duration) func(r *record.Request) {
		i := slices.IndexFunc(s.in.Events, func(e record.Event) bool { return e.Kind() == record.KindDeregistered })
		return func(r *record.Request) {
			breakAt(r, 1, record.Rejected)
			r.Trail[1].Call.At = s.in.Events[i].At.Add(after)
		}
	}
	for what, c := range map[string]struct {
		clocks bool
		after  time.Duration
		unsure bool
	}{
		"closer than both are wrong": {true, 400 * time.Microsecond, true},
		"further":                    {true, 2 * time.Millisecond, false},
		"one clock":                  {false, 400 * time.Microsecond, false},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSim(6 * time.Second)
			s.lossless("b-1", sec(1.99), push)
			if c.clocks {
				s.offsets()
				s.offset("a-1", record.Offset{Ahead: 9000, Within: 300})
				s.offset("b-1", record.Offset{Ahead: -200, Within: 300})
			}
			x := one(t, s, 2.01, rejected(s, c.after))
			const words = "(within the clock uncertainty of 0.80 ms)"
			if c.unsure {
				require.Contains(t, x.Explanation, words)
			} else {
				require.NotContains(t, x.Explanation, words)
			}
			k := Build(s.in).Clock
			if c.clocks {
				require.Equal(t, 8, k.Measured)
				require.Equal(t, 1, k.Corrected, "the other differs by less than can be told")
				require.Equal(t, 500*time.Microsecond, k.Uncertainty, "what was not corrected may be off by all of it")
				require.Equal(t, "b-1/1", k.WorstClock)
			} else {
				require.Equal(t, Clock{PushDelay: 500 * time.Millisecond}, k)
			}
		})
	}
}

// A window is wider by what the clocks cannot tell apart: a request that ended
// half a millisecond before the harness noted the kill was its victim.
func TestClocksWidenWindows(t *testing.T) {
	for within, window := range map[record.Micros]Window{0: Unexplained, 1000: Crash} {
		s := newSim(6 * time.Second)
		s.kill("b-1", sec(2.5), push)
		if within > 0 {
			s.offsets()
			s.offset("", record.Offset{Within: within})
		}
		x := one(t, s, 2, func(r *record.Request) {
			breakAt(r, 1, record.EOF)
			r.Done = sec(2.5) - 500
			r.FirstByte = r.Done
		})
		require.Equal(t, window, x.Window, x.Explanation)
		if within > 0 {
			require.Contains(t, x.Explanation, "within the clock uncertainty of 1.0 ms")
		}
	}
}

// What a subscriber hears is measured at both ends, in every runtime alike.
func TestPropagations(t *testing.T) {
	s := newSim(4 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	l := s.run()
	require.NotEmpty(t, l.Propagations)
	for _, p := range l.Propagations {
		require.Equal(t, "b-1/1", p.Instance.String())
		require.False(t, p.Added)
		require.Equal(t, "spring-cloud-b", p.Service)
		require.InDelta(t, push.Seconds(), p.Took.Seconds(), 0.05)
	}
	require.Len(t, l.Propagations, 2, "both A have B's list; the gateway has not")

	// Whoever caches does not measure the registry; who has no list before
	// the change has nothing to compare.
	s = newSim(4 * time.Second)
	s.in.Plan.Workloads[1].Settings.Consumer.Cache = "poll30"
	s.deregisterFirst("b-1", sec(2), push)
	require.Len(t, s.run().Propagations, 1)
}
