package ledger

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

var (
	podA = record.Instance{Pod: "orders-a", Incarnation: 1}
	podB = record.Instance{Pod: "orders-b", Incarnation: 1}
	podC = record.Instance{Pod: "orders-c", Incarnation: 1}
)

// externalRun is a run of ten seconds on an external service: A is deleted at 5 s
// and its exit is observed at 5.4 s, B stays, C starts at 3 s and is ready at 4 s.
func externalRun() Input {
	p := &plan.Plan{
		Arms:      []plan.Arm{{Name: "orders", Workloads: []string{"orders"}}},
		Workloads: []plan.Workload{{Name: "orders", Role: "target", Service: "orders", External: true, Replicas: 2}},
		Streams:   []traffic.Stream{{Name: "s", Arm: "orders", Rate: 10, Duration: 10 * time.Second, Workload: "orders"}},
		Entry:     plan.Entry{Workload: "orders"},
		Steps:     []plan.Step{{Name: "restart orders", Action: plan.RolloutRestart{Workload: "orders"}, At: 4900 * time.Millisecond}},
	}
	in := Input{Plan: p, Zero: simZero, End: sec(10), Runtime: "attach"}
	tell := func(at float64, i record.Instance, what record.Payload) {
		in.Events = append(in.Events, record.Event{At: sec(at), Instance: i, Workload: "orders", Payload: what})
	}
	for _, i := range []record.Instance{podA, podB} {
		for _, k := range []record.Payload{record.PodCreated{}, record.ContainerStarted{}, record.PodReady{}, record.EndpointAdded{}} {
			tell(-1, i, k)
		}
	}
	tell(-1, podB, record.PodAddress{IP: "10.0.0.2"})
	tell(3, podC, record.PodCreated{})
	tell(3.1, podC, record.ContainerStarted{})
	tell(4, podC, record.PodReady{})
	tell(4, podC, record.EndpointAdded{})
	tell(4.9, record.Instance{}, record.Step{Name: "restart orders"})
	tell(5, podA, record.PodDeleted{})
	tell(5.05, podA, record.EndpointRemoved{})
	tell(5.4, podA, record.ContainerExited{})
	in.Events = append(in.Events, record.Event{At: sec(10), Payload: record.LoadEnd{}})
	for n := range uint64(100) {
		due := sec(float64(n) / 10)
		in.Requests = append(in.Requests, record.Request{
			Stream: "s", Seq: n, Due: due, Sent: due, FirstByte: due.Add(time.Millisecond), Done: due.Add(2 * time.Millisecond), Status: 200,
		})
	}
	return in
}

// fail makes the request that is due at t fail so.
func fail(in *Input, t float64, class record.Class, status int, took time.Duration) *record.Request {
	r := &in.Requests[int(t*10+0.5)]
	r.Class, r.Status, r.FirstByte, r.Done = class, status, 0, r.Sent.Add(took)
	r.Attempts = []record.Attempt{{At: r.Sent, Addr: "10.96.0.7:80", Class: class}}
	return r
}

