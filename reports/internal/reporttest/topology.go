package reporttest

import (
	"fmt"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

func tag(arm string) string {
	if arm == "gray" {
		return "gray"
	}
	return ""
}

func workload(role, arm string) string {
	name := "spring-cloud-" + role
	if role == "gateway" {
		return "spring-cloud-zuul"
	}
	if t := tag(arm); t != "" && role != "c" {
		name += "-" + t
	}
	return name
}

func inst(workload string, n int) record.Instance {
	return record.Instance{Pod: fmt.Sprintf("%s-7c9f8d-%d", workload, n), Incarnation: 1}
}

func meta() reports.Meta {
	return reports.Meta{
		Schema: "zeroloss.meta/v1", Version: "v0.1.0", Scenario: "offline", Runtime: "local", Seed: 1, Speed: 1,
		Started: "2026-05-28T20:26:40Z", ZeroMicros: 1_780_000_000_000_000, Command: []string{"zeroloss", "run", "offline", "--seed", "1"},
		Machine: reports.Machine{OS: "linux", Arch: "amd64", Go: "go1.26.0", CPUs: 2, MemoryMB: 7941, Kernel: "6.12.30"},
	}
}

const description = `Scale-in and scale-out of B, at the same moment in both arms.

Gray B goes offline losslessly: its preStop hook calls /offline, every answer from then on
carries a marker, the callers stop choosing it, and it closes only when nothing came for a
second. Base B does what a plain Spring Cloud service does: on TERM it deregisters and closes.
Its callers hear of it half a second later, when the registry pushes; what they send until
then is refused. That is λ × push delay: 50/s × 0.55 s ≈ 27 requests.`

func planOf(o Options) *plan.Plan {
	p := &plan.Plan{
		Schema: plan.Schema, Scenario: "offline", Title: "Scale-in and scale-out of B, lossless offline on (gray) and off (base)",
		Description: description, Seed: 1, Speed: 1, Duration: o.Duration, Cycles: 1,
		PushDelay: 500 * time.Millisecond, PushTick: 100 * time.Millisecond,
		Corrections: []plan.Finding{{File: "mse-demo.yaml", Line: 118, Text: "document has no kind; taken for a Deployment", Fix: "add kind: Deployment"}},
		Warnings:    []plan.Finding{{File: "mse-demo.yaml", Line: 201, Text: "preStop sleeps 30 s and terminationGracePeriodSeconds is 30: the hook will be abandoned", Fix: "set terminationGracePeriodSeconds: 90"}},
		Margin:      plan.Margin{Shortest: 29 * time.Second, Push: 600 * time.Millisecond, Ratio: 48.3, Workload: "spring-cloud-b-gray"},
	}
	for _, arm := range []string{"base", "gray"} {
		a := plan.Arm{Name: arm, Tag: tag(arm)}
		for _, role := range []string{"gateway", "a", "b", "c"} {
			a.Workloads = append(a.Workloads, workload(role, arm))
			if arm == "gray" && (role == "gateway" || role == "c") {
				continue
			}
			w := plan.Workload{Name: workload(role, arm), Role: role, Service: workload(role, ""), Tag: tag(arm), Replicas: 2}
			w.Settings.Offline.Mode = settings.DeregisterFirst
			if arm == "gray" {
				w.Settings.Offline.Mode = settings.Lossless
			}
			p.Workloads = append(p.Workloads, w)
		}
		p.Arms = append(p.Arms, a)
		p.Streams = append(p.Streams, traffic.Stream{Name: arm, Arm: arm, Tag: tag(arm), Rate: rate, Method: "GET", Path: "/A/a", Connections: traffic.KeepAlive, Duration: o.Duration})
	}
	for _, arm := range []string{"base", "gray"} {
		w := workload("b", arm)
		p.ScheduledJobs = append(p.ScheduledJobs, plan.ScheduledJob{At: releaseAt(o.Duration), Workload: w, Job: "scale-in", Target: 1}, plan.ScheduledJob{At: 2 * releaseAt(o.Duration), Workload: w, Job: "scale-out", Target: 2})
	}
	return p
}

// instances adds the instances. All but the second B of each arm serve until the
// end. A third B of each arm starts at the scale-out.
func (b *builder) instances() {
	for _, w := range b.r.Plan.Workloads {
		replicas := w.Replicas
		if w.Role == "gateway" {
			replicas = 1
		}
		for n := 1; n <= replicas; n++ {
			if w.Role == "b" && n == 2 {
				continue
			}
			b.l.Instances = append(b.l.Instances, b.newInstance(w, n, -time.Second, b.o.Duration))
		}
		if w.Role == "b" {
			b.l.Instances = append(b.l.Instances, b.releasedInstance(w), b.newInstance(w, 3, 2*b.at, b.o.Duration))
		}
	}
}

func (b *builder) newInstance(w plan.Workload, n int, from, to time.Duration) ledger.Instance {
	in := ledger.Instance{Instance: inst(w.Name, n), Workload: w.Name, Service: w.Service, Tag: w.Tag}
	at := []time.Duration{from, from + 90*time.Millisecond, from + 130*time.Millisecond, from + 900*time.Millisecond, to}
	for i, name := range []string{"starting", "listening", "registered", "serving"} {
		in.Phases = append(in.Phases, ledger.Phase{Name: name, From: at[i], To: at[i+1]})
	}
	in.Milestones = []ledger.Milestone{{At: at[0], Kind: record.KindStarting}, {At: at[1], Kind: record.KindListening}, {At: at[2], Kind: record.KindRegistered}, {At: at[3], Kind: record.KindReady}}
	b.countReceived(&in, w, max(0, at[3]), to)
	return in
}

// releasedInstance is the B that is scaled in: at once in base, losslessly in gray.
func (b *builder) releasedInstance(w plan.Workload) ledger.Instance {
	in := b.newInstance(w, 2, -time.Second, b.at)
	b.countReceived(&in, w, 0, b.at)
	at := func(d time.Duration) *time.Duration { d += b.at; return &d }
	mark := func(d time.Duration, k record.Kind, text string) {
		in.Milestones = append(in.Milestones, ledger.Milestone{At: b.at + d, Kind: k, Text: text})
	}
	phase := func(name string, from, to time.Duration) {
		in.Phases = append(in.Phases, ledger.Phase{Name: name, From: b.at + from, To: b.at + to})
	}
	rel := ledger.Release{Instance: in.Instance, Workload: w.Name, Service: w.Service, Tag: w.Tag, At: b.at, Planned: true, Reason: "scale-in", Rate: 50}
	mark(0, record.KindPodDeleted, "scale-in 2 to 1")
	m := time.Millisecond
	if w.Tag == "" {
		rel.Arms, rel.StaleRoute, rel.PredictedLow, rel.PredictedHigh = []string{"base"}, 548*m, 23, 31
		mark(8*m, record.KindTermReceived, "2 in flight")
		mark(12*m, record.KindDeregistered, "")
		mark(31*m, record.KindListenerClosed, "")
		mark(48*m, record.KindContainerExited, "0")
		phase("closing", 8*m, 31*m)
		phase("draining", 31*m, 48*m)
		rel.Deregistered, rel.ListenerClosed, rel.Exited = at(12*m), at(31*m), at(48*m)
		rel.LastHeard, rel.LastAttempt = at(572*m), at(560*m)
	} else {
		end := min(30*time.Second, b.o.Duration-b.at-time.Second)
		rel.Arms, rel.StaleRoute = []string{"gray"}, 38*m
		mark(6*m, record.KindOffline, "preStop called /offline")
		mark(11*m, record.KindDeregistered, "")
		mark(19*m, record.KindNotified, "acked")
		mark(end, record.KindHookAbandoned, "its grace is over")
		mark(end+5*m, record.KindTermReceived, "0 in flight")
		mark(end+20*m, record.KindListenerClosed, "")
		mark(end+60*m, record.KindContainerExited, "0")
		phase("closing", 6*m, end+5*m)
		phase("draining", end+5*m, end+60*m)
		rel.Offline, rel.Deregistered, rel.LastHeard, rel.LastAttempt = at(6*m), at(11*m), at(49*m), at(49*m)
		rel.ListenerClosed, rel.Exited = at(end+20*m), at(end+60*m)
	}
	b.l.Releases = append(b.l.Releases, rel)
	return in
}

// countReceived counts the requests that reach an instance: its share of the rate of
// the arm, more while it is the only one.
func (b *builder) countReceived(in *ledger.Instance, w plan.Workload, from, to time.Duration) {
	in.Received = 0
	in.PerSecond = make([]int, int((b.o.Duration+time.Second-1)/time.Second))
	for i := range in.PerSecond {
		t := time.Duration(i) * time.Second
		overlap := min(to, t+time.Second) - max(from, t)
		if overlap <= 0 {
			continue
		}
		share := rate / 2
		switch {
		case w.Role == "gateway":
			share = 2 * rate
		case w.Role == "c":
			share = rate
		case w.Role == "b" && t >= b.at && t < 2*b.at+time.Second:
			share = rate
		}
		in.PerSecond[i] = int(share*overlap.Seconds() + b.rng.Float64()*2)
		in.Received += in.PerSecond[i]
	}
}
