package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

const push = 550 * time.Millisecond

// sound asserts what holds of every run: each request in exactly one account,
// under each heading.
func sound(t *testing.T, l *Ledger) {
	t.Helper()
	require.Empty(t, l.Defects)
	losses, due := 0, 0
	for _, a := range l.Arms {
		require.Equal(t, a.Due, a.Sent+a.Unsent, a.Name)
		require.Equal(t, a.Sent, a.OK+a.Lost, a.Name)
		require.Empty(t, a.imbalances())
		losses += a.Lost
		due += a.Due
	}
	require.Len(t, l.Losses, losses)
	require.Equal(t, due, l.Generator.Due)
	perSecond := Second{}
	for _, cells := range l.Seconds {
		for _, c := range cells {
			perSecond.OK += c.OK
			perSecond.Lost += c.Lost
			perSecond.Sent += c.Sent
			perSecond.Unsent += c.Unsent
		}
	}
	require.Equal(t, due, perSecond.Sent+perSecond.Unsent)
	require.Equal(t, losses, perSecond.Lost)
	lost := 0
	for _, i := range l.Instances {
		lost += i.Lost
		received := 0
		for _, n := range i.PerSecond {
			received += n
		}
		require.Equal(t, i.Received, received, i.Instance)
	}
	require.LessOrEqual(t, lost, losses)
	for _, x := range l.Losses {
		require.NotEmpty(t, x.Explanation)
		require.NotEmpty(t, x.Window)
		require.NotEmpty(t, x.Class)
		require.NotEmpty(t, x.ClientClass)
	}
}

func TestRunWithoutReleases(t *testing.T) {
	l := newSim(4 * time.Second).run()
	sound(t, l)
	require.Empty(t, l.Losses)
	require.Empty(t, l.Releases)
	a := l.arm("base")
	require.Equal(t, 400, a.Due)
	require.Equal(t, 400, a.OK)
	require.NotNil(t, a.Masked)
	require.Zero(t, *a.Masked)
	require.Equal(t, 200, a.Received["b-1/1"])
	require.Equal(t, 200, a.Received["b-2/1"])
	require.NotContains(t, a.Received, "b-gray-1/1")
	require.InDelta(t, 0.0075, a.LossUpper95, 1e-4)
	require.Equal(t, 1.0, a.ReleaseLossUpper95, "of no release nothing is known")
	require.InDelta(t, 10, a.LongestOutage.Seconds()*1000, 3)
	require.Less(t, l.Generator.RateErrorPercent, 0.01)
	require.Equal(t, 100*time.Microsecond, l.Generator.SlipP99)
}