// TestExternalLossesAreMatchedByTime: who refused is not told by anybody, so the pods that went and came
// about then explain it, and the sentence says how.
func TestExternalLossesAreMatchedByTime(t *testing.T) {
	cases := map[string]struct {
		at     float64
		class  record.Class
		status int
		took   time.Duration
		change func(in *Input)
		window Window
		says   string
	}{
		"cut as it ended":              {5.2, record.EOF, 0, 150 * time.Millisecond, nil, DrainCut, "matched by time, as Kubernetes does not say which pod the request was sent to: the deletion of orders-a/1 was observed 350 ms earlier, and its exit 50 ms later: it cut requests in flight"},
		"refused after the endpoints":  {5.3, record.Refused, 0, time.Millisecond, nil, StaleRoute, "orders-a/1 had been removed from the Service's endpoints 250 ms earlier, but requests were still sent to it"},
		"a dial that timed out":        {5.6, record.TimeoutConnect, 0, 300 * time.Millisecond, nil, StaleRoute, "had been removed from the Service's endpoints 550 ms earlier"},
		"a proxy says so":              {5.6, record.Status5xx, 503, time.Millisecond, nil, StaleRoute, "had been removed from the Service's endpoints"},
		"an error of its own":          {5.6, record.Status5xx, 500, time.Millisecond, nil, Unexplained, "unexplained: no release event matches"},
		"long after":                   {9.5, record.Refused, 0, time.Millisecond, nil, Unexplained, "unexplained: no release event matches"},
		"slow, while it is cold":       {9.5, record.TimeoutFirstByte, 0, 300 * time.Millisecond, nil, ColdStart, "orders-c/1 had been ready for only 5.5 s"},
		"refused, nobody had come":     {1, record.Refused, 0, time.Millisecond, nil, Unexplained, "unexplained: no release event matches"},
		"refused by one that comes":    {3.5, record.Refused, 0, time.Millisecond, nil, ColdStart, "orders-c/1 had only just started and was not ready yet"},
		"refused, still an endpoint":   {5.3, record.Refused, 0, time.Millisecond, late(podA, record.KindEndpointRemoved, 6), ClosedEarly, "the deletion of orders-a/1 was observed 300 ms earlier, and it closed while it was still in the endpoints; it was removed from them 700 ms later"},
		"refused, always an endpoint":  {5.3, record.Refused, 0, time.Millisecond, without(podA, record.KindEndpointRemoved), ClosedEarly, "while it was still in the endpoints"},
		"refused, and it still served": {5.1, record.Refused, 0, time.Millisecond, late(podA, record.KindContainerExited, 9), ColdStart, "orders-c/1 had been ready for only 1.1 s"},
		"it died":                      {5.3, record.EOF, 0, 100 * time.Millisecond, without(podA, record.KindPodDeleted), Crash, "orders-a/1 exited unexpectedly, which was observed 0 ms earlier"},
		"the registry was first":       {5.3, record.Refused, 0, time.Millisecond, unlisted, StaleRoute, "orders-a/1 had been removed from the registry's list 280 ms earlier"},
		"who answered is none of them": {5.3, record.StatusOther, 403, time.Millisecond, naming, StaleRoute, "orders-a/1 had been removed from the Service's endpoints 250 ms earlier, but requests were still sent to it"},
		"they refuse it themselves":    {5.3, record.StatusOther, 403, time.Millisecond, nil, Unexplained, "unexplained: no release event matches"},
		"it had left before":           {5.3, record.Refused, 0, time.Millisecond, absent(2, 2.7), StaleRoute, "orders-a/1 had been removed from the Service's endpoints 250 ms earlier"},
		"it had left before, and not":  {5.3, record.Refused, 0, time.Millisecond, and(absent(2, 2.7), late(podA, record.KindContainerExited, 5.2), gone(5.05)), ClosedEarly, "while it was still in the endpoints"},
		"no ports here":                {5.3, record.NoLocalPort, 0, time.Millisecond, nil, Overloaded, "the client had run out of local ports"},
		"a wrong body":                 {5.3, record.WrongBody, 200, time.Millisecond, nil, Unexplained, "unexplained: no release event matches"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := externalRun()
			if c.change != nil {
				c.change(&in)
			}
			fail(&in, c.at, c.class, c.status, c.took)
			l := Build(in)
			require.Empty(t, l.Defects)
			require.Len(t, l.Losses, 1)
			x := l.Losses[0]
			require.Equal(t, c.window, x.Window, x.Explanation)
			require.Contains(t, x.Explanation, c.says)
			require.Equal(t, "client->target", x.Hop)
			require.Equal(t, map[string]int{"unknown": 1}, l.Arms[0].ByInstance)
			if c.window == StaleRoute || c.window == ClosedEarly || c.window == DrainCut || c.window == Crash {
				require.Equal(t, podA, x.Release)
				require.Equal(t, 1, l.Releases[0].Lost)
				require.Contains(t, x.Explanation, "by time")
			}
		})
	}
}

// late moves the event of an instance to another second.
func late(i record.Instance, kind record.Kind, at float64) func(*Input) {
	return func(in *Input) {
		for n := range in.Events {
			if e := &in.Events[n]; e.Instance == i && e.Kind() == kind {
				e.At = sec(at)
			}
		}
	}
}

// naming: pods name themselves in their answers.
func naming(in *Input) {
	in.Plan.Streams[0].InstanceHeader = "X-Pod"
	for i := range in.Requests {
		in.Requests[i].Trail = record.Trail{{Service: "orders", Instance: record.Instance{Pod: podB.Pod}}}
	}
	in.Requests[53].Trail = nil
}

func without(i record.Instance, kind record.Kind) func(*Input) {
	return func(in *Input) {
		for n := range in.Events {
			if e := &in.Events[n]; e.Instance == i && e.Kind() == kind {
				e.Payload = record.HostStats{}
			}
		}
	}
}

// absent: A was not ready, and no endpoint, for a while before it went.
func absent(from, to float64) func(*Input) {
	return func(in *Input) {
		for at, kinds := range map[float64][]record.Kind{from: {record.KindPodNotReady, record.KindEndpointRemoved}, to: {record.KindPodReady, record.KindEndpointAdded}} {
			for _, k := range kinds {
				in.Events = append(in.Events, record.Event{At: sec(at), Payload: record.ZeroPayload(k), Instance: podA, Workload: "orders"})
			}
		}
		slices.SortStableFunc(in.Events, func(a, b record.Event) int { return cmp.Compare(a.At, b.At) })
	}
}

