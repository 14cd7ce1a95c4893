package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger/warmup"
)

func TestWarmUpThatFollowsItsRule(t *testing.T) {
	s, _ := startupRun()
	w := s.run().Warmups[0]
	require.Empty(t, w.Unmeasured)
	require.Equal(t, 2.0, w.DeclaredExponent)
	require.True(t, w.Exponent.Contains(2))
	for _, other := range warmup.NeighbourExponents(2) {
		require.False(t, w.Exponent.Contains(other))
	}
	require.True(t, w.Fit.Agrees(warmup.FitSignificance))
	require.True(t, w.Fit.Regular(warmup.FitSignificance), "the consumers take turns")
	require.True(t, w.Fairness.Agrees(warmup.FitSignificance))
	require.InDelta(t, 0, w.Step.Size, 0.02)
	require.True(t, w.Governed.Contains(1))
	require.Zero(t, w.UnlistedCalls)
	require.Len(t, w.Consumers, 4)
	require.Greater(t, w.Requests, w.RequestsNeeded)
	holds, known := w.Holds()
	require.True(t, known && holds)
}

func TestBinsHaveEveryCall(t *testing.T) {
	s, fresh := startupRun()
	l := s.run()
	w := l.Warmups[0]
	require.Equal(t, []record.Instance{{Pod: "c-1", Incarnation: 1}}, w.Peers)
	require.Equal(t, 9800*time.Millisecond, w.Listening.Round(time.Millisecond))
	require.Equal(t, 10*time.Second, *w.Registered)
	require.Equal(t, 11*time.Second, *w.Ready)
	require.Equal(t, 50*time.Second, *w.WarmedUp)
	sent, got, before := 0, 0, 0
	for i, b := range w.Bins {
		if i > 0 {
			require.Equal(t, w.Bins[i-1].To, b.From)
		}
		require.Equal(t, b.Sent, b.Got+b.Others[0])
		if b.To <= w.Start {
			before++
			require.Zero(t, b.Expected, "nobody knows it")
			require.Zero(t, b.High)
		} else if b.From >= w.Start+time.Second {
			require.InDelta(t, b.Expected, float64(b.Got), 4, "four consumers take turns: each is off by less than one")
			require.LessOrEqual(t, b.Low, b.Expected)
			require.GreaterOrEqual(t, b.High, b.Expected)
		}
		sent, got = sent+b.Sent, got+b.Got
	}
	require.Equal(t, 4, before, "a tenth of the window")
	require.Equal(t, 54*200, sent, "every call from 6 s to 60 s")
	all := 0
	for _, i := range l.Instances {
		if i.Instance == fresh.inst {
			for _, n := range i.PerSecond[:60] {
				all += n
			}
		}
	}
	require.InDelta(t, all, got, 2, "but for those that are on their way at the edge")
}

func TestUnmeasuredWarmUpSaysWhy(t *testing.T) {
	for why, stage := range map[string]func(s *sim, fresh *simLife){
		"only 50 % of its window was observed: the load ended or the instance left": func(s *sim, fresh *simLife) {
			s.tell(fresh, sec(30), record.KindPodDeleted)
		},
		"only 75 % of its window was observed: the load ended or the instance left": func(s *sim, _ *simLife) {
			for i, e := range s.in.Events {
				if e.Kind() == record.KindLoadEnd {
					s.in.Events[i].At = sec(40)
				}
			}
		},
		"its rule changed during the warm-up": func(s *sim, _ *simLife) {
			s.changeRule(30, func(h *record.ListedHost) { h.Warmup.Window = 20 * time.Second })
		},
		"the exponent has no effect: all instances warmed up at the same time": func(s *sim, _ *simLife) {
			s.listed(func(hosts []record.ListedHost) { hosts[0].Start = hosts[1].Start })
			s.spoil = nil // they take turns
		},
		"20 requests arrived within the window: too few to test its curve": func(s *sim, _ *simLife) {
			s.listed(func(hosts []record.ListedHost) {
				for i := range hosts {
					hosts[i].Warmup = record.ListedWarmup{Model: "envoy", Window: 40 * time.Second}
				}
			})
			for i := range s.in.Plan.Streams {
				s.in.Plan.Streams[i].Rate = 0.25
			}
		},
		"no consumer that reports its list called it during the warm-up":    func(s *sim, _ *simLife) { s.spoil = func(r *record.Request) { r.Trail = nil } },
		"it was the only instance: without others, a warm-up has no effect": func(s *sim, _ *simLife) { s.shown(1, 2) },
		"380 requests arrived within the window; distinguishing an exponent of 2 from its neighbours takes 509": func(s *sim, _ *simLife) {
			for i := range s.in.Plan.Streams {
				s.in.Plan.Streams[i].Rate = 5
			}
		},
	} {
		t.Run(why, func(t *testing.T) {
			s, fresh := startupRun()
			stage(s, fresh)
			w := s.run().Warmups[0]
			require.Nil(t, w.Exponent)
			require.Equal(t, why, w.Unmeasured)
			_, known := w.Holds()
			require.False(t, known)
			require.Equal(t, strings.Contains(why, "the only instance") || strings.Contains(why, "at the same time"), w.NoEffect)
		})
	}
}

