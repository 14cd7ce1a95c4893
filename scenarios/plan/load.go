package plan

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// compileEntry returns where the load goes: the gateway, or the workload of the
// first stream if no workload is a demo service. It returns false if nothing
// receives load.
func compileEntry(src *source) (Entry, bool) {
	if src.externalOnly() {
		return externalEntry(src)
	}
	i := slices.IndexFunc(src.workloads, func(w workload) bool { return w.Role == manifests.Gateway })
	if i < 0 {
		src.problem("spec.manifests", "the manifests have no gateway to receive the load", "add a Deployment with the image spring-cloud-zuul, or map another image with imageRoles: {IMAGE: gateway}")
		return Entry{}, false
	}
	w, port := src.workloads[i], manifests.Gateway.Port()
	entry := Entry{Workload: w.Name, Port: port}
	for _, s := range src.manifests.Services {
		if manifests.Selects(s.Selector, w.Labels) && s.Target == port {
			entry.Service = s.Name
			break
		}
	}
	return entry, true
}

// compileLoad returns the arms that the load names, and the streams.
func compileLoad(src *source, p *Plan) ([]Arm, []traffic.Stream) {
	versions := versionsOf(p.Workloads)
	var arms []Arm
	var streams []traffic.Stream
	for _, s := range armStreams(src) {
		arms = addToArm(arms, s.Stream, reachedWorkloads(src, versions, s.Stream))
		if s.Tag != "" && !versions.has(s.Tag) {
			src.problem(s.path+".tag", fmt.Sprintf("no workload has the tag %q: the stream would test the base version", s.Tag), "known tags: "+fmt.Sprint(versions.tags()))
		}
		stream := traffic.Stream{
			Name: s.Name, Arm: s.Arm, Rate: float64(s.Rate),
			Method: s.Request.Method, Path: s.Request.Path, Header: s.Header, Body: s.Body,
			Connections: s.Connections, Timeout: time.Duration(s.Timeout),
			Start: src.scaled(time.Duration(s.Start)), Duration: src.scaled(time.Duration(s.Duration)),
		}
		if stream.Duration == 0 {
			stream.Duration = p.Duration*time.Duration(p.Cycles) - stream.Start
		}
		if s.Workload == "" {
			stream.Tag, stream.Expect, stream.Chain = s.Tag, versions.services(s.Tag), src.serviceChain()
		} else if !completeExternalStream(src, s, &stream) {
			continue
		}
		streams = append(streams, stream)
	}
	return arms, streams
}

// armStream is a stream of one arm.
type armStream struct {
	spec.Stream
	path string // in the scenario
}

// armStreams lists the streams of the arms that the plan is for. A stream to a
// target with a change belongs to both arms, which take turns.
func armStreams(src *source) []armStream {
	var out []armStream
	changed := src.hasTarget() && src.scenario.Spec.Target.Change != nil
	for i, s := range src.scenario.Spec.Load {
		path := fmt.Sprintf("spec.load[%d]", i)
		if !changed {
			out = append(out, armStream{s, path})
			continue
		}
		for _, arm := range []string{spec.ArmBefore, spec.ArmAfter} {
			if src.options.Arm == "" || src.options.Arm == arm {
				x := s
				x.Arm, x.Name = arm, s.Name+"-"+arm
				out = append(out, armStream{x, path})
			}
		}
	}
	return out
}

// addToArm adds what a stream reaches to its arm, which it creates if needed.
func addToArm(arms []Arm, s spec.Stream, reached []string) []Arm {
	i := slices.IndexFunc(arms, func(a Arm) bool { return a.Name == s.Arm })
	if i < 0 {
		return append(arms, Arm{Name: s.Arm, Tag: s.Tag, Workloads: reached})
	}
	for _, name := range reached {
		if !slices.Contains(arms[i].Workloads, name) {
			arms[i].Workloads = append(arms[i].Workloads, name)
		}
	}
	return arms
}

// reachedWorkloads lists the workloads that the requests of a stream can reach.
func reachedWorkloads(src *source, versions versionsOf, s spec.Stream) []string {
	if s.Workload == "" {
		return versions.reached(s.Tag)
	}
	if _, ok := src.workload(s.Workload); ok {
		return []string{s.Workload}
	}
	return nil
}

// versionsOf answers questions about the versions of workloads.
type versionsOf []Workload

func (v versionsOf) has(tag string) bool {
	return slices.ContainsFunc(v, func(w Workload) bool { return w.Tag == tag })
}

// tags lists the tags of all versions other than base.
func (v versionsOf) tags() []string {
	var tags []string
	for _, w := range v {
		if w.Tag != "" && !slices.Contains(tags, w.Tag) {
			tags = append(tags, w.Tag)
		}
	}
	return tags
}

// services maps the services that have a version to it. A response from
// another version is not OK there: falling back would hide a loss.
func (v versionsOf) services(tag string) map[string]string {
	out := map[string]string{}
	for _, w := range v {
		if w.Tag == tag {
			out[w.Service] = tag
		}
	}
	return out
}

// reached lists the workloads that requests with a tag can reach: of each
// service those of that version, or else those without a tag.
func (v versionsOf) reached(tag string) []string {
	var names []string
	for _, role := range manifests.Chain() {
		wanted := ""
		if slices.ContainsFunc(v, func(w Workload) bool { return w.Role == string(role) && w.Tag == tag }) {
			wanted = tag
		}
		for _, w := range v {
			if w.Role == string(role) && w.Tag == wanted {
				names = append(names, w.Name)
			}
		}
	}
	return names
}
