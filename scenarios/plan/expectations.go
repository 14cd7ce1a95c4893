package plan

import (
	"fmt"
	"slices"

	"zeroloss/demo-services/settings"
	"zeroloss/manifests"
	"zeroloss/reports/expect"
)

// compileExpectations returns the scenario's expectations and reports those
// that this plan can never meet.
func compileExpectations(src *source, p *Plan, released releases) []expect.Expectation {
	scope := expectationScope(src, p, released)
	var out []expect.Expectation
	for i, e := range src.scenario.Spec.Expect {
		path := fmt.Sprintf("spec.expect[%d]", i)
		if src.options.Arm != "" && e.Arm != src.options.Arm {
			continue // checked when the whole scenario was compiled
		}
		for _, err := range scope.Check(e.Parsed()) {
			src.problemAt(src.scenario.Expectation(path, err))
		}
		out = append(out, e.Parsed())
	}
	has := func(r expect.Role) bool {
		return slices.ContainsFunc(out, func(e expect.Expectation) bool { return e.Role == r })
	}
	if has(expect.Gate) && !has(expect.Contrast) && !src.hasTarget() {
		src.warn("spec.expect", "no expectation has the role contrast: a run in which nothing could have been lost would pass",
			`add one, for example {arm: base, metric: releases, is: ">= 1", role: contrast}`)
	}
	return out
}

// expectationScope describes what the plan can bring about.
func expectationScope(src *source, p *Plan, released releases) expect.Scope {
	s := expect.Scope{
		Streams: map[string]expect.Arm{}, Due: map[string]int{}, Windows: expect.Windows(), Hops: hops(src),
		Rejects: map[string]bool{}, Releases: map[string]bool{}, WarmsUp: map[string]bool{}, External: map[string]bool{},
	}
	for _, a := range p.Arms {
		s.Arms = append(s.Arms, a.Name)
		for _, w := range p.Workloads {
			if !slices.Contains(a.Workloads, w.Name) {
				continue
			}
			s.Rejects[a.Name] = s.Rejects[a.Name] || w.Settings.Offline.Mode == settings.Reject
			s.WarmsUp[a.Name] = s.WarmsUp[a.Name] || w.Settings.Online.Warmup.Window > 0
			s.Releases[a.Name] = s.Releases[a.Name] || released[w.Name]
			for _, r := range p.Rules {
				s.WarmsUp[a.Name] = s.WarmsUp[a.Name] || r.Online[w.Name].Warmup.Window > 0
			}
		}
	}
	for _, st := range p.Streams {
		due := int(st.Count()) //nolint:gosec // at most 100000/s for a run's duration
		s.Streams[st.Name] = expect.Arm{Name: st.Arm, Due: due}
		s.Due[st.Arm] += due
		s.External[st.Arm] = s.External[st.Arm] || st.External()
	}
	return s
}

// hops lists the calls that can fail: those of the chain, and those to external
// services.
func hops(src *source) []string {
	var out []string
	for _, w := range src.workloads {
		if hop := "client->" + string(w.Role); w.Role.External() && !slices.Contains(out, hop) {
			out = append(out, hop)
		}
	}
	from := "client"
	for _, role := range manifests.Chain() {
		if src.serviceOf(role) == "" {
			break
		}
		out = append(out, from+"->"+string(role))
		from = string(role)
	}
	return out
}