// TestModelWithGroupedWeights is held to what its name says: of two,
// Polaris's guard lets nobody warm up.
func TestModelWithGroupedWeights(t *testing.T) {
	for model, kept := range map[string]bool{"polaris-guard": true, "polaris": false} {
		s, _ := startupRun()
		s.listed(func(hosts []record.ListedHost) {
			for i := range hosts {
				hosts[i].Warmup = record.ListedWarmup{Model: model, Window: 40 * time.Second}
			}
		})
		s.spoil = nil // they take turns
		w := s.run().Warmups[0]
		holds, known := w.Holds()
		require.True(t, known, w.Unmeasured)
		require.Equal(t, kept, holds, model)
		for _, b := range w.Buckets {
			require.Equal(t, 1, b.Position, "the other one stands before it")
		}
		for _, b := range w.Bins {
			if kept && b.From >= w.Start+time.Second && b.To <= w.Start+w.Window {
				require.InDelta(t, 1, b.Weight, 1e-9)
				require.InDelta(t, float64(b.Sent)/2, b.Expected, 1e-9)
			}
		}
	}
}

// changeRule adds, at an instant, lists in which the fresh one is told otherwise.
func (s *sim) changeRule(at float64, change func(host *record.ListedHost)) {
	for _, e := range s.in.Events {
		list, ok := e.Payload.(record.ListChanged)
		if !ok || e.At < sec(1) {
			continue
		}
		list.Hosts = slices.Clone(list.Hosts)
		change(&list.Hosts[1])
		e.At, e.Payload = sec(at), list
		s.in.Events = append(s.in.Events, e)
	}
}

// listed changes the lists of after the start.
func (s *sim) listed(change func(hosts []record.ListedHost)) {
	for i, e := range s.in.Events {
		if list, ok := e.Payload.(record.ListChanged); ok && e.At > sec(1) {
			list.Hosts = slices.Clone(list.Hosts)
			change(list.Hosts)
			s.in.Events[i].Payload = list
		}
	}
}

// shown makes the lists of after the start show hosts from one to another only.
func (s *sim) shown(from, to int) {
	for i, e := range s.in.Events {
		if list, ok := e.Payload.(record.ListChanged); ok && e.At > sec(1) {
			list.Hosts = list.Hosts[from:to]
			s.in.Events[i].Payload = list
		}
	}
}

// TestRequestsNeededForDeclaredExponents: nobody declares a 6, which takes half as
// many requests again to tell from 5 as 4 does.
func TestRequestsNeededForDeclaredExponents(t *testing.T) {
	s, _ := startupRun()
	s.listed(func(hosts []record.ListedHost) {
		for i := range hosts {
			hosts[i].Warmup = record.ListedWarmup{Model: "power", Curve: 5, Window: 40 * time.Second}
		}
	})
	w := s.run().Warmups[0]
	require.Equal(t, curve.RequestsNeeded(2, 5, 4, 0.99), w.RequestsNeeded)
	require.Empty(t, w.Unmeasured)
	require.False(t, w.Exponent.Contains(5), "it came by x²")
}

// TestWarmingPhase; one that is told of a window later was.
func TestWarmingPhase(t *testing.T) {
	phases := func(l *Ledger, who record.Instance) (names []string) {
		for _, i := range l.Instances {
			if i.Instance == who {
				for _, p := range i.Phases {
					names = append(names, p.Name)
				}
			}
		}
		return names
	}
	s, fresh := startupRun()
	old := s.lives["c-1"]
	s.tell(old, sec(20), record.KindWarmupStart)
	l := s.run()
	require.Equal(t, []string{"starting", "listening", "registered", "warming", "serving"}, phases(l, fresh.inst))
	require.Equal(t, []string{"starting", "listening", "registered", "serving"}, phases(l, old.inst))
}