// The scenario of the catalogue: one b of each arm is taken out.
func TestOffline(t *testing.T) {
	s := newSim(6 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	s.lossless("b-gray-1", sec(2), push)
	l := s.run()
	sound(t, l)

	base := l.arm("base")
	require.InDelta(t, 27.5, float64(base.Lost), 1.5)
	require.Equal(t, base.Lost, base.ByClass[record.Refused])
	require.Equal(t, base.Lost, base.ByClientClass[record.Status5xx])
	require.Equal(t, base.Lost, base.ByHop["a->b"])
	require.Equal(t, base.Lost, base.ByWindow[StaleRoute])
	require.Equal(t, base.Lost, base.ByInstance["b-1/1"])
	require.Equal(t, 1, base.Releases)
	require.Equal(t, 1.0, base.ReleaseLossUpper95)
	require.GreaterOrEqual(t, base.Lost, base.PredictedLow)
	require.LessOrEqual(t, base.Lost, base.PredictedHigh)
	require.LessOrEqual(t, base.PredictedHigh-base.PredictedLow, 8, "a band that says something")
	require.Contains(t, base.PredictionBasis, "a-1/1 50.0/s × 549 ms")

	gray := l.arm("gray")
	require.Zero(t, gray.Lost)
	require.Equal(t, 1, gray.Releases)
	require.Zero(t, gray.PredictedLow)
	require.Zero(t, gray.PredictedHigh)
	require.InDelta(t, 0.95, gray.ReleaseLossUpper95, 1e-9)
	require.Less(t, gray.StaleRoute, 40*time.Millisecond)
	require.InDelta(t, 545, base.StaleRoute.Seconds()*1000, 25)

	require.Len(t, l.Releases, 2)
	r := l.Releases[0]
	require.Equal(t, "b-1/1", r.Instance.String())
	require.Equal(t, []string{"base"}, r.Arms)
	require.True(t, r.Planned)
	require.Equal(t, base.Lost, r.Lost)
	require.InDelta(t, 50, r.Rate, 1)
	require.Equal(t, 2*time.Second, r.At)
	require.Equal(t, 2*time.Second+5*time.Millisecond+push, *r.LastHeard)

	x := l.Losses[0]
	require.Equal(t, "b-1/1", x.Release.String())
	require.Equal(t, "a-1/1", x.Caller.String())
	require.Equal(t, "closed", x.Phase)
	require.Contains(t, x.Explanation, "a→b refused: b-1/1 had deregistered")
	require.Contains(t, x.Explanation, "a-1/1 received the update")
}

func TestCloseFirst(t *testing.T) {
	s := newSim(6 * time.Second)
	s.closeFirst("b-1", sec(2), push)
	l := s.run()
	sound(t, l)
	a := l.arm("base")
	require.InDelta(t, 2, float64(a.ByWindow[ClosedEarly]), 1, "38 ms at 50/s")
	require.Equal(t, a.Lost, a.ByWindow[ClosedEarly]+a.ByWindow[StaleRoute])
	require.LessOrEqual(t, a.Lost, a.PredictedHigh)
	require.GreaterOrEqual(t, a.Lost, a.PredictedLow)
	require.Contains(t, l.Losses[0].Explanation, "deregistered only")
}

func TestCrash(t *testing.T) {
	s := newSim(6 * time.Second)
	s.kill("b-1", sec(2), push)
	s.kill("b-gray-1", sec(3), push)
	l := s.run()
	sound(t, l)
	for _, name := range []string{"base", "gray"} {
		a := l.arm(name)
		require.InDelta(t, 27.5, float64(a.Lost), 2)
		require.Equal(t, a.Lost, a.ByWindow[Crash])
		require.GreaterOrEqual(t, a.Lost, a.PredictedLow)
		require.LessOrEqual(t, a.Lost, a.PredictedHigh)
	}
	require.Equal(t, "kill", l.Releases[0].Reason)
	require.False(t, l.Releases[0].Planned)
	require.Contains(t, l.Losses[0].Explanation, "b-1/1 was killed")
}

// A shared instance is released for both arms.
func TestSharedInstanceCountsForBothArms(t *testing.T) {
	s := newSim(6 * time.Second)
	s.live("c-2", sec(-5), "127.0.1.30:20001")
	for _, pod := range []string{"b-1", "b-2", "b-gray-1", "b-gray-2"} {
		s.list(s.lives[pod], sec(-1))
	}
	s.deregisterFirst("c-1", sec(2), push)
	l := s.run()
	sound(t, l)
	require.Equal(t, []string{"base", "gray"}, l.Releases[0].Arms)
	require.Equal(t, l.Releases[0].LostByArm["base"], l.arm("base").Lost)
	require.Equal(t, l.Releases[0].LostByArm["gray"], l.arm("gray").Lost)
	for _, a := range l.Arms {
		require.Equal(t, 1, a.Releases)
		require.GreaterOrEqual(t, a.Lost, a.PredictedLow, a.PredictionBasis)
		require.LessOrEqual(t, a.Lost, a.PredictedHigh, a.PredictionBasis)
		require.Equal(t, a.Lost, a.ByHop["b->c"])
	}
}

// What goes after the load's end, or before zero, is no release.
func TestShutdownIsNoRelease(t *testing.T) {
	s := newSim(4 * time.Second)
	s.deregisterFirst("b-1", sec(5.5), push)
	l := s.run()
	sound(t, l)
	require.Empty(t, l.Releases)
}

func TestRolloutReason(t *testing.T) {
	s := newSim(4 * time.Second)
	s.event(record.Event{At: sec(1), Workload: "b", Payload: record.Scaled{Replicas: 3}})
	s.in.Plan.Steps = []plan.Step{{Name: "new image", Action: plan.RolloutRestart{Workload: "b"}}}
	s.event(record.Event{At: sec(2), Workload: "b", Payload: record.Step{Name: "new image"}})
	s.deregisterFirst("b-1", sec(2.1), push)
	require.Equal(t, "rollout", s.run().Releases[0].Reason)
}

// Exactly k requests of each class are lost at each hop: the ledger finds
// exactly k of that class there.
func TestExactlyK(t *testing.T) {
	for _, class := range record.Classes() {
		for _, k := range []int{1, 5, 50} {
			t.Run(fmt.Sprintf("%s/%d", class, k), func(t *testing.T) {
				s := newSim(2 * time.Second)
				n := 0
				s.spoil = func(r *record.Request) {
					if r.Stream == "gray" && r.Seq%3 == 0 && n < k {
						n++
						breakAt(r, 1, class)
					}
				}
				l := s.run()
				sound(t, l)
				a := l.arm("gray")
				require.Equal(t, k, a.Lost)
				require.Equal(t, map[record.Class]int{class: k}, a.ByClass)
				require.Equal(t, map[string]int{"a->b": k}, a.ByHop)
				require.Zero(t, l.arm("base").Lost)
			})
		}
	}
}

// breakAt makes the call of hop i fail with class, as services tell it.
func breakAt(r *record.Request, i int, class record.Class) {
	switch class {
	case record.WrongLane:
		r.Trail[i+1].Tag = "other"
		return
	case record.Overload, record.Rejected:
		r.Trail = r.Trail[:i+2]
		r.Trail[i+1].Class, r.Trail[i+1].Call = class, nil
		r.Trail[i].Call.Class, r.Trail[i].Call.Status = record.Status5xx, 503
	default:
		r.Trail = r.Trail[:i+1]
		r.Trail[i].Call.Class, r.Trail[i].Call.Status = class, 0
	}
	for j := range i {
		r.Trail[j].Call.Class, r.Trail[j].Call.Status = record.Status5xx, 502
	}
	r.Status, r.Class, r.Body = 502, record.Status5xx, ""
}

// The same on the client's own edge, where no trail tells.
func TestExactlyKAtTheClient(t *testing.T) {
	for _, class := range record.Classes() {
		if class == record.WrongLane || class == record.WrongBody {
			continue // these are found by the ledger, not by the client
		}
		s := newSim(time.Second)
		s.spoil = func(r *record.Request) {
			if r.Stream == "base" && r.Seq < 5 {
				r.Class, r.Status, r.Trail, r.FirstByte = class, 0, nil, 0
			}
		}
		l := s.run()
		sound(t, l)
		a := l.arm("base")
		require.Equal(t, map[record.Class]int{class: 5}, a.ByClass)
		require.Equal(t, map[record.Class]int{class: 5}, a.ByClientClass)
		require.Equal(t, map[string]int{"client->gateway": 5}, a.ByHop)
	}
}

func TestIncompleteAnswers(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(r *record.Request)
		class record.Class
		hop   string
	}{
		"wrong version at b":     {func(r *record.Request) { r.Trail[2].Tag = "gray" }, record.WrongLane, "a->b"},
		"wrong version at a":     {func(r *record.Request) { r.Trail[1].Tag = "gray" }, record.WrongLane, "gateway->a"},
		"no trail":               {func(r *record.Request) { r.Trail = nil }, record.WrongBody, "client->gateway"},
		"trail that is not read": {func(r *record.Request) { r.TrailError = "torn" }, record.WrongBody, "client->gateway"},
		"a hop too few":          {func(r *record.Request) { r.Trail = r.Trail[:3] }, record.WrongBody, "client->gateway"},
		"a hop too many":         {func(r *record.Request) { r.Trail = append(r.Trail, r.Trail[3]) }, record.WrongBody, "client->gateway"},
		"another service":        {func(r *record.Request) { r.Trail[3].Service = "spring-cloud-d" }, record.WrongBody, "client->gateway"},
		"no body":                {func(r *record.Request) { r.Body = "" }, record.WrongBody, "client->gateway"},
		"half a body":            {func(r *record.Request) { r.Body = r.Body[:len(r.Body)/2] }, record.WrongBody, "client->gateway"},
		"body of another":        {func(r *record.Request) { r.Body = "A[10.0.0.7] -> B[10.0.0.8] -> C[10.0.0.9]" }, record.WrongBody, "client->gateway"},
		"a redirect":             {func(r *record.Request) { r.Status = 302 }, record.StatusOther, "client->gateway"},
		"status 404":             {func(r *record.Request) { r.Status = 404 }, record.StatusOther, "client->gateway"},
		"status 500":             {func(r *record.Request) { r.Status, r.Trail = 500, nil }, record.Status5xx, "client->gateway"},
		"a 2xx hides a failure":  {func(r *record.Request) { r.Trail[1].Call.Class = record.EOF }, record.EOF, "a->b"},
		"a queue was full": {func(r *record.Request) {
			breakAt(r, 1, record.Overload)
		}, record.Overload, "a->b"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSim(time.Second)
			s.spoil = func(r *record.Request) {
				if r.Stream == "base" && r.Seq == 7 {
					c.spoil(r)
				}
			}
			l := s.run()
			sound(t, l)
			require.Len(t, l.Losses, 1)
			require.Equal(t, c.class, l.Losses[0].Class)
			require.Equal(t, c.hop, l.Losses[0].Hop)
		})
	}
}

