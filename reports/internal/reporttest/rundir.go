package reporttest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/expect"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/rundir"
)

// Zero is the start of the load.
const Zero = record.Micros(1_700_000_000_000_000)

// RunDir is a small run directory, as runtime, services and load generator write
// it: a calls b, and an instance of b is deleted in arm base at +2 s.
type RunDir struct {
	Dir   *rundir.Dir
	Plan  *plan.Plan
	Lossy bool // the instance closes before its caller knows
	// Edit changes requests before they are written; nil: none.
	Edit func(r *record.Request)
}

// pushed is how long after deregistration the caller receives the change.
const pushed = 545 * time.Millisecond

// NewRunDir makes a directory to [RunDir.Write].
func NewRunDir(t *testing.T) *RunDir {
	t.Helper()
	dir, err := rundir.Create(filepath.Join(t.TempDir(), "run"))
	must(t, err)
	t.Cleanup(func() { must(t, dir.Close()) })
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
			{Name: "base lost is 0", Arm: "base", Metric: expect.Lost, Is: Exactly(0), Role: expect.Gate, File: "small.yaml", Line: 12},
			{Name: "base sent is 500", Arm: "base", Metric: expect.Sent, Is: Exactly(500), Role: expect.Contrast, Why: "else nothing was tried"},
			{Name: "base lost is predicted", Arm: "base", Metric: expect.Lost, Is: expect.Comparison{Text: "predicted", Predicted: true}, Role: expect.Info},
		},
		Corrections: []plan.Finding{{File: "m.yaml", Line: 3, Text: "kind was missing"}},
	}
	return &RunDir{Dir: dir, Plan: p, Lossy: true}
}

// Exactly is met by v alone.
func Exactly(v float64) expect.Comparison {
	return expect.Comparison{Text: fmt.Sprint(v), Low: &v, High: &v}
}

// The instances.
var (
	A1 = record.Instance{Pod: "spring-cloud-a-k2x8q", Incarnation: 1}
	B1 = record.Instance{Pod: "spring-cloud-b-4tz7m", Incarnation: 1}
	B2 = record.Instance{Pod: "spring-cloud-b-9wq2c", Incarnation: 1}
)

func addr(i record.Instance) string {
	return map[record.Instance]string{A1: "127.1.0.1:20001", B1: "127.1.0.2:20002", B2: "127.1.0.3:20002"}[i]
}

// Taken is when the instance is deleted.
const Taken = Zero + 2_000_000

// closes is when B1 closes its listener; hears is when A1 drops B1 from its list.
func (d *RunDir) closes() record.Micros {
	if d.Lossy {
		return Taken + 6000
	}
	return d.hears() + 1_000_000
}

func (d *RunDir) hears() record.Micros { return (Taken + 5000).Add(pushed) }

