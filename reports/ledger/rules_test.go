package ledger

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// rule is one that lists tell of the fresh one.
func rule(window time.Duration) func(*record.ListedHost) {
	return func(h *record.ListedHost) {
		h.Warmup = record.ListedWarmup{Model: "power", Curve: 2, Window: window}
	}
}

const changedMeanwhile = "its rule changed during the warm-up"

// TestRuleChanges: what came of a warm-up, and whether there was one, by
// when its consumers heard that its rule is another. It warms up from 10 s to
// 50 s.
func TestRuleChanges(t *testing.T) {
	type came struct {
		window     time.Duration
		unmeasured string
	}
	forty := came{window: 40 * time.Second}
	for what, c := range map[string]struct {
		at   float64
		rule func(*record.ListedHost)
		want []came
	}{
		"when it was over, to one that is over":   {60, rule(20 * time.Second), []came{forty}},
		"when it was over, to one that is longer": {60, rule(100 * time.Second), []came{forty, {100 * time.Second, changedMeanwhile}}},
		"when it was over, to none":               {60, rule(0), []came{forty}},
		"at its end":                              {50, rule(0), []came{forty}},
		"shortly before":                          {49.9, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to none":                      {30, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to one that is over":          {30, rule(15 * time.Second), []came{{40 * time.Second, changedMeanwhile}}},
		"meanwhile, to one that is longer":        {30, rule(45 * time.Second), []came{{40 * time.Second, changedMeanwhile}, {45 * time.Second, changedMeanwhile}}},
		"at once, to none":                        {11, rule(0), []came{{40 * time.Second, changedMeanwhile}}},
	} {
		t.Run(what, func(t *testing.T) {
			s, _ := startupRun()
			s.changeRule(c.at, c.rule)
			var got []came
			for _, w := range s.run().Warmups {
				got = append(got, came{w.Window, w.Unmeasured})
				require.Equal(t, w.Unmeasured != "", w.Truncated)
				if w.Unmeasured == "" {
					holds, known := w.Holds()
					require.True(t, holds && known)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestRuleThatReachesAPodLate is one that registers by the rules it was made
// with, and publishes those in force a second later: by them it is measured.
func TestRuleThatReachesAPodLate(t *testing.T) {
	s, _ := startupRun()
	inForce := slices.Clone(s.in.Events)
	s.listed(func(hosts []record.ListedHost) { rule(30 * time.Second)(&hosts[1]) })
	before := s.in.Events
	s.in.Events = inForce
	s.changeRule(11.5, rule(40*time.Second))
	s.in.Events = append(before, s.in.Events[len(inForce):]...)

	l := s.run()
	require.Len(t, l.Warmups, 1, "nothing came by the other rule")
	w := l.Warmups[0]
	require.Equal(t, 40*time.Second, w.Window)
	require.Empty(t, w.Unmeasured)
	require.False(t, w.Truncated)
	require.True(t, w.Exponent.Contains(2))
	require.Len(t, w.Buckets, 4*(25-1), "the first stretch tells nothing")
}

// TestOtherInstanceWithAnotherRule no share is known.
func TestOtherInstanceWithAnotherRule(t *testing.T) {
	s, _ := startupRun()
	s.listed(func(hosts []record.ListedHost) {
		hosts[0].Start = int64(sec(-10)) / 1000
		rule(30 * time.Second)(&hosts[0]) // until 20 s
	})
	for _, b := range s.run().Warmups[0].Buckets {
		require.GreaterOrEqual(t, b.From, 0.25)
		require.False(t, b.Others[0].Cold)
	}
}

// TestUnacknowledgedRules: a run whose rules some instance did not have shows
// nothing of them.
func TestUnacknowledgedRules(t *testing.T) {
	say := func(s *sim, pod string, at float64, what record.Payload, text string) {
		l := s.lives[pod]
		s.event(record.Event{At: sec(at), Instance: l.inst, Workload: l.workload, Text: text, Payload: what})
	}
	for what, c := range map[string]struct {
		world func(s *sim)
		want  []string
	}{
		"all acknowledge": {func(s *sim) { say(s, "b-2", 2.2, record.SettingsApplied{Version: 2}, "") }, nil},
		"late":            {func(s *sim) { say(s, "b-2", 19, record.SettingsApplied{Version: 2}, "") }, nil},
		"a later one":     {func(s *sim) { say(s, "b-2", 4, record.SettingsApplied{Version: 3}, "") }, nil},
		"after a first one that fails": {func(s *sim) {
			say(s, "b-2", 3, record.RuleFailed{}, "refused")
			say(s, "b-2", 4, record.SettingsApplied{Version: 2}, "")
		}, nil},
		"silence":        {func(*sim) {}, []string{`instance b-2/1 never applied the rules of version 2 (step "rule b"): it did not acknowledge them`}},
		"an older one":   {func(s *sim) { say(s, "b-2", 3, record.SettingsApplied{Version: 1}, "") }, []string{"b-2/1"}},
		"failure":        {func(s *sim) { say(s, "b-2", 12, record.RuleFailed{}, "b-2 answered 500") }, []string{"b-2/1 never applied the rules of version 2 (step \"rule b\"): b-2 answered 500"}},
		"it went":        {func(s *sim) { s.deregisterFirst("b-2", sec(4), push) }, nil},
		"it went before": {func(s *sim) { s.deregisterFirst("b-2", sec(1), push) }, nil},
		"it went, and failed when it had begun to": {func(s *sim) {
			s.deregisterFirst("b-2", sec(4), push)
			say(s, "b-2", 4.1, record.RuleFailed{}, "refused")
		}, nil},
		"it failed, and went": {func(s *sim) {
			say(s, "b-2", 3, record.RuleFailed{}, "refused")
			s.deregisterFirst("b-2", sec(4), push)
		}, []string{"b-2/1"}},
		"it came late, and was told nothing": {func(s *sim) {
			say(s, "b-2", 2.2, record.SettingsApplied{Version: 2}, "")
			s.live("b-3", sec(9), "127.0.1.50:20001")
		}, []string{"b-3/1"}},
		"it came too late to tell": {func(s *sim) {
			say(s, "b-2", 2.2, record.SettingsApplied{Version: 2}, "")
			s.live("b-3", sec(17), "127.0.1.50:20001")
		}, nil},
		"it never came up": {func(s *sim) {
			say(s, "b-2", 2.2, record.SettingsApplied{Version: 2}, "")
			s.event(record.Event{At: sec(18), Payload: record.ContainerStarted{}, Instance: record.Instance{Pod: "b-4", Incarnation: 1}, Workload: "b"})
		}, nil},
		"a fast one": {func(s *sim) {
			say(s, "b-2", 2.2, record.SettingsApplied{Version: 2}, "")
			s.live("b-3", sec(18), "127.0.1.50:20001")
			s.in.Plan.Speed = 5
		}, []string{"b-3/1"}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSim(20 * time.Second)
			online := map[string]settings.Online{"b": {}}
			s.in.Plan.Rules = []plan.RuleSet{{Version: 2, Online: online}, {Version: 3, Online: map[string]settings.Online{"c": {}}}}
			s.in.Plan.Steps = []plan.Step{{Name: "rule b", Action: plan.ApplyRules{Version: 2}, At: 2 * time.Second}}
			s.in.Plan.Cycles = 2
			for _, at := range []float64{2, 12} {
				s.event(record.Event{At: sec(at), Payload: record.Step{Name: "rule b", Version: 2}})
			}
			say(s, "b-1", 2.1, record.SettingsApplied{Version: 2}, "")
			c.world(s)
			var got []string
			for _, d := range s.run().Defects {
				if strings.Contains(d, "the rules of version") {
					got = append(got, d)
				}
			}
			require.Len(t, got, len(c.want), got)
			for i, want := range c.want {
				require.Contains(t, got[i], want)
			}
		})
	}
}
