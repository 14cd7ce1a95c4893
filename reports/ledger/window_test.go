package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// one runs s with the first base request from +2 s on broken by spoil, and
// returns its loss.
func one(t *testing.T, s *sim, from float64, spoil func(r *record.Request)) Loss {
	t.Helper()
	done := false
	s.spoil = func(r *record.Request) {
		if !done && r.Stream == "base" && r.Due >= sec(from) && r.Class == "" && r.Trail[1].Call.Callee.Pod == "b-1" {
			done = true
			spoil(r)
		}
	}
	l := s.run()
	sound(t, l)
	for _, x := range l.Losses {
		if x.Due >= sec(from).Sub(simZero) && x.Callee.Pod != "b-2" || x.Callee == (record.Instance{}) {
			return x
		}
	}
	t.Fatal("nothing was lost")
	return Loss{}
}

// lateCut makes the call of b end with class d after it was addressed.
func lateCut(class record.Class, d time.Duration) func(r *record.Request) {
	return func(r *record.Request) {
		breakAt(r, 1, class)
		r.Done = r.Trail[1].Call.At.Add(d)
		r.FirstByte = r.Done
	}
}

func TestWindows(t *testing.T) {
	for what, c := range map[string]struct {
		world  func(s *sim)
		from   float64
		spoil  func(r *record.Request)
		window Window
		says   string
	}{
		"accepted and cut": {
			func(s *sim) { s.deregisterFirst("b-1", sec(2.05), push) }, 2,
			lateCut(record.EOF, 100*time.Millisecond), DrainCut, "before closing its listener",
		},
		"accepted, cut, and sent again in vain": {
			func(s *sim) { s.deregisterFirst("b-1", sec(2.05), push) }, 2, func(r *record.Request) {
				breakAt(r, 1, record.Refused)
				c := r.Trail[1].Call
				c.Masked = []record.Attempt{{At: c.At, Addr: c.Addr, Class: record.ResetBeforeByte}}
				c.At = sec(2.06)
				c.Attempts = 2
				r.Done = c.At.Add(time.Millisecond)
				r.FirstByte = r.Done
			}, DrainCut, "the retry failed too",
		},
		"rejected while the caller had not heard": {
			func(s *sim) { s.lossless("b-1", sec(1.99), push) }, 2.01,
			func(r *record.Request) { breakAt(r, 1, record.Rejected) }, StaleRoute, "b-1/1 had deregistered",
		},
		"stale for longer than the registry promises": {
			func(s *sim) { s.deregisterFirst("b-1", sec(2), 3*time.Second) }, 4.5,
			func(*record.Request) {}, RegistryLag, "must notify its subscribers within 600 ms",
		},
		"stale by its own cache": {
			func(s *sim) {
				s.in.Plan.Workloads[1].Settings.Consumer.Cache = "poll30"
				s.deregisterFirst("b-1", sec(2), 3*time.Second)
			}, 4.5, func(*record.Request) {}, StaleRoute, "b-1/1 had deregistered 2.5 s earlier",
		},
		"the cluster's word of the deletion comes late": {
			func(s *sim) {
				s.deregisterFirst("b-1", sec(2), push)
				for i, e := range s.in.Events {
					if e.Kind() == record.KindPodDeleted {
						s.in.Events[i].At = sec(2.25)
					}
				}
			}, 2.05, func(*record.Request) {}, StaleRoute, "b-1/1 had deregistered",
		},
		"a queue was full": {
			func(*sim) {}, 2, func(r *record.Request) { breakAt(r, 1, record.Overload) }, Overloaded, "the queue of b-1/1 was full",
		},
		"out of ports": {
			func(*sim) {}, 2, func(r *record.Request) { breakAt(r, 1, record.NoLocalPort) }, Overloaded, "a-1/1 had run out of local ports",
		},
		"its callee was not let run": {
			func(s *sim) { s.stall("b-1", sec(1.9), 400*time.Millisecond) }, 2,
			lateCut(record.TimeoutFirstByte, 800*time.Millisecond), Stalled, "b-1/1 got no CPU time for 400 ms",
		},
		"its caller was not let run": {
			func(s *sim) { s.stall("a-1", sec(2.01), 310*time.Millisecond) }, 2,
			lateCut(record.TimeoutConnect, 300*time.Millisecond), Stalled, "a-1/1 got no CPU time for 310 ms",
		},
		"a stall at another time": {
			func(s *sim) { s.stall("b-1", sec(1.5), 400*time.Millisecond) }, 2,
			lateCut(record.TimeoutFirstByte, 800*time.Millisecond), Unexplained, "no release event matches",
		},
		"a stall explains no refusal": {
			func(s *sim) { s.stall("b-1", sec(1.9), 400*time.Millisecond) }, 2,
			func(r *record.Request) { breakAt(r, 1, record.Refused) }, Unexplained, "no release event matches",
		},
		"a release is one, however busy the machine": {
			func(s *sim) {
				s.deregisterFirst("b-1", sec(2.05), push)
				s.stall("b-1", sec(1.9), 400*time.Millisecond)
			}, 2,
			lateCut(record.TimeoutFirstByte, 100*time.Millisecond), DrainCut, "before closing its listener",
		},
		"no reason is known": {
			func(*sim) {}, 2, func(r *record.Request) { breakAt(r, 1, record.ResetMidBody) }, Unexplained, "b-1/1 was serving",
		},
		"refused long before it was released": {
			func(s *sim) { s.deregisterFirst("b-1", sec(3.5), push) }, 2,
			func(r *record.Request) { breakAt(r, 1, record.Refused) }, Unexplained, "no release event matches",
		},
		"its caller was killed and gave it up": {
			func(s *sim) {
				s.live("a-2", sec(-5), "127.0.1.40:20001")
				s.list(s.lives["a-2"], sec(-1))
				s.kill("a-1", sec(2.01), push)
			}, 1.98,
			func(r *record.Request) {
				lateCut(record.Cancelled, 100*time.Millisecond)(r)
				r.Trail[1].Instance = record.Instance{Pod: "a-1", Incarnation: 1}
				r.Trail[0].Call.Callee = r.Trail[1].Instance
			}, Crash, "the caller a-1/1",
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSim(6 * time.Second)
			c.world(s)
			x := one(t, s, c.from, c.spoil)
			require.Equal(t, c.window, x.Window, x.Explanation)
			require.Contains(t, x.Explanation, c.says)
		})
	}
}