// Who waits for a late generator waits all the same: response time counts
// from when a request was due, service time from when it was sent.
func TestServiceAndResponseTime(t *testing.T) {
	s := newSim(time.Second)
	s.spoil = func(r *record.Request) {
		r.Sent, r.FirstByte, r.Done = r.Sent+40_000, r.FirstByte+40_000, r.Done+40_000
	}
	a := s.run().arm("base")
	require.GreaterOrEqual(t, a.ResponseTime.P50-a.ServiceTime.P50, 40*time.Millisecond)
	require.Less(t, a.ServiceTime.Max, 40*time.Millisecond)
}

func TestTruncatedBody(t *testing.T) {
	s := newSim(time.Second)
	s.spoil = func(r *record.Request) {
		if r.Seq == 3 {
			for len(r.Body) < record.MaxBody {
				r.Body += " echo"
			}
			r.Body = r.Body[:record.MaxBody]
		}
	}
	require.Empty(t, s.run().Losses)
}

func TestMasked(t *testing.T) {
	s := newSim(time.Second)
	s.spoil = func(r *record.Request) {
		if r.Stream != "base" {
			return
		}
		switch r.Seq {
		case 3: // at the client's edge, answered in the end
			r.Attempts = []record.Attempt{{At: r.Sent, Addr: "127.0.1.1:20001", Class: record.EOF}}
		case 4: // sent twice, and lost in the end: one is masked, one is seen
			r.Attempts = []record.Attempt{
				{At: r.Sent, Addr: "127.0.1.1:20001", Class: record.EOF},
				{At: r.Sent + 10, Addr: "127.0.1.1:20001", Class: record.Refused},
			}
			r.Class, r.Status, r.Trail, r.FirstByte = record.Refused, 0, nil, 0
		case 5: // within the chain
			c := r.Trail[1].Call
			c.Attempts, c.Masked = 2, []record.Attempt{{At: c.At - 5, Addr: c.Addr, Class: record.ResetBeforeByte}}
		case 6: // masked, and then answered 502
			r.Attempts = []record.Attempt{{At: r.Sent, Addr: "127.0.1.1:20001", Class: record.EOF}}
			breakAt(r, 1, record.Refused)
		}
	}
	l := s.run()
	sound(t, l)
	a := l.arm("base")
	require.Equal(t, 4, *a.Masked)
	require.Equal(t, map[string]int{"client->gateway": 3, "a->b": 1}, a.MaskedByHop)
	require.Equal(t, 2, a.Lost)
	require.Equal(t, "gateway-1/1", l.Losses[0].Callee.String(), "found by the address of its attempts")
	require.Zero(t, *l.arm("gray").Masked)
}

