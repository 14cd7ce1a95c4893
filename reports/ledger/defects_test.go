package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/podspec"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// Every guard fires: each spoils a sound run in one way.
func TestDefects(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(s *sim)
		says  string
	}{
		"a number twice": {func(s *sim) {
			s.in.Requests = append(s.in.Requests, s.in.Requests[5])
		}, "1 duplicate sequence number"},
		"a number is missing": {func(s *sim) {
			s.in.Requests = append(s.in.Requests[:5], s.in.Requests[6:]...)
		}, "stream base: 1 request missing among the first 100"},
		"the end is missing": {func(s *sim) {
			s.in.Requests = s.in.Requests[:190]
		}, "stream gray: the log ends with request 90 of 100"},
		"no request at all": {func(s *sim) {
			s.in.Requests = nil
		}, "the log ends with request 0 of 100"},
		"a number out of range": {func(s *sim) {
			s.in.Requests[5].Seq = 1 << 60
		}, "out of range"},
		"more than was planned": {func(s *sim) {
			r := s.in.Requests[99]
			r.Seq = 100
			s.in.Requests = append(s.in.Requests, r)
		}, "the log ends with request 101 of 100"},
		"a stream nobody planned": {func(s *sim) {
			s.in.Requests[0].Stream = "other"
		}, `1 request of stream "other"`},
		"a stream of no arm": {func(s *sim) {
			s.in.Plan.Streams[0].Arm = "none"
		}, `belongs to arm "none"`},
		"a torn log":             {func(s *sim) { s.in.Torn = []string{"requests.log: torn"} }, "requests.log: torn"},
		"an incomplete instance": {func(s *sim) { s.in.Incomplete["b-1/1"] = "its events have no end" }, "instance b-1/1: its events have no end"},
		"a clock set back": {func(s *sim) {
			s.in.Requests[9].Done = s.in.Requests[9].Sent - 1
		}, "1 request with an end before its start"},
		"sent too early": {func(s *sim) {
			s.in.Requests[9].Sent = s.in.Requests[9].Due.Add(-time.Second)
		}, "1 request sent before the due time"},
		"a class of its own": {func(s *sim) {
			s.in.Requests[9].Class = record.Other
		}, "1 lost request of unknown class"},
		"no answer and no error": {func(s *sim) {
			s.in.Requests[9].Status = 0
		}, "1 lost request of unknown class"},
		"zero never came":   {func(s *sim) { s.in.Zero = 0 }, "time zero was never reached"},
		"nothing was to be": {func(s *sim) { s.in.Plan.Streams = nil }, "the plan has no stream"},
		"an instance that never came up": {func(s *sim) {
			s.event(record.Event{At: sec(-14), Payload: record.ContainerStarted{}, Workload: "b", Instance: record.Instance{Pod: "b-9", Incarnation: 1}})
		}, "instance b-9/1 never came up: it was still not registered"},
		"an instance that never came up, at speed": {func(s *sim) {
			s.in.Plan.Speed = 10
			s.event(record.Event{At: sec(-0.5), Payload: record.ContainerStarted{}, Workload: "b", Instance: record.Instance{Pod: "b-9", Incarnation: 1}})
		}, "instance b-9/1 never came up: it was still not registered 2.5 s after its start"},
		"a step that did not come": {func(s *sim) {
			s.in.Plan.Steps = []plan.Step{{Name: "kill b", Action: plan.KillPods{Workload: "b"}, After: &plan.After{Source: "gray", Event: "deregistered"}}}
		}, `step "kill b" of b ran 0 of 1 times`},
		"a release whose end nobody saw": {func(s *sim) {
			s.lossless("b-gray-1", sec(0.5), push)
		}, "instance b-gray-1/1 was taken out at 500 ms and had not closed when the load ended at 2.0 s"},
		"a job that did not fire": {func(s *sim) {
			s.in.Plan.Cycles, s.in.Plan.Duration = 2, 3*time.Second
			s.in.Plan.ScheduledJobs = []plan.ScheduledJob{{At: time.Second, Workload: "b", Job: "down", Target: 1}, {At: 3 * time.Second, Workload: "b", Job: "late", Target: 1}}
			s.event(record.Event{At: sec(1), Workload: "b", Payload: record.CronFired{Autoscaler: "b", Job: "down", Replicas: 1}})
		}, `CronHPA job "down" of b ran 1 of 2 times`},
		"an instance that died at its start": {func(s *sim) {
			i := record.Instance{Pod: "b-9", Incarnation: 1}
			s.event(record.Event{At: sec(0.1), Payload: record.ContainerStarted{}, Workload: "b", Instance: i})
			s.event(record.Event{At: sec(0.3), Workload: "b", Instance: i, Payload: record.ContainerExited{ExitCode: 1}})
		}, "instance b-9/1 never came up: it exited"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSim(time.Second)
			s.in.End = sec(3)
			require.Empty(t, s.run().Defects, "sound before it is spoilt")
			c.spoil(s)
			require.Contains(t, strings.Join(s.build().Defects, "\n"), c.says)
		})
	}
}

