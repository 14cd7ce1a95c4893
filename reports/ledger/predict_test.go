package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// The predicted band is that of the push, not of what was lost: with the push
// twice as late it moves, whatever the requests say.
func TestPredictionFollowsTheEvents(t *testing.T) {
	band := func(late time.Duration) (int, int) {
		s := newSim(6 * time.Second)
		s.deregisterFirst("b-1", sec(2), late)
		s.spoil = func(r *record.Request) { // no loss is recorded at all
			r.Class, r.Status = "", 200
			for i := range r.Trail {
				if c := r.Trail[i].Call; c != nil {
					c.Class = ""
				}
			}
		}
		a := s.run().arm("base")
		return a.PredictedLow, a.PredictedHigh
	}
	low, high := band(push)
	require.True(t, low <= 27 && 28 <= high, "%d..%d", low, high)
	low, high = band(2 * push)
	require.True(t, low <= 55 && 55 <= high, "%d..%d", low, high)
	require.Greater(t, low, 45)
}

// A rolling update with a surge: the successor is in the list when the old one
// goes, so that the old one's share is a third, whatever it was before.
func TestPredictionSharesByTheList(t *testing.T) {
	s := newSim(6 * time.Second)
	s.live("b-3", sec(1.5), "127.0.1.70:20001") // registered at +1.8
	for _, pod := range []string{"a-1", "a-gray-1"} {
		s.list(s.lives[pod], sec(1.8))
	}
	s.deregisterFirst("b-1", sec(2), push)
	l := s.run()
	sound(t, l)
	a := l.arm("base")
	require.InDelta(t, 18.3, float64(a.Lost), 1)
	require.InDelta(t, 33.3, l.Releases[0].Rate, 1)
	require.GreaterOrEqual(t, a.Lost, a.PredictedLow, a.PredictionBasis)
	require.LessOrEqual(t, a.Lost, a.PredictedHigh, a.PredictionBasis)
	require.LessOrEqual(t, a.PredictedHigh-a.PredictedLow, 6)

	// The successor arrives while the route is stale: the share changes on
	// the way.
	s = newSim(6 * time.Second)
	s.live("b-3", sec(1.9), "127.0.1.70:20001") // registered at +2.2
	s.deregisterFirst("b-1", sec(2), push)
	for _, pod := range []string{"a-1", "a-gray-1"} {
		s.list(s.lives[pod], sec(2.2))
	}
	l = s.run()
	a = l.arm("base")
	require.InDelta(t, 0.195*50+0.355*100/3, float64(a.Lost), 1.5)
	require.GreaterOrEqual(t, a.Lost, a.PredictedLow, a.PredictionBasis)
	require.LessOrEqual(t, a.Lost, a.PredictedHigh, a.PredictionBasis)
	require.LessOrEqual(t, a.PredictedHigh-a.PredictedLow, 8)
}

// A consumer that was told hears before the registry pushes, and one that
// never hears goes on until the load ends.
func TestPredictionEndsWhenTheConsumerAvoidsTheInstance(t *testing.T) {
	s := newSim(6 * time.Second)
	b := s.deregisterFirst("b-1", sec(2), push)
	a := s.lives["a-1"]
	s.event(record.Event{At: b.closed + 100_000, Instance: a.inst, Workload: a.workload, Payload: record.MarkSet{Marked: b.inst, Source: record.SourceNotice}})
	told := s.run().arm("base")
	require.LessOrEqual(t, told.PredictedLow, 5)
	require.LessOrEqual(t, told.PredictedHigh, 8, told.PredictionBasis)
	require.GreaterOrEqual(t, told.PredictedHigh, 5)

	s = newSim(6 * time.Second)
	s.deregisterFirst("b-1", sec(2), never)
	l := s.run().arm("base")
	require.Greater(t, l.PredictedLow, 180, l.PredictionBasis)
	require.Contains(t, l.PredictionBasis, "no update received")
}

// Where consumers tell nothing of their lists, the registry's acknowledgement
// has to do.
func TestHeardByPush(t *testing.T) {
	s := newSim(6 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	var kept []record.Event
	for _, e := range s.in.Events {
		if e.Kind() != record.KindListChanged {
			kept = append(kept, e)
		}
	}
	s.in.Events = kept
	s.event(record.Event{At: sec(2.56), Service: "spring-cloud-b", Payload: record.Push{Subscriber: "a", FirstChange: sec(2.005)}})
	l := s.run()
	require.Equal(t, 2560*time.Millisecond, *l.Releases[0].LastHeard)
	a := l.arm("base")
	require.LessOrEqual(t, a.PredictedLow, a.Lost)
	require.GreaterOrEqual(t, a.PredictedHigh, a.Lost)
}

// An instance that goes before its own rate could be measured is taken at its
// share of the declared load.
func TestDeclaredRate(t *testing.T) {
	s := newSim(4 * time.Second)
	s.deregisterFirst("b-1", sec(0.05), push)
	l := s.run()
	a := l.arm("base")
	require.InDelta(t, 50, l.Releases[0].Rate, 0.1)
	require.Contains(t, a.PredictionBasis, "declared 50.0/s")
	require.LessOrEqual(t, a.PredictedLow, a.Lost)
	require.GreaterOrEqual(t, a.PredictedHigh, a.Lost)
}

func TestCutInFlightIsPredicted(t *testing.T) {
	s := newSim(4 * time.Second)
	l := s.deregisterFirst("b-1", sec(2), push)
	s.event(record.Event{At: sec(2.007), Instance: l.inst, Payload: record.RequestsCut{Requests: 3}})
	got := s.run().arm("base")

	s = newSim(4 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	plain := s.run().arm("base")
	require.Equal(t, plain.PredictedLow+3, got.PredictedLow)
	require.Equal(t, plain.PredictedHigh+3, got.PredictedHigh)
	require.Contains(t, got.PredictionBasis, "3 cut in flight")
}