func TestMaskedIsNotMeasuredWithoutTrails(t *testing.T) {
	s := newSim(time.Second)
	s.in.Plan.Streams[1].Chain, s.in.Plan.Streams[1].Expect = nil, nil
	s.spoil = func(r *record.Request) { r.Attempts = nil }
	for i := range s.in.Plan.Streams {
		st := s.in.Plan.Streams[i]
		for n := range st.Count() {
			due := sec(st.Due(n).Seconds())
			r := record.Request{Stream: st.Name, Seq: n, Due: due, Sent: due, FirstByte: due + 1, Done: due + 2, Status: 200}
			if st.Name == "base" {
				r = s.request(st, n, due)
			}
			s.in.Requests = append(s.in.Requests, r)
		}
	}
	l := s.build()
	sound(t, l)
	require.NotNil(t, l.arm("base").Masked)
	require.Nil(t, l.arm("gray").Masked)
	require.Zero(t, l.arm("gray").Lost, "a chain that is not known is not checked")
}

func TestUnsent(t *testing.T) {
	s := newSim(10 * time.Second)
	s.deregisterFirst("b-1", sec(2), push)
	s.spoil = func(r *record.Request) {
		if r.Stream == "gray" && (r.Seq == 150 || r.Seq == 900) {
			*r = record.Request{Stream: r.Stream, Seq: r.Seq, Due: r.Due, Unsent: true}
		}
	}
	l := s.run()
	sound(t, l)
	a := l.arm("gray")
	require.Equal(t, 2, a.Unsent)
	require.Equal(t, 998, a.Sent)
	require.Zero(t, a.Lost, "what was not sent is not lost")
	require.Equal(t, 1, l.Generator.UnsentNearRelease, "the one at +1.5 s")
	require.Equal(t, 2, l.Generator.Unsent)
}

