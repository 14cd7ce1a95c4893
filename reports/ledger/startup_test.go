package ledger

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
)

// startupRun is a run in which a second C is registered at 10 s and warms up by
// x² over 40 s beside the one that is warm. Consumers hear of it 500 ms later.
func startupRun() (*sim, *simLife) {
	s := newSim(70 * time.Second)
	old, fresh := s.lives["c-1"], s.live("c-2", sec(9.7), "127.0.2.1:20003")
	s.tell(fresh, fresh.registered+2000, record.KindWarmupStart)
	s.tell(fresh, fresh.registered.Add(40*time.Second), record.KindWarmupEnd)
	s.event(record.Event{At: fresh.registered.Add(time.Second), Payload: record.PodReady{}, Instance: fresh.inst, Workload: fresh.workload})
	warmup := record.ListedWarmup{Model: "power", Curve: 2, Window: 40 * time.Second}
	hosts := []record.ListedHost{
		{Instance: old.inst, Addr: old.addr, Start: int64(sec(-100)) / 1000, Warmup: warmup},
		{Instance: fresh.inst, Addr: fresh.addr, Start: int64(fresh.registered) / 1000, Warmup: warmup},
	}
	heard := fresh.registered.Add(500 * time.Millisecond)
	for _, pod := range []string{"b-1", "b-2", "b-gray-1", "b-gray-2"} {
		c := s.lives[pod]
		s.event(record.Event{At: heard, Instance: c.inst, Workload: c.workload, Service: "spring-cloud-c", Payload: record.ListChanged{Hosts: hosts}})
	}
	owed := map[record.Instance]float64{}
	s.spoil = func(r *record.Request) {
		b, c := r.Trail[2].Call, &r.Trail[3]
		to := old
		if b.At >= heard {
			x := math.Min(b.At.Sub(fresh.registered).Seconds()/40, 1)
			who := r.Trail[2].Instance
			owed[who] += x * x / (x*x + 1)
			if owed[who] >= 1 {
				owed[who]--
				to = fresh
			}
		}
		was, _, _ := cutLast(b.Addr)
		is, _, _ := cutLast(to.addr)
		b.Callee, b.Addr, c.Instance = to.inst, to.addr, to.inst
		r.Body = strings.Replace(r.Body, "C["+was+"]", "C["+is+"]", 1)
	}
	return s, fresh
}

func TestAWarmUpIsMeasured(t *testing.T) {
	s, fresh := startupRun()
	l := s.run()
	require.Empty(t, l.Defects)
	require.Len(t, l.Warmups, 1, "the old one warmed up before the run")
	w := l.Warmups[0]
	require.Equal(t, fresh.inst, w.Instance)
	require.Equal(t, []string{"base", "gray"}, w.Arms)
	require.Equal(t, 40*time.Second, w.Window)
	require.Equal(t, 10*time.Second, w.Start)
	require.Len(t, w.Buckets, 4*24, "the first stretch of each consumer began before it had heard")
	require.Zero(t, curve.Missing(w.Buckets))
	for _, b := range w.Buckets {
		require.Equal(t, []curve.Other{{Instance: "c-1/1", Got: b.Sent - b.Got}}, b.Others, "it is warm")
	}
	e := curve.Exponent(w.Buckets, w.Family())
	require.True(t, e.Contains(2), e)
	require.False(t, e.Contains(1), e)
	require.True(t, curve.GoodnessOfFit(w.Buckets, w.Shape()).Agrees(0.01))
	require.False(t, curve.GoodnessOfFit(w.Buckets, curve.PowerShape(1)).Agrees(0.01))

	base := l.arm("base")
	require.Zero(t, *base.EarlyRequests)
	require.Zero(t, *base.ReadyBeforeRegistered)
	require.NotNil(t, base.OnlineResponseTime)
}

// TestBucketsThatChangeAreLeftOut: a list that changes, and an instance that
// goes, make a stretch tell nothing.
func TestBucketsThatChangeAreLeftOut(t *testing.T) {
	s, _ := startupRun()
	b1 := s.lives["b-1"]
	for _, e := range s.in.Events {
		if list, ok := e.Payload.(record.ListChanged); ok && e.Instance == b1.inst && len(list.Hosts) == 2 {
			gone, back := e, e
			list.Hosts = list.Hosts[1:]
			gone.At, gone.Payload = sec(21), list
			back.At = sec(27)
			s.in.Events = append(s.in.Events, gone, back)
			break
		}
	}
	count := map[string]int{}
	for _, b := range s.run().Warmups[0].Buckets {
		count[b.Consumer]++
	}
	require.Equal(t, map[string]int{"b-1/1": 22, "b-2/1": 24, "b-gray-1/1": 24, "b-gray-2/1": 24}, count, "20..22 s and 26..28 s")
}

