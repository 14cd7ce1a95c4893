package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/internal/podspec"
	"zeroloss/scenarios/hook"
)

// readHook returns what a preStop hook does with a workload's environment. The
// values of fieldRefs are the pod's.
func readHook(h *podspec.Hook, env, fieldRefs map[string]string) hook.Reading {
	switch {
	case h == nil:
		return hook.Reading{}
	case h.HTTPGet != nil:
		return hook.Reading{Effects: []hook.Effect{{Request: &hook.Request{Method: "GET", Host: h.HTTPGet.Host, Port: h.HTTPGet.Port, Path: h.HTTPGet.Path}}}}
	case h.Sleep > 0:
		return hook.Reading{Effects: []hook.Effect{{Sleep: h.Sleep}}}
	}
	return hook.Read(h.Exec, env, slices.Collect(maps.Keys(fieldRefs))...)
}

// isOffline reports whether a request of a pod to itself is /offline, on any port.
func isOffline(q hook.Request) bool {
	own := q.Host == "localhost" || q.Host == "127.0.0.1" || q.Host == "::1"
	return own && q.Path == "/offline"
}

// offlinePort is the port of /offline of the family that governs a workload,
// whether it is open or not.
func offlinePort(doc settings.Document) int {
	if doc.Polaris.On {
		return polarisAdminPort
	}
	return mseOfflinePort
}

// callsOffline matches the requests that take an instance of a workload offline.
func callsOffline(doc settings.Document) func(hook.Request) bool {
	return func(q hook.Request) bool { return isOffline(q) && q.Port == offlinePort(doc) }
}

// HookCallsOffline reports whether the preStop hook of a workload certainly calls
// /offline on a port that is open.
func (p *Plan) HookCallsOffline(workload string) bool {
	for i, w := range p.Workloads {
		if w.Name != workload || w.External || i >= len(p.Control.Workloads) {
			continue
		}
		h := p.Control.Workloads[i].PreStop
		open := w.Settings.MSE.On && w.Settings.MSE.OfflinePort != 0 || w.Settings.Polaris.On && w.Settings.Polaris.AdminPort != 0
		_, calls := readHook(h, w.Env, w.FieldRefs).SleptAfter(callsOffline(w.Settings))
		return open && calls
	}
	return false
}

// checkHook names what the preStop hook of a workload does not do as written.
func checkHook(src *source, w workload, doc settings.Document) {
	if src.hasTarget() {
		return // it runs in the target's own image
	}
	read := readHook(w.PreStop, w.Env, w.FieldRefs)
	for _, p := range read.Problems {
		text := fmt.Sprintf("the preStop hook of %s, line %d: %q: %s", w.Name, p.Line, p.Word, p.Text)
		if w.override.PreStop != nil {
			src.problem(w.overridePath(".preStop"), text, p.Hint)
		} else {
			src.problemAt(input.Problem{File: w.File, Line: w.HookLine, Text: text, Hint: p.Hint})
		}
	}
	if w.PreStop == nil || w.PreStop.HTTPGet != nil {
		return
	}
	warn := func(text, fix string) {
		if w.override.PreStop != nil {
			src.warn(w.overridePath(".preStop"), text, fix)
		} else {
			src.warnAt(w.File, w.HookLine, text, fix)
		}
	}
	for _, f := range read.Failures {
		warn(fmt.Sprintf("the preStop hook of %s, line %d: %q: %s", w.Name, f.Line, f.Word, f.Text), f.Hint)
	}
	if !w.Role.External() {
		for _, e := range read.Effects {
			if q := e.Request; q != nil && isOffline(*q) && q.Port != offlinePort(doc) {
				warn(fmt.Sprintf("the preStop hook of %s calls /offline on port %d, which is closed", w.Name, q.Port),
					fmt.Sprintf("/offline of this workload is on port %d", offlinePort(doc)))
			}
		}
	}
	if read.Unknown() {
		warn(fmt.Sprintf("what the preStop hook of %s does is decided in the run: %s (? may not happen)", w.Name, effects(read)), "")
	}
}

// effects lists what a hook does.
func effects(r hook.Reading) string {
	const shown = 6
	text := ""
	for i, e := range r.Effects {
		switch {
		case i == shown:
			return text + ", …"
		case i > 0:
			text += ", "
		}
		text += e.String()
	}
	return text
}

// hookProtects is how long a hook certainly sleeps after /offline within the
// grace period, at speed 1.
func hookProtects(w workload, doc settings.Document) time.Duration {
	if w.PreStop == nil || w.PreStop.HTTPGet != nil {
		return 0 // the node's request is not the pod's own
	}
	read := readHook(w.PreStop, w.Env, w.FieldRefs)
	after, ok := read.SleptAfter(callsOffline(doc))
	if !ok {
		return 0
	}
	before := read.Slept() - after
	return max(0, min(after, w.Grace-before))
}