// A generator that stalls while a release loses requests, and sends them when
// all have heard of it, must not look fit: 20 late ones of 2,000 are not in its
// 99th percentile.
func TestGeneratorStallAtARelease(t *testing.T) {
	for late, want := range map[time.Duration]int{240 * time.Millisecond: 0, 400 * time.Millisecond: 10} {
		s := newSim(10 * time.Second)
		s.deregisterFirst("b-1", sec(2), push)
		s.spoil = func(r *record.Request) {
			if r.Stream == "gray" && (r.Seq >= 200 && r.Seq < 210 || r.Seq >= 700 && r.Seq < 709) {
				d := record.Micros(late / time.Microsecond)
				r.Sent, r.FirstByte, r.Done = r.Sent+d, r.FirstByte+d, r.Done+d
			}
		}
		g := s.run().Generator
		require.Equal(t, want, g.LateNearRelease, late)
		require.Less(t, g.SlipP99, 10*time.Millisecond)
	}
}

// Random runs: whatever is lost, cut, masked or not sent, the sums hold.
func TestSumsAlwaysHold(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := newSim(5 * time.Second)
		pods := []string{"b-1", "b-2", "b-gray-1", "b-gray-2"}
		at := sec(0.5 + r.Float64())
		late := time.Duration(r.IntN(900)) * time.Millisecond
		switch pod := pods[r.IntN(4)]; r.IntN(4) {
		case 0:
			s.deregisterFirst(pod, at, late)
		case 1:
			s.closeFirst(pod, at, late)
		case 2:
			s.kill(pod, at, late)
		case 3:
			s.lossless(pod, at, late)
		}
		classes := record.Classes()
		s.spoil = func(q *record.Request) {
			switch {
			case r.IntN(20) == 0:
				*q = record.Request{Stream: q.Stream, Seq: q.Seq, Due: q.Due, Unsent: true}
			case r.IntN(20) == 0 && len(q.Trail) == 4:
				breakAt(q, r.IntN(3), classes[r.IntN(len(classes))])
			case r.IntN(20) == 0: //nolint:gocritic // each case draws a number of its own
				q.Class, q.Status, q.Trail, q.FirstByte = classes[r.IntN(len(classes))], 0, nil, 0
			case r.IntN(10) == 0:
				q.Attempts = []record.Attempt{{At: q.Sent, Class: record.EOF}}
			}
		}
		l := s.run()
		sound(t, l)
		require.Equal(t, l, s.build(), "the same input gives the same ledger")
	}
}