func TestEarlyRequestsAndReadiness(t *testing.T) {
	s, fresh := startupRun()
	spoil, n := s.spoil, 0
	s.spoil = func(r *record.Request) {
		spoil(r)
		if c := &r.Trail[3]; r.Stream == "gray" && r.Due > sec(9.9) && n < 3 {
			was, _, _ := cutLast(r.Trail[2].Call.Addr)
			r.Trail[2].Call.Callee, r.Trail[2].Call.Addr, c.Instance = fresh.inst, fresh.addr, fresh.inst
			r.Body = strings.Replace(r.Body, "C["+was+"]", "C[127.0.2.1]", 1)
			n++
		}
	}
	s.event(record.Event{At: fresh.registered - 1, Payload: record.PodReady{}, Instance: fresh.inst, Workload: fresh.workload})
	l := s.run()
	require.Zero(t, *l.arm("base").EarlyRequests)
	require.Equal(t, 3, *l.arm("gray").EarlyRequests)
	require.Equal(t, 1, *l.arm("base").ReadyBeforeRegistered, "both arms reach it")
}

// TestUnmeasuredIsNotZero: of an instance that tells nothing of itself, nobody
// can say when it was registered.
func TestUnmeasuredIsNotZero(t *testing.T) {
	s, _ := startupRun()
	mute := record.Instance{Pod: "c-9", Incarnation: 1}
	s.event(record.Event{At: sec(20), Payload: record.PodReady{}, Instance: mute, Workload: "c"})
	a := s.run().arm("base")
	require.Nil(t, a.EarlyRequests)
	require.Nil(t, a.ReadyBeforeRegistered)
}

// TestAppliedRulesAreMilestones, on the life that has them; those that did not come
// are told.
func TestAppliedRulesAreMilestones(t *testing.T) {
	s, fresh := startupRun()
	s.event(record.Event{At: sec(20), Instance: fresh.inst, Workload: fresh.workload, Payload: record.SettingsApplied{Version: 2}})
	s.event(record.Event{At: sec(30), Payload: record.RuleFailed{}, Instance: fresh.inst, Workload: fresh.workload, Text: "refused"})
	l := s.run()
	var marks []string
	for _, i := range l.Instances {
		for _, m := range i.Milestones {
			if m.Kind == record.KindSettingsApplied {
				marks = append(marks, i.Instance.String()+": "+m.Text)
			}
		}
	}
	require.Equal(t, []string{"c-2/1: rules of version 2"}, marks)
	require.Contains(t, l.Notes, Note{At: 30 * time.Second, Instance: fresh.inst, Text: "changed rules were not delivered: refused"})
}

// TestInstancesOfAColdStart: what times out at an instance that was there at
// time zero is a cold start only where the plan says that it was new.
func TestInstancesOfAColdStart(t *testing.T) {
	for cold, want := range map[bool]Window{true: ColdStart, false: Unexplained} {
		s := newSim(10 * time.Second)
		for i := range s.in.Plan.Workloads {
			s.in.Plan.Workloads[i].ColdStart = cold && s.in.Plan.Workloads[i].Name == "c"
		}
		s.spoil = func(r *record.Request) {
			if r.Seq != 100 || r.Stream != "base" {
				return
			}
			r.Status, r.Class, r.Trail = 504, record.Status5xx, r.Trail[:3]
			r.Trail[2].Call.Class, r.Trail[2].Call.Status = record.TimeoutFirstByte, 0
			r.Trail[1].Call.Class, r.Trail[0].Call.Class = record.Status5xx, record.Status5xx
			r.Trail[1].Call.Status, r.Trail[0].Call.Status = 504, 504
		}
		l := s.run()
		require.Len(t, l.Losses, 1)
		require.Equal(t, want, l.Losses[0].Window, l.Losses[0].Explanation)
	}
}