// What is asked for is no defect: a delay of its registration.
func TestRegistrationDelayIsAllowed(t *testing.T) {
	s := newSim(time.Second)
	for i := range s.in.Plan.Workloads {
		s.in.Plan.Workloads[i].Settings.Online.Delay = 5 * time.Second
	}
	s.event(record.Event{At: sec(-14), Payload: record.ContainerStarted{}, Workload: "b", Instance: record.Instance{Pod: "b-9", Incarnation: 1}})
	require.Empty(t, s.run().Defects)
}

// A failure that the harness cannot name is explained by nothing, also where
// a release would explain any other.
func TestUnknownClassIsNotExplained(t *testing.T) {
	s := newSim(3 * time.Second)
	s.deregisterFirst("b-1", sec(1), push)
	explained := s.run()
	require.NotZero(t, explained.arm("base").Lost)
	require.Zero(t, explained.arm("base").Unexplained)
	for i := range s.in.Requests {
		for j := range s.in.Requests[i].Trail {
			if c := s.in.Requests[i].Trail[j].Call; c != nil && c.Class == record.Refused {
				c.Class = record.Other
			}
		}
	}
	l := s.build()
	require.Equal(t, explained.arm("base").Lost, l.arm("base").Unexplained)
	require.NotEmpty(t, l.Defects)
}

func TestStepsThatRanAreNoDefect(t *testing.T) {
	s := newSim(time.Second)
	s.in.Plan.Duration = 2 * time.Second
	s.in.Plan.Steps = []plan.Step{{Name: "restart b", Action: plan.RolloutRestart{Workload: "b"}}, {Name: "restart b", Action: plan.RolloutRestart{Workload: "b"}}}
	s.in.Plan.ScheduledJobs = []plan.ScheduledJob{{At: time.Second, Workload: "b", Job: "up", Target: 3}}
	for range 2 {
		s.event(record.Event{At: sec(0.2), Workload: "b", Payload: record.Step{Name: "restart b"}})
	}
	s.event(record.Event{At: sec(1), Workload: "b", Payload: record.CronFired{Autoscaler: "b", Job: "up", Replicas: 3}})
	require.Empty(t, s.run().Defects)
	s.in.Plan.Steps[1].Name = "kill b"
	s.in.Interrupted = true
	require.Empty(t, s.build().Defects, "an interrupted run need not have come to it")
}

func TestHookThatFailsBeforeOfflineIsADefect(t *testing.T) {
	for _, c := range []struct {
		script  string
		offline bool // the instance was called
		defect  bool
	}{
		{"curl -f http://127.0.0.1:54199/offline; sleep 30", false, true},
		{"curl -f http://127.0.0.1:54199/offline; sleep 30", true, false},
		{"curl -f http://127.0.0.1:28080/offline; sleep 30", false, false},
		{"sleep 30; exit 1 # not /offline", false, false},
	} {
		s := newSim(time.Second)
		b := record.Instance{Pod: "b-1", Incarnation: 1}
		for i := range s.in.Plan.Workloads {
			w := &s.in.Plan.Workloads[i]
			w.Settings.MSE = settings.MSE{On: true, OfflinePort: 54199}
			s.in.Plan.Control.Workloads = append(s.in.Plan.Control.Workloads,
				control.Workload{Name: w.Name, PreStop: &podspec.Hook{Exec: []string{"/bin/sh", "-c", c.script}}})
		}
		if c.offline {
			s.event(record.Event{At: sec(0.4), Instance: b, Workload: "b", Payload: record.Offline{}})
		}
		s.event(record.Event{At: sec(0.5), Instance: b, Workload: "b", Payload: record.HookFailed{}, Text: "exit status 7"})
		defects := strings.Join(s.run().Defects, "\n")
		require.Equal(t, c.defect, strings.Contains(defects, "the preStop hook of b-1"), "%s: %s", c.script, defects)
	}
}