// Write writes all files and returns the path of the directory.
func (d *RunDir) Write(t *testing.T) string {
	t.Helper()
	must(t, d.Dir.WritePlan(d.Plan))
	must(t, d.Dir.WriteMeta(rundir.Meta{
		Version: "test", Scenario: "small", Runtime: "local", Seed: 7, Speed: 1,
		Started: "2023-11-14T22:13:15Z", ZeroMicros: int64(Zero),
	}))
	harness := []record.Event{{At: Zero, Payload: record.TimeZero{}}, {At: Taken, Payload: record.PodDeleted{}, Instance: B1, Workload: "spring-cloud-b"}}
	for i, in := range []record.Instance{A1, B1, B2} {
		workload := in.Pod[:len(in.Pod)-6]
		at := Zero - 3_000_000 + record.Micros(i)
		harness = append(harness, record.Event{At: at, Payload: record.ContainerStarted{}, Instance: in, Workload: workload})
		events := []record.Event{
			{At: at + 10, Payload: record.Starting{}}, {At: at + 90_000, Payload: record.Listening{}, Addr: addr(in)},
			{At: at + 300_000, Payload: record.Registered{}}, {At: at + 300_100, Payload: record.Ready{}},
		}
		switch in {
		case A1:
			events = append(events, list(Zero-1_000_000, B1, B2), list(d.hears(), B2))
		case B1:
			events = append(events,
				record.Event{At: Taken + 1000, Payload: record.TermReceived{}}, record.Event{At: Taken + 5000, Payload: record.Deregistered{}},
				record.Event{At: d.closes(), Payload: record.ListenerClosed{}})
		}
		events = append(events, record.Event{At: Zero + 6_500_000, Payload: record.End{}})
		for j := range events {
			events[j].Instance, events[j].Workload = in, workload
			if events[j].Kind() != record.KindListChanged {
				events[j].Service = workload
			}
		}
		d.WriteEvents(t, rundir.EventsName(in), events)
	}
	harness = append(harness,
		record.Event{At: Zero + 5_100_000, Payload: record.LoadEnd{}},
		record.Event{At: Zero + 7_000_000, Payload: record.RunEnd{}}, record.Event{At: Zero + 7_000_001, Payload: record.End{}})
	d.WriteEvents(t, rundir.Harness, harness)
	d.WriteEvents(t, rundir.RegistryServer, []record.Event{
		{At: d.hears(), Service: "spring-cloud-b", Payload: record.Push{Subscriber: A1.String(), FirstChange: Taken + 4500}},
		{At: Zero + 6_900_000, Payload: record.End{}},
	})
	d.writeRequests(t)
	return d.Dir.Path()
}

func list(at record.Micros, hosts ...record.Instance) record.Event {
	var all []record.ListedHost
	for _, h := range hosts {
		all = append(all, record.ListedHost{Instance: h, Addr: addr(h)})
	}
	return record.Event{At: at, Service: "spring-cloud-b", Payload: record.ListChanged{Hosts: all}}
}

// WriteEvents writes one file of events.
func (d *RunDir) WriteEvents(t *testing.T, name string, events []record.Event) {
	t.Helper()
	f, err := d.Dir.CreateEvents(name)
	must(t, err)
	w := record.NewEventWriter(f)
	for _, e := range events {
		must(t, w.Write(e))
	}
	must(t, f.Close())
}

func (d *RunDir) writeRequests(t *testing.T) {
	t.Helper()
	f, err := os.Create(d.Dir.RequestsPath(""))
	must(t, err)
	w, err := record.NewRequestWriter(f)
	must(t, err)
	st := d.Plan.Streams[0]
	for n := range st.Count() {
		r := d.request(n, Zero.Add(st.Due(n)))
		if d.Edit != nil {
			d.Edit(&r)
		}
		must(t, w.Append(&r))
	}
	must(t, w.Close())
	must(t, f.Close())
}

func (d *RunDir) request(n uint64, due record.Micros) record.Request {
	callee := B2
	if n%2 == 0 && due < d.hears() {
		callee = B1
	}
	at := due + 600
	r := record.Request{
		Stream: "base", Seq: n, Due: due, Sent: due + 100, FirstByte: due + 2000, Done: due + 2100 + record.Micros(n%10)*100, Status: 200,
		Trail: record.Trail{
			{Service: "spring-cloud-a", Instance: A1, Call: &record.Call{
				Service: "spring-cloud-b", Callee: callee, Addr: addr(callee), At: at, Status: 200, Attempts: 1,
			}},
			{Service: "spring-cloud-b", Instance: callee},
		},
	}
	r.Body = "B[" + addr(callee)[:9] + "]"
	if callee == B1 && at >= d.closes() {
		r.Trail = r.Trail[:1]
		r.Trail[0].Call.Class, r.Trail[0].Call.Status = record.Refused, 0
		r.Status, r.Class, r.Body, r.Error = 502, record.Status5xx, "", "502 Bad Gateway"
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
