package lossless

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

// busy returns the load of a request every 20 ms until end, each taking 5 ms.
func busy(end time.Duration) func(time.Duration) (int, time.Duration) {
	return func(now time.Duration) (int, time.Duration) {
		last := min(now, end).Truncate(20 * ms)
		if now-last < 5*ms {
			return 1, last
		}
		return 0, last
	}
}

// The whole lifecycle, action by action, in each mode.
func TestLife(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   string
		script []timed
		want   string
	}{{
		"hook, then TERM", settings.Lossless,
		[]timed{listening(0), hook(10*time.Second, 7), term(40 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note offline hook
10s note closing 1
10s set-readiness false
10s set-marker
10s note deregistering 1
10s deregister
10s answer 7 closing
10.01s note deregistered
10.01s verify
10.02s note verified true
40s note term-received
40s note drain-wait
40s no-keep-alive
40s note listener-closed (quiet)
40s close-listener
40.01s close-registry
40.02s note drained
40.02s exit 0`,
	}, {
		"TERM alone waits for quiet", settings.Lossless,
		[]timed{listening(0), term(10 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note term-received 1
10s note offline term
10s note closing 1
10s set-readiness false
10s set-marker
10s note deregistering 1
10s deregister
10s note drain-wait 1
10.01s note deregistered
10.01s verify
10.02s note verified true
11.56s no-keep-alive
11.56s note listener-closed (quiet)
11.56s close-listener
11.57s close-registry
11.58s note drained
11.58s exit 0`,
	}, {
		"deregister-first cuts", settings.DeregisterFirst,
		[]timed{listening(0), term(10 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note term-received 1
10s set-readiness false
10s note deregistering 1
10s deregister
10.01s note deregistered
10.01s no-keep-alive
10.01s note listener-closed (deregister-first)
10.01s close-listener
10.01s cut-connections
10.01s close-registry
10.02s note drained 1
10.02s exit 0`,
	}, {
		"close-first", settings.CloseFirst,
		[]timed{listening(0), term(10 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note term-received 1
10s set-readiness false
10s no-keep-alive
10s note listener-closed (close-first) 1
10s close-listener
10.01s note deregistering 1
10.01s deregister
10.02s note deregistered
10.02s close-registry
10.03s note drained
10.03s exit 0`,
	}, {
		"kill", settings.Kill,
		[]timed{listening(0), term(10 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note term-received 1
10s note listener-closed (kill) 1
10s note requests-cut 1
10s exit 143`,
	}, {
		"reject", settings.Reject,
		[]timed{listening(0), term(10 * time.Second)}, `
0s register
10ms note registered
10ms note ready
10ms set-readiness true
10s note term-received 1
10s note offline term
10s note closing 1
10s set-readiness false
10s set-marker
10s note deregistering 1
10s deregister
10s note drain-wait 1
10.01s note deregistered
10.01s reject-new
10.01s verify
10.02s note verified true
11.56s no-keep-alive
11.56s note listener-closed (quiet)
11.56s close-listener
11.57s close-registry
11.58s note drained
11.58s exit 0`,
	}} {
		t.Run(c.name, func(t *testing.T) {
			w := newSimulation(config(c.mode), c.script...)
			w.load = busy(10*time.Second + 560*ms)
			w.run(time.Hour)
			require.Equal(t, strings.TrimSpace(c.want), strings.Join(w.log, "\n"))
			require.Equal(t, []Action(nil), w.m.Step(w.exit+time.Hour, Event{Kind: Term}), "nothing comes after exit")
		})
	}
}

func TestComingOnline(t *testing.T) {
	t.Run("registers after a delay, never before", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Online.Delay = 30 * time.Second
		w := newSimulation(cfg, listening(time.Second)).run(time.Minute)
		require.Equal(t, 31*time.Second, w.at("register"))
		require.Equal(t, 31*time.Second+10*ms, w.at("set-readiness true"))
		require.Equal(t, Serving, w.m.State().Phase)
	})
	t.Run("first health probe after one interval, then without end", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Online.HealthPath, cfg.Online.Delay = "/health", time.Hour
		w := newSimulation(cfg, listening(0))
		w.answers[ProbeHealth] = answer{after: ms}
		w.run(10 * time.Minute)
		require.Equal(t, 5*time.Second, w.at("probe-health"))
		require.Equal(t, 120, w.count("probe-health"))
		require.Equal(t, time.Duration(-1), w.at("register"))
		w.answers[ProbeHealth] = answer{after: ms, ok: true}
		w.run(11 * time.Minute)
		require.Equal(t, 10*time.Minute+5*time.Second+ms, w.at("register"))
	})
	t.Run("a probe that is lost is another one's turn", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Online.HealthPath, cfg.Online.HealthEvery = "/health", time.Second
		w := newSimulation(cfg, listening(0))
		w.answers[ProbeHealth] = answer{never: true}
		w.run(10 * time.Second)
		require.Equal(t, 10, w.count("probe-health"))
	})
	t.Run("registration is tried again, ever more slowly", func(t *testing.T) {
		w := newSimulation(config(settings.Lossless), listening(0))
		w.answers[Register] = answer{}
		w.run(30 * time.Second)
		// 0, 0.2, 0.6, 1.4, 3.0, 6.2, 11.2, 16.2, 21.2, 26.2
		require.Equal(t, 10, w.count("register"))
		require.Equal(t, 10, w.count("note register-failed (no)"))
		require.False(t, w.m.State().Ready)
	})
	t.Run("registration whose answer is lost", func(t *testing.T) {
		w := newSimulation(config(settings.Lossless), listening(0))
		w.answers[Register] = answer{never: true}
		w.run(4 * time.Second)
		require.Equal(t, 2, w.count("register"))
		require.Equal(t, 3*time.Second, w.at("note register-failed (no answer in time)"))
	})
	t.Run("warm-up counts from the first attempt to register", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Online.Warmup.Window = 2 * time.Minute
		w := newSimulation(cfg, listening(time.Second)).run(time.Minute)
		require.Equal(t, Warming, w.m.State().Phase)
		require.Equal(t, time.Second+10*ms, w.at("note warmup-start"))
		w.run(time.Hour)
		require.Equal(t, 2*time.Minute+time.Second, w.at("note warmup-end"))
		require.Equal(t, Serving, w.m.State().Phase)
	})
}

func TestWait(t *testing.T) {
	quiet := func(time.Duration) (int, time.Duration) { return 0, 0 }
	stuck := func(time.Duration) (int, time.Duration) { return 1, 0 }
	flood := func(now time.Duration) (int, time.Duration) { return 0, now }
	for _, c := range []struct {
		name   string
		load   func(time.Duration) (int, time.Duration)
		change func(*Config)
		script []timed
		closed time.Duration
		why    string
		exit   time.Duration
	}{
		{name: "push delay and a second at least", load: quiet, script: []timed{term(60 * time.Second)},
			closed: 61500 * ms, why: "quiet", exit: 61520 * ms},
		{name: "counted from the hook", load: quiet, script: []timed{hook(60*time.Second, 1), term(61 * time.Second)},
			closed: 61500 * ms, why: "quiet", exit: 61520 * ms},
		{name: "at most the cap", load: flood, script: []timed{term(60 * time.Second)},
			closed: 90 * time.Second, why: "cap", exit: 90*time.Second + 20*ms},
		{name: "the cap counts from the hook", load: flood, script: []timed{hook(60*time.Second, 1), term(80 * time.Second)},
			closed: 90 * time.Second, why: "cap", exit: 90*time.Second + 20*ms},
		{name: "never into the last second of grace", load: flood,
			change: func(c *Config) { c.Offline.Grace = 20 * time.Second }, script: []timed{term(60 * time.Second)},
			closed: 79 * time.Second, why: "grace", exit: 79*time.Second + 20*ms},
		{name: "grace is 30 s if nobody says", load: flood,
			change: func(c *Config) { c.Offline.Grace = 0 }, script: []timed{term(60 * time.Second)},
			closed: 89 * time.Second, why: "grace", exit: 89*time.Second + 20*ms},
		{name: "grace ran out in the hook: two seconds are left", load: stuck,
			change: func(c *Config) { c.Offline.Grace, c.Offline.DrainTimeout = 30*time.Second, time.Minute },
			script: []timed{hook(60*time.Second, 1), term(90 * time.Second)},
			closed: 91 * time.Second, why: "grace", exit: 91*time.Second + 20*ms},
		{name: "a hand-made call long ago", load: flood, script: []timed{hook(60*time.Second, 1), term(600 * time.Second)},
			closed: 600 * time.Second, why: "cap", exit: 600*time.Second + 20*ms},
		{name: "no wait", load: flood,
			change: func(c *Config) { c.Offline.NoWait = true }, script: []timed{term(60 * time.Second)},
			closed: 60*time.Second + 10*ms, why: "no-wait", exit: 60*time.Second + 30*ms},
		{name: "a floor and a quiet time of one's own", load: func(time.Duration) (int, time.Duration) { return 0, 60*time.Second + 200*ms },
			change: func(c *Config) { c.Offline.MinWait, c.Offline.QuietPeriod = 100*ms, 50*ms }, script: []timed{term(60 * time.Second)},
			closed: 60*time.Second + 250*ms, why: "quiet", exit: 60*time.Second + 270*ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(settings.Lossless)
			if c.change != nil {
				c.change(&cfg)
			}
			w := newSimulation(cfg, append([]timed{listening(0)}, c.script...)...)
			w.load = c.load
			w.run(time.Hour)
			n := ""
			if in, _ := c.load(c.closed); in > 0 {
				n = " 1"
			}
			require.Equal(t, c.closed, w.at("note listener-closed ("+c.why+")"+n), strings.Join(w.log, "\n"))
			require.Equal(t, c.exit, w.exit)
			require.Zero(t, w.code)
		})
	}
}

func TestRequestsInFlightHoldTheCloseAndAreCutInTheEnd(t *testing.T) {
	cfg := config(settings.Lossless)
	cfg.Offline.Grace = 20 * time.Second
	w := newSimulation(cfg, listening(0), term(time.Minute))
	w.load = func(time.Duration) (int, time.Duration) { return 3, 0 }
	w.answers[CloseListener] = answer{never: true}
	w.run(time.Hour)
	require.Equal(t, 79*time.Second, w.at("note listener-closed (grace) 3"))
	require.Equal(t, 79*time.Second+700*ms, w.at("note requests-cut 3"))
	require.Equal(t, 79*time.Second+700*ms, w.at("cut-connections"))
	require.Equal(t, 79*time.Second+710*ms, w.exit)
}
