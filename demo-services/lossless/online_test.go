package lossless

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

// TestPrewarmedRegistersAtOnce: a prewarmed instance has no delay, no health path
// and no warm-up.
func TestPrewarmedRegistersAtOnce(t *testing.T) {
	d := settings.Document{Online: settings.Online{
		Delay: time.Minute, HealthPath: "/up", HealthEvery: time.Second, Warmup: settings.Warmup{Window: time.Minute},
	}}
	require.Equal(t, d.Online, ConfigOf(d).Online)
	d.Online.Prewarmed = true
	m := New(ConfigOf(d))
	out := m.Step(0, Event{Kind: Listening})
	require.Equal(t, Register, out[0].Kind)
	m.Step(time.Second, Event{Kind: RegisterDone, Op: out[0].Op, OK: true})
	require.Equal(t, Serving, m.State().Phase)
}

// TestEarlyRegistersBeforeItListens, and only once.
func TestEarlyRegistersBeforeItListens(t *testing.T) {
	m := New(Config{Online: settings.Online{Early: true}})
	out := m.Step(0, Event{Kind: Started})
	require.Equal(t, Register, out[0].Kind)
	require.Empty(t, m.Step(time.Second, Event{Kind: Listening}))
}

// TestRules: what changed rules do in each phase. The start of a warm-up stays;
// its end moves.
func TestRules(t *testing.T) {
	rules := func(at time.Duration, version int, window time.Duration) timed {
		return timed{at, Event{Kind: RulesReceived, Ref: uint64(version), Rules: &settings.Rules{Version: version, Warmup: settings.Warmup{Window: window}}}}
	}
	sec := time.Second
	for _, c := range []struct {
		name   string
		spoil  func(*settings.Online)
		fails  bool
		script []timed
		want   string
	}{
		{"longer, while it warms up", nil, false, []timed{listening(0), rules(5*sec, 2, 20*sec)}, `
5s publish 20s
5s answer 2 warming
5.01s note settings-applied 2
20s note warmup-end`},
		{"shorter than its age", nil, false, []timed{listening(0), rules(5*sec, 2, 2*sec)}, `
5s publish 2s
5s answer 2 warming
5.01s note settings-applied 2
5.01s note warmup-end`},
		{"none any more", nil, false, []timed{listening(0), rules(5*sec, 2, 0)}, `
5s publish 0s
5s answer 2 warming
5.01s note settings-applied 2
5.01s note warmup-end`},
		{"after its end", nil, false, []timed{listening(0), rules(15*sec, 2, 20*sec)}, `
10s note warmup-end
15s publish 20s
15s answer 2 serving
15.01s note settings-applied 2
15.01s note warmup-start
20s note warmup-end`},
		{"the same again", nil, false, []timed{listening(0), rules(5*sec, 2, 10*sec)}, `
5s note settings-applied 2
5s answer 2 warming
10s note warmup-end`},
		{"an older one", nil, false, []timed{listening(0), rules(5*sec, 3, 20*sec), rules(6*sec, 2, 30*sec)}, `
5s publish 20s
5s answer 3 warming
5.01s note settings-applied 3
6s answer 2 warming
20s note warmup-end`},
		{"before it is registered", func(o *settings.Online) { o.Delay = 8 * sec }, false, []timed{listening(0), rules(5*sec, 2, 20*sec)}, `
5s note settings-applied 2
5s answer 2 starting
8s register 20s
8.01s note registered
8.01s note ready
8.01s set-readiness true
8.01s note warmup-start
28s note warmup-end`},
		{"while it registers", nil, false, []timed{listening(0), rules(5*time.Millisecond, 2, 20*sec)}, `
5ms answer 2 starting
10ms note registered
10ms note ready
10ms set-readiness true
10ms note warmup-start
10ms publish 20s
20ms note settings-applied 2
20s note warmup-end`},
		{"of long service", func(o *settings.Online) { o.Prewarmed = true; o.Warmup.Window = 0 }, false, []timed{listening(0), rules(5*sec, 2, 20*sec)}, `
5s note settings-applied 2
5s answer 2 serving`},
		{"two at once", nil, false, []timed{listening(0), rules(5*sec, 2, 20*sec), rules(5*sec+5*time.Millisecond, 3, 30*sec)}, `
5s publish 20s
5s answer 2 warming
5.005s answer 3 warming
5.01s publish 30s
5.02s note settings-applied 3
30s note warmup-end`},
		{"the same while it is told", nil, false, []timed{listening(0), rules(5*sec, 2, 20*sec), rules(5*sec+5*time.Millisecond, 3, 20*sec)}, `
5s publish 20s
5.005s answer 3 warming
5.01s note settings-applied 3
20s note warmup-end`},
		{"the same while it registers", nil, false, []timed{listening(0), rules(5*time.Millisecond, 2, 10*sec)}, `
5ms answer 2 starting
10ms note registered
10ms note settings-applied 2
10s note warmup-end`},
		{"the registry refuses, and it is the same again", nil, true, []timed{listening(0), rules(5*sec, 2, 20*sec), rules(5100*time.Millisecond, 3, 20*sec)}, `
5s publish 20s
5.01s note register-failed (no)
5.1s answer 3 warming
5.21s publish 20s`},
		{"the registry refuses", nil, true, []timed{listening(0), rules(5*sec, 2, 20*sec)}, `
5s publish 20s
5s answer 2 warming
5.01s note register-failed (no)
5.21s publish 20s
5.22s note register-failed (no)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(settings.Lossless)
			cfg.Online, cfg.Rules = settings.Online{Warmup: settings.Warmup{Window: 10 * sec}}, 1
			if c.spoil != nil {
				c.spoil(&cfg.Online)
			}
			answers := map[ActionKind]answer{}
			if c.fails {
				answers[Publish] = answer{after: 10 * time.Millisecond}
			}
			w := newSimulation(cfg, c.script...)
			w.answers = answers
			w.run(50 * time.Second)
			got := strings.Join(w.log, "\n")
			for line := range strings.Lines(strings.TrimSpace(c.want)) {
				require.Contains(t, got+"\n", strings.TrimSpace(line)+"\n")
			}
			if c.fails {
				require.NotContains(t, got, "settings-applied")
			} else {
				require.Equal(t, strings.Count(c.want, "warmup-end"), w.count("note warmup-end"))
				require.Equal(t, strings.Count(c.want, " publish"), strings.Count(got, " publish"))
			}
		})
	}
}

// TestRulesComeTooLate: an instance that goes offline publishes nothing new, and a
// publication under way does not take effect after the deregistration.
func TestRulesComeTooLate(t *testing.T) {
	cfg := config(settings.Lossless)
	cfg.Online.Warmup.Window = time.Minute
	m := New(cfg)
	out := m.Step(0, Event{Kind: Listening})
	m.Step(1, Event{Kind: RegisterDone, Op: out[0].Op, OK: true})
	out = m.Step(2, Event{Kind: RulesReceived, Rules: &settings.Rules{Version: 2}})
	require.Equal(t, Publish, out[0].Kind)
	publish := out[0].Op
	for _, a := range m.Step(3, Event{Kind: Offline}) {
		require.NotEqual(t, Deregister, a.Kind)
	}
	var kinds []ActionKind
	for _, a := range m.Step(4, Event{Kind: PublishDone, Op: publish, OK: true}) {
		kinds = append(kinds, a.Kind)
	}
	require.Contains(t, kinds, Deregister)
	out = m.Step(5, Event{Kind: RulesReceived, Rules: &settings.Rules{Version: 3, Warmup: cfg.Online.Warmup}})
	require.Len(t, out, 2)
	require.Equal(t, []ActionKind{Note, Answer}, []ActionKind{out[0].Kind, out[1].Kind})
}
