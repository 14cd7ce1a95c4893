package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/expect"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/rundir"
)

const zero = record.Micros(1_700_000_000_000_000)

// scene is a small run directory, written as runtime, services and generator
// write theirs: a → b, an instance of b taken out of base at +2 s.
type scene struct {
	dir    *rundir.Dir
	plan   *plan.Plan
	pushed time.Duration // how late a hears of it
	lossy  bool          // the instance closes before a hears of it
	skew   func(r *record.Request)
}

func newScene(t *testing.T) *scene {
	t.Helper()
	d, err := rundir.Create(filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	p := &plan.Plan{
		Schema: plan.Schema, Scenario: "small", Title: "B is scaled in, lossless off", Seed: 7, Speed: 1,
		Duration: 5 * time.Second, Cycles: 1, PushDelay: 500 * time.Millisecond, PushTick: 100 * time.Millisecond,
		Arms:  []plan.Arm{{Name: "base", Workloads: []string{"spring-cloud-a", "spring-cloud-b"}}},
		Entry: plan.Entry{Workload: "spring-cloud-a"},
		Workloads: []plan.Workload{
			{Name: "spring-cloud-a", Role: "a", Service: "spring-cloud-a", Replicas: 1, Settings: settings.Document{Next: "spring-cloud-b"}},
			{Name: "spring-cloud-b", Role: "b", Service: "spring-cloud-b", Replicas: 2},
		},
		Streams: []traffic.Stream{{
			Name: "base", Arm: "base", Rate: 100, Method: "GET", Path: "/a", Duration: 5 * time.Second,
			Expect: map[string]string{"spring-cloud-b": ""}, Chain: []string{"spring-cloud-a", "spring-cloud-b"},
		}},
		Expect: []expect.Expectation{
			{Name: "base lost is 0", Arm: "base", Metric: expect.Lost, Is: exactly(0), Role: expect.Gate, File: "small.yaml", Line: 12},
			{Name: "base sent is 500", Arm: "base", Metric: expect.Sent, Is: exactly(500), Role: expect.Contrast, Why: "else nothing was tried"},
			{Name: "base lost is predicted", Arm: "base", Metric: expect.Lost, Is: expect.Comparison{Text: "predicted", Predicted: true}, Role: expect.Info},
		},
		Corrections: []plan.Finding{{File: "m.yaml", Line: 3, Text: "kind was missing"}},
	}
	return &scene{dir: d, plan: p, pushed: 545 * time.Millisecond, lossy: true}
}

func exactly(v float64) expect.Comparison {
	return expect.Comparison{Text: fmt.Sprint(v), Low: &v, High: &v}
}

var (
	a1 = record.Instance{Pod: "spring-cloud-a-k2x8q", Incarnation: 1}
	b1 = record.Instance{Pod: "spring-cloud-b-4tz7m", Incarnation: 1}
	b2 = record.Instance{Pod: "spring-cloud-b-9wq2c", Incarnation: 1}
)

func addr(i record.Instance) string {
	return map[record.Instance]string{a1: "127.1.0.1:20001", b1: "127.1.0.2:20002", b2: "127.1.0.3:20002"}[i]
}

const taken = zero + 2_000_000

// closes is when b1 closes, hears when a drops it.
func (s *scene) closes() record.Micros {
	if s.lossy {
		return taken + 6000
	}
	return s.hears() + 1_000_000
}

func (s *scene) hears() record.Micros { return (taken + 5000).Add(s.pushed) }

func (s *scene) write(t *testing.T) string {
	t.Helper()
	require.NoError(t, s.dir.WritePlan(s.plan))
	require.NoError(t, s.dir.WriteMeta(rundir.Meta{
		Version: "test", Scenario: "small", Runtime: "local", Seed: 7, Speed: 1,
		Started: "2023-11-14T22:13:15Z", ZeroMicros: int64(zero),
	}))
	harness := []record.Event{{At: zero, Kind: record.KindTimeZero}, {At: taken, Kind: record.KindPodDeleted, Instance: b1, Workload: "spring-cloud-b"}}
	for i, in := range []record.Instance{a1, b1, b2} {
		workload := in.Pod[:len(in.Pod)-6]
		at := zero - 3_000_000 + record.Micros(i)
		harness = append(harness, record.Event{At: at, Kind: record.KindContainerStarted, Instance: in, Workload: workload})
		events := []record.Event{
			{At: at + 10, Kind: record.KindStarting}, {At: at + 90_000, Kind: record.KindListening, Addr: addr(in)},
			{At: at + 300_000, Kind: record.KindRegistered}, {At: at + 300_100, Kind: record.KindReady},
		}
		switch in {
		case a1:
			events = append(events, list(t, zero-1_000_000, b1, b2), list(t, s.hears(), b2))
		case b1:
			events = append(events,
				record.Event{At: taken + 1000, Kind: record.KindTermReceived}, record.Event{At: taken + 5000, Kind: record.KindDeregistered},
				record.Event{At: s.closes(), Kind: record.KindListenerClosed})
		}
		events = append(events, record.Event{At: zero + 6_500_000, Kind: record.KindEnd})
		for j := range events {
			events[j].Instance, events[j].Workload = in, workload
			if events[j].Kind != record.KindListChanged {
				events[j].Service = workload
			}
		}
		s.events(t, rundir.EventsName(in), events)
	}
	harness = append(harness,
		record.Event{At: zero + 5_100_000, Kind: record.KindLoadEnd},
		record.Event{At: zero + 7_000_000, Kind: record.KindRunEnd}, record.Event{At: zero + 7_000_001, Kind: record.KindEnd})
	s.events(t, rundir.Harness, harness)
	s.events(t, rundir.RegistryServer, []record.Event{
		{At: s.hears(), Kind: record.KindPush, Service: "spring-cloud-b", Peer: a1.String(), Since: taken + 4500},
		{At: zero + 6_900_000, Kind: record.KindEnd},
	})
	s.requests(t)
	return s.dir.Path()
}

func list(t *testing.T, at record.Micros, hosts ...record.Instance) record.Event {
	type host struct {
		Instance record.Instance `json:"instance"`
		Addr     string          `json:"addr"`
	}
	var all []host
	for _, h := range hosts {
		all = append(all, host{h, addr(h)})
	}
	data, err := json.Marshal(all)
	require.NoError(t, err)
	return record.Event{At: at, Kind: record.KindListChanged, Service: "spring-cloud-b", N: int64(len(hosts)), Data: data}
}

func (s *scene) events(t *testing.T, name string, events []record.Event) {
	t.Helper()
	f, err := s.dir.CreateEvents(name)
	require.NoError(t, err)
	w := record.NewEventWriter(f)
	for _, e := range events {
		require.NoError(t, w.Write(e))
	}
	require.NoError(t, f.Close())
}

func (s *scene) requests(t *testing.T) {
	t.Helper()
	f, err := os.Create(s.dir.RequestsPath(""))
	require.NoError(t, err)
	w, err := record.NewWriter(f)
	require.NoError(t, err)
	st := s.plan.Streams[0]
	for n := range st.Count() {
		r := s.request(n, zero.Add(st.Due(n)))
		if s.skew != nil {
			s.skew(&r)
		}
		require.NoError(t, w.Append(&r))
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
}

func (s *scene) request(n uint64, due record.Micros) record.Request {
	callee := b2
	if n%2 == 0 && due < s.hears() {
		callee = b1
	}
	at := due + 600
	r := record.Request{
		Stream: "base", Seq: n, Due: due, Sent: due + 100, FirstByte: due + 2000, Done: due + 2100 + record.Micros(n%10)*100, Status: 200,
		Trail: record.Trail{
			{Service: "spring-cloud-a", Instance: a1, Call: &record.Call{
				Service: "spring-cloud-b", Callee: callee, Addr: addr(callee), At: at, Status: 200, Attempts: 1,
			}},
			{Service: "spring-cloud-b", Instance: callee},
		},
	}
	r.Body = "B[" + addr(callee)[:9] + "]"
	if callee == b1 && at >= s.closes() {
		r.Trail = r.Trail[:1]
		r.Trail[0].Call.Class, r.Trail[0].Call.Status = record.Refused, 0
		r.Status, r.Class, r.Body, r.Error = 502, record.Status5xx, "", "502 Bad Gateway"
	}
	return r
}