func TestColdStart(t *testing.T) {
	s := newSim(6 * time.Second)
	s.live("b-3", sec(1.7), "127.0.1.50:20001") // registered at +2.0
	s.spoil = func(r *record.Request) {
		if c := r.Trail[1].Call; c.Callee.Pod == "b-3" && r.Seq%2 == 0 && r.Stream == "base" {
			breakAt(r, 1, record.TimeoutFirstByte)
		}
	}
	l := s.run()
	sound(t, l)
	require.NotEmpty(t, l.Losses)
	require.Equal(t, len(l.Losses), l.arm("base").ByWindow[ColdStart])
	require.Contains(t, l.Losses[0].Explanation, "was still cold")

	// Addressed before it listens: a list that came too early.
	s = newSim(6 * time.Second)
	early := s.live("b-3", sec(1.7), "127.0.1.50:20001")
	early.registered = sec(1.5)
	s.spoil = func(r *record.Request) {
		if c := r.Trail[1].Call; c.Callee.Pod == "b-3" && c.At < early.listening {
			breakAt(r, 1, record.Refused)
		}
	}
	l = s.run()
	sound(t, l)
	require.NotEmpty(t, l.Losses)
	require.Contains(t, l.Losses[0].Explanation, "before it was listening")
	require.Equal(t, ColdStart, l.Losses[0].Window)
}

// nobody makes the caller's list empty, as the caller tells it.
func nobody(r *record.Request) {
	breakAt(r, 1, record.NoInstance)
	c := r.Trail[1].Call
	c.Callee, c.Addr, c.Attempts = record.Instance{}, "", 0
}

func TestNoInstance(t *testing.T) {
	s := newSim(6 * time.Second)
	x := one(t, s, 2, nobody)
	require.Equal(t, RegistryLag, x.Window)
	require.Contains(t, x.Explanation, "b-1/1, b-2/1 was registered")

	s = newSim(6 * time.Second)
	s.kill("b-2", sec(1), push)
	s.kill("b-1", sec(3), 10*time.Millisecond)
	s.live("b-3", sec(3.01), "127.0.1.50:20001")
	s.lives["b-3"].registered = sec(-1) // so that the sim has someone to call
	s.spoil = func(r *record.Request) {
		if r.Stream == "base" && r.Due >= sec(3.02) && r.Due < sec(3.1) {
			nobody(r)
		}
	}
	l := s.run()
	last := l.Losses[len(l.Losses)-1]
	require.Equal(t, record.NoInstance, last.Class)
	require.Equal(t, ColdStart, last.Window, last.Explanation)
	require.Contains(t, last.Explanation, "b-3/1 was still starting")
}