func TestInterrupted(t *testing.T) {
	s := newSim(time.Second)
	s.in.Interrupted, s.in.End = true, 0
	require.True(t, s.run().Interrupted)
}

// An empty input is a defective ledger, not a panic.
func TestEmptyInput(t *testing.T) {
	l := Build(Input{})
	require.NotEmpty(t, l.Defects)
	require.Empty(t, l.Arms)
}

func TestNotes(t *testing.T) {
	s := newSim(time.Second)
	b := record.Instance{Pod: "b-1", Incarnation: 1}
	for _, e := range []record.Event{
		{Payload: record.HookAbandoned{}, Text: "grace ended first"}, {Payload: record.HookFailed{}, Text: "exit 1"},
		{Text: "before it was ready", Payload: record.ProbeFailed{}}, {Payload: record.PodReady{}},
		{Text: "readiness", Payload: record.ProbeFailed{}}, {Text: "readiness", Payload: record.ProbeFailed{}},
		{Payload: record.Notified{Consumer: "127.0.0.1:1"}}, {Payload: record.Notified{Acknowledged: true}},
		{Payload: record.Verified{}}, {Payload: record.Verified{Gone: true}},
	} {
		e.At, e.Instance, e.Workload = sec(0.5), b, "b"
		s.event(e)
	}
	l := s.run()
	require.Len(t, l.Notes, 5)
	require.Contains(t, l.Notes[0].Text, "abandoned: grace ended first")
}

func TestRateErrorAndSlip(t *testing.T) {
	s := newSim(2 * time.Second)
	s.spoil = func(r *record.Request) {
		if r.Stream == "gray" { // each a bit later: 5 % too slow in all
			d := record.Micros(float64(r.Due-simZero) * 0.05)
			r.Sent, r.FirstByte, r.Done = r.Sent+d, r.FirstByte+d, r.Done+d
		}
	}
	g := s.run().Generator
	require.InDelta(t, 4.76, g.RateErrorPercent, 0.05)
	require.InDelta(t, 100, g.SlipMax.Seconds()*1000, 2)
	require.Greater(t, g.SlipP99, g.SlipP50)
}

func TestLongestOutage(t *testing.T) {
	s := newSim(2 * time.Second)
	s.spoil = func(r *record.Request) {
		if r.Stream == "base" && r.Seq >= 50 && r.Seq < 120 || r.Stream == "gray" && r.Seq >= 150 {
			r.Class = record.EOF
		}
	}
	l := s.run()
	require.InDelta(t, 710, l.arm("base").LongestOutage.Seconds()*1000, 1)
	require.InDelta(t, 500, l.arm("gray").LongestOutage.Seconds()*1000, 1, "a gap at the end counts")
}

func BenchmarkBuild(b *testing.B) {
	s := newSim(50 * time.Second)
	s.in.Plan.Streams[0].Rate, s.in.Plan.Streams[1].Rate = 1000, 1000
	s.deregisterFirst("b-1", sec(20), push)
	s.run()
	for b.Loop() {
		Build(s.in)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N*len(s.in.Requests))/1000, "µs/request")
}

// TestLoadThatEndedEarly: what it sent is the account, if the generator
// says the same; what the plan had beyond is nobody's loss.
func TestLoadThatEndedEarly(t *testing.T) {
	for _, kind := range []record.Kind{record.KindConcluded, record.KindAborted} {
		s := newSim(2 * time.Second)
		l := s.run()
		require.Empty(t, l.Defects)
		sent := l.Generator.Sent
		for i := range s.in.Plan.Streams {
			s.in.Plan.Streams[i].Duration *= 5
		}
		require.NotEmpty(t, s.build().Defects, "the plan has more")
		s.event(record.Event{At: sec(2), Payload: record.ZeroPayload(kind), Text: "enough"})
		s.event(record.Event{At: sec(2.01), Payload: record.LoadEnd{Sent: sent}})
		l = s.build()
		require.Empty(t, l.Defects)
		require.Equal(t, kind == record.KindAborted, l.Aborted)
		require.Equal(t, l.Aborted, l.AbortText == "enough")
		// Its last frame is lost, and nothing else shows it.
		last := s.in.Requests[len(s.in.Requests)-1]
		s.in.Requests = s.in.Requests[:len(s.in.Requests)-1]
		require.NotZero(t, last.Seq)
		require.Contains(t, strings.Join(s.build().Defects, "\n"), "the load ended early: the generator reports that it sent")
	}
}