// gone takes the removal at a second out of the record.
func gone(at float64) func(*Input) {
	return func(in *Input) {
		in.Events = slices.DeleteFunc(in.Events, func(e record.Event) bool { return e.Kind() == record.KindEndpointRemoved && e.At == sec(at) })
	}
}

func and(changes ...func(*Input)) func(*Input) {
	return func(in *Input) {
		for _, c := range changes {
			c(in)
		}
	}
}

func unlisted(in *Input) {
	in.Events = append(in.Events, record.Event{At: sec(5.02), Instance: podA, Service: "orders", Payload: record.RegistryChange{Change: record.ChangeRemoved}})
}

// TestExternalServiceHasUnmeasuredFigures: what is masked behind a service that is none
// of ours is not measured, and its loss is not predicted.
func TestExternalServiceHasUnmeasuredFigures(t *testing.T) {
	in := externalRun()
	r := &in.Requests[20]
	r.Attempts = []record.Attempt{{At: r.Sent, Addr: "10.96.0.7:80", Class: record.EOF}} // sent again by itself
	l := Build(in)
	a := l.Arms[0]
	require.Empty(t, l.Defects)
	require.Equal(t, 100, a.OK)
	require.Nil(t, a.Masked)
	require.Equal(t, map[string]int{"client->target": 1}, a.MaskedByHop, "on the first hop, it is")
	require.True(t, a.Unpredicted)
	require.Zero(t, a.PredictedHigh)
	require.Nil(t, a.EarlyRequests)
	require.Nil(t, a.ReadyBeforeRegistered)
	require.Equal(t, 1, a.Releases)
	require.True(t, l.Releases[0].Unpredicted)
	require.Equal(t, string(history.Rollout), l.Releases[0].Reason)
}

// TestRolloutByAnotherActor is one too.
func TestRolloutByAnotherActor(t *testing.T) {
	in := externalRun()
	in.Plan.Steps = nil
	for i := range in.Events {
		if in.Events[i].Kind() == record.KindStep {
			in.Events[i].Payload = record.RolloutSeen{}
		}
	}
	require.Equal(t, string(history.Rollout), Build(in).Releases[0].Reason)
}

// TestInstanceHeader: by the pod's name or its address; one that nobody knows is
// nobody.
func TestInstanceHeader(t *testing.T) {
	in := externalRun()
	for n, who := range []string{"orders-a", "10.0.0.2", "elsewhere", "orders-a"} {
		in.Requests[n].Trail = record.Trail{{Service: "orders", Instance: record.Instance{Pod: who}}}
	}
	x := fail(&in, 5.3, record.Status5xx, 500, time.Millisecond)
	x.Trail = record.Trail{{Service: "orders", Instance: record.Instance{Pod: "orders-c"}}}
	l := Build(in)
	require.Equal(t, map[string]int{"orders-a/1": 2, "orders-b/1": 1, "orders-c/1": 1}, l.Arms[0].Received)
	require.Equal(t, podC, l.Losses[0].Callee)
	require.Equal(t, ColdStart, l.Losses[0].Window, "of one that has only just come, any error is told so")
	require.NotContains(t, l.Losses[0].Explanation, "by time")
	require.Nil(t, l.Arms[0].Masked)
}

// TestStatusIsJudgedByTheLedger: another rule, another verdict, from the same
// record; what was said of a body stands.
func TestStatusIsJudgedByTheLedger(t *testing.T) {
	in := externalRun()
	fail(&in, 1, record.StatusOther, 404, time.Millisecond)
	fail(&in, 2, record.WrongBody, 200, time.Millisecond)
	in.Requests[30].Status = 204
	require.Equal(t, 2, Build(in).Arms[0].Lost)
	in.Plan.Streams[0].Answer = &traffic.Answer{Status: []traffic.StatusRange{{From: 200, To: 200}, {From: 404, To: 404}}}
	l := Build(in)
	require.Equal(t, map[record.Class]int{record.StatusOther: 1, record.WrongBody: 1}, l.Arms[0].ByClass, "the 204 is lost, the 404 is not")
}

// TestExternalInstanceThatNeverCameUp is a defect, as one of ours is.
func TestExternalInstanceThatNeverCameUp(t *testing.T) {
	in := externalRun()
	in.Events = append(in.Events,
		record.Event{At: sec(1), Payload: record.ContainerStarted{}, Instance: record.Instance{Pod: "orders-d", Incarnation: 1}, Workload: "orders"},
		record.Event{At: sec(2), Instance: record.Instance{Pod: "orders-d", Incarnation: 1}, Workload: "orders", Payload: record.ContainerExited{}})
	require.Contains(t, Build(in).Defects[0], "orders-d/1 never came up")
}