func TestLastInstanceOfAVersion(t *testing.T) {
	s := newSim(6 * time.Second)
	s.deregisterFirst("b-2", sec(1), 10*time.Millisecond)
	s.deregisterFirst("b-1", sec(2), 10*time.Millisecond)
	s.live("c-2", sec(-5), "127.0.1.60:20001")
	// Someone for the sim to call, whom the ledger does not know.
	s.lives["x"] = &simLife{svc: "spring-cloud-b", registered: sec(-1), dropped: map[string]record.Micros{}, addr: "127.0.1.9:1"}
	s.spoil = func(r *record.Request) {
		if r.Stream == "base" && len(r.Trail) > 1 && r.Trail[1].Call.Callee.Pod == "" {
			nobody(r)
		}
	}
	l := s.run()
	var got []Loss
	for _, x := range l.Losses {
		if x.Class == record.NoInstance {
			got = append(got, x)
		}
	}
	require.NotEmpty(t, got)
	x := got[len(got)-1]
	require.Equal(t, Unexplained, x.Window)
	require.Contains(t, x.Explanation, "the last base instance of spring-cloud-b, b-1/1, had been taken out")
}

func TestPhasesAreGapless(t *testing.T) {
	s := newSim(6 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	s.lossless("b-gray-1", sec(2), push)
	s.kill("c-1", sec(5.9), push)
	l := s.run()
	for _, i := range l.Instances {
		require.NotEmpty(t, i.Phases, i.Instance)
		for n := 1; n < len(i.Phases); n++ {
			require.Equal(t, i.Phases[n-1].To, i.Phases[n].From, i.Instance)
			require.Less(t, i.Phases[n-1].From, i.Phases[n-1].To)
		}
		if i.Instance.Pod == "b-gray-1" {
			var names []string
			for _, p := range i.Phases {
				names = append(names, p.Name)
			}
			require.Equal(t, []string{"starting", "listening", "registered", "serving", "closing", "draining", "closed"}, names)
		}
	}
	require.Equal(t, "gateway", l.Instances[0].Workload, "in the plan's order")
}

func TestPushes(t *testing.T) {
	s := newSim(4 * time.Second)
	s.event(record.Event{At: sec(-2), Service: "spring-cloud-b", Payload: record.Push{Subscriber: "a", FirstChange: sec(-3)}})
	s.event(record.Event{At: sec(1.5), Service: "spring-cloud-b", Payload: record.Push{Subscriber: "a"}})
	s.event(record.Event{At: sec(2.55), Service: "spring-cloud-b", Payload: record.Push{Subscriber: "a", FirstChange: sec(2)}})
	s.event(record.Event{At: sec(9), Service: "spring-cloud-b", Payload: record.Push{Subscriber: "a", FirstChange: sec(8.5)}})
	l := s.run()
	require.Equal(t, []Push{{
		Service: "spring-cloud-b", Subscriber: "a",
		Changed: 2 * time.Second, Acked: 2550 * time.Millisecond, Took: 550 * time.Millisecond,
	}}, l.Pushes, "those of changes under load")
}

func TestConsumerThatNeverHeard(t *testing.T) {
	s := newSim(4 * time.Second)
	s.deregisterFirst("b-1", sec(2), never)
	l := s.run()
	require.Contains(t, l.arm("base").PredictionBasis, "no update received")
	require.Contains(t, l.Losses[0].Explanation, "had not received the update by the end of the recording")
}

func TestRejectStopsServingWhenItDeregisters(t *testing.T) {
	s := newSim(4 * time.Second)
	for i := range s.in.Plan.Workloads {
		if s.in.Plan.Workloads[i].Name == "b" {
			s.in.Plan.Workloads[i].Settings.Offline.Mode = "reject"
		}
	}
	l := s.lives["b-1"]
	s.tell(l, sec(2), record.KindPodDeleted)
	s.tell(l, sec(2.005), record.KindOffline)
	s.tell(l, sec(2.01), record.KindDeregistered)
	s.tell(l, sec(3.9), record.KindListenerClosed)
	s.heard(l, sec(2.56))
	s.spoil = func(r *record.Request) {
		if c := r.Trail[1].Call; c.Callee.Pod == "b-1" && c.At >= sec(2.01) {
			breakAt(r, 1, record.Rejected)
		}
	}
	a := s.run().arm("base")
	require.InDelta(t, 27.5, float64(a.Lost), 1.5)
	require.Equal(t, a.Lost, a.ByWindow[StaleRoute])
	require.LessOrEqual(t, a.PredictedLow, a.Lost)
	require.GreaterOrEqual(t, a.PredictedHigh, a.Lost)
}

func TestArmsReachInstancesByTag(t *testing.T) {
	s := newSim(4 * time.Second)
	s.in.Plan.Arms = []plan.Arm{{Name: "base"}, {Name: "gray", Tag: "gray"}}
	s.deregisterFirst("b-gray-1", sec(2), push)
	require.Equal(t, []string{"gray"}, s.run().Releases[0].Arms)
}
