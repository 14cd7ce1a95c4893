package plan

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/reports/expect"
	"zeroloss/scenarios/spec"
)

// arms makes an arm of each that the load names, and the streams.
func (c *compiler) arms() {
	for _, l := range c.turns() {
		s, path := l.Stream, l.path
		c.arm(s)
		if s.Tag != "" && !c.declares(s.Tag) {
			c.problem(path+".tag", fmt.Sprintf("no workload has the tag %q: the stream would test the base version", s.Tag), "known tags: "+fmt.Sprint(c.tags()))
		}
		start, length := c.scaled(time.Duration(s.Start)), c.scaled(time.Duration(s.Duration))
		if length == 0 {
			length = c.p.Duration*time.Duration(c.p.Cycles) - start
		}
		if s.Workload != "" {
			c.foreignStream(path, s, start, length)
			continue
		}
		c.p.Streams = append(c.p.Streams, traffic.Stream{
			Name: s.Name, Arm: s.Arm, Tag: s.Tag, Rate: float64(s.Rate),
			Method: s.Request.Method, Path: s.Request.Path, Header: s.Header, Body: s.Body,
			Connections: s.Connections, Timeout: time.Duration(s.Timeout),
			Start: start, Duration: length,
			Expect: c.expected(s.Tag), Chain: c.chain(),
		})
	}
}

// arm makes the one that a stream belongs to, or adds what the stream reaches.
func (c *compiler) arm(s spec.Stream) {
	reached := c.reached(s.Tag)
	if s.Workload != "" {
		if reached = nil; slices.Contains(c.m.WorkloadNames(), s.Workload) {
			reached = []string{s.Workload}
		}
	}
	i := slices.IndexFunc(c.p.Arms, func(a Arm) bool { return a.Name == s.Arm })
	if i < 0 {
		c.p.Arms = append(c.p.Arms, Arm{Name: s.Arm, Tag: s.Tag, Workloads: reached})
		return
	}
	for _, name := range reached {
		if !slices.Contains(c.p.Arms[i].Workloads, name) {
			c.p.Arms[i].Workloads = append(c.p.Arms[i].Workloads, name)
		}
	}
}

// reached lists the workloads that requests for a tag can reach: of each
// service those of that version if there are any, else the untagged ones.
func (c *compiler) reached(tag string) []string {
	var names []string
	for _, role := range manifests.Chain() {
		version := ""
		if c.has(role, tag) {
			version = tag
		}
		for _, w := range c.p.Workloads {
			if w.Role == string(role) && w.Tag == version {
				names = append(names, w.Name)
			}
		}
	}
	return names
}

func (c *compiler) has(role manifests.Role, tag string) bool {
	return slices.ContainsFunc(c.p.Workloads, func(w Workload) bool { return w.Role == string(role) && w.Tag == tag })
}

func (c *compiler) declares(tag string) bool {
	return slices.ContainsFunc(c.p.Workloads, func(w Workload) bool { return w.Tag == tag })
}

func (c *compiler) tags() []string {
	var tags []string
	for _, w := range c.p.Workloads {
		if w.Tag != "" && !slices.Contains(tags, w.Tag) {
			tags = append(tags, w.Tag)
		}
	}
	return tags
}

// expected maps the services that have the version asked for to it: an answer
// from another version is not ok there, for fallback would hide a loss.
func (c *compiler) expected(tag string) map[string]string {
	out := map[string]string{}
	for _, w := range c.p.Workloads {
		if w.Tag == tag {
			out[w.Service] = tag
		}
	}
	return out
}

// chain lists the services that a complete trail has. It ends where a service
// has none to call.
func (c *compiler) chain() []string {
	var out []string
	for _, role := range manifests.Chain() {
		name := c.serviceOf(role)
		if name == "" {
			break
		}
		out = append(out, name)
	}
	return out
}

// expectations holds them against what this plan can bring about.
func (c *compiler) expectations() {
	scope := c.scope()
	for i, e := range c.s.Spec.Expect {
		path := fmt.Sprintf("spec.expect[%d]", i)
		if c.only != "" && e.Arm != c.only {
			continue // the whole scenario has been checked before
		}
		for _, err := range scope.Check(e.Parsed()) {
			c.problems = append(c.problems, c.s.Expectation(path, err))
		}
		c.p.Expect = append(c.p.Expect, e.Parsed())
	}
	if has := func(r expect.Role) bool {
		return slices.ContainsFunc(c.p.Expect, func(e expect.Expectation) bool { return e.Role == r })
	}; has(expect.Gate) && !has(expect.Contrast) && c.s.Spec.Target == nil {
		c.warn("spec.expect", "no expectation is a contrast: a run in which nothing could have been lost would pass",
			`add one, as {arm: base, metric: releases, is: ">= 1", role: contrast}`)
	}
}

func (c *compiler) scope() expect.Scope {
	s := expect.Scope{
		Streams: map[string]expect.Arm{}, Due: map[string]int{}, Windows: expect.Windows(),
		Hops: c.hops(), Rejects: map[string]bool{}, Releases: map[string]bool{}, WarmsUp: map[string]bool{},
	}
	for _, a := range c.p.Arms {
		s.Arms = append(s.Arms, a.Name)
		for _, name := range a.Workloads {
			i := slices.IndexFunc(c.p.Workloads, func(w Workload) bool { return w.Name == name })
			s.Rejects[a.Name] = s.Rejects[a.Name] || c.p.Workloads[i].Settings.Offline.Mode == settings.Reject
			s.WarmsUp[a.Name] = s.WarmsUp[a.Name] || c.p.Workloads[i].Settings.Online.Warmup.Window > 0
			s.Releases[a.Name] = s.Releases[a.Name] || slices.Contains(c.released, name)
		}
	}
	for _, r := range c.p.Rules {
		for _, a := range c.p.Arms {
			for _, name := range a.Workloads {
				s.WarmsUp[a.Name] = s.WarmsUp[a.Name] || r.Online[name].Warmup.Window > 0
			}
		}
	}
	s.Foreign = c.blindArms()
	for _, st := range c.p.Streams {
		s.Streams[st.Name] = expect.Arm{Name: st.Arm, Due: int(st.Count())}
		s.Due[st.Arm] += int(st.Count())
	}
	return s
}

// hops are the edges of the chain, by roles.
func (c *compiler) hops() []string {
	from, out := "client", c.foreignHops()
	for _, role := range manifests.Chain() {
		if c.serviceOf(role) == "" {
			break
		}
		out = append(out, from+"->"+string(role))
		from = string(role)
	}
	return out
}
