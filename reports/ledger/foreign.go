package ledger

import (
	"cmp"
	"fmt"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Of a service that is none of ours, a run knows what the cluster tells of its
// pods and endpoints, and what the client saw. Who refused a connection to a
// Service is not told by anybody. So its losses are explained by time:
//
//	deleted ──── TERM ──── its end is seen
//	   │           └ cut: drain-cut; refused: closed-early, until …
//	   └──── out of the endpoints ──── … then stale-route ── + routeLag
//
// and the sentence says so. Where two pods go at once, the nearer end counts.

const (
	// routeLag is how long after a pod has left the endpoints, or has ended, a
	// request may still be sent there: kube-proxy brings its rules up to date
	// once a second, and what stands before the cluster may take longer.
	routeLag = 3 * time.Second
	// sightLag is how much later than it happened a container's end may be
	// seen: the kubelet looks once a second, and tells after that.
	sightLag = 2 * time.Second
	// deletionLag is the same of a deletion, which is the API's own.
	deletionLag = 100 * time.Millisecond
)

// named ties a request's answer to the instance that its header names, by the
// pod's name or address. What names nobody is no trail.
func (b *books) named(r *record.Request) *record.Request {
	if len(r.Trail) == 0 {
		return r
	}
	out := *r
	out.Trail = nil
	if l := b.w.named(r.Trail[0].Instance.Pod, r.Done); l != nil {
		hop := r.Trail[0]
		hop.Instance = l.instance
		out.Trail = record.Trail{hop}
	}
	return &out
}

// named is the incarnation of a pod, known by its name or address, that lived
// at t; nil if nobody is known by it.
func (w *world) named(name string, t record.Micros) *life {
	var found *life
	for _, l := range w.byName[name] {
		if l.foreign && (found == nil || l.first <= t && l.first > found.first) {
			found = l
		}
	}
	return found
}

// examineForeign decides whether a request to a service that is none of ours is
// lost. Statuses are judged here, by the plan's rule; what the generator said
// of the body stands.
func (b *books) examineForeign(s *streamBook, r *record.Request) (fault, bool) {
	class := r.Class
	if class == "" || class == record.Status5xx || class == record.StatusOther {
		class = statusClass(s.spec.Answer, r.Status)
	}
	if class == "" {
		return fault{}, false
	}
	f := fault{
		class: class, client: class, from: "client", to: s.entry, foreign: s.spec.Workload, status: r.Status,
		at: r.Sent, done: r.Done,
	}
	for _, w := range b.p.Workloads {
		if w.Name == s.spec.Workload {
			f.service = w.Service
		}
	}
	f.between = s.spec.InstanceHeader != "" && r.Status != 0 && len(r.Trail) == 0
	if len(r.Trail) > 0 {
		f.callee = r.Trail[0].Instance
	} else if l := b.w.only(s.spec.Workload); l != nil {
		f.callee = l.instance
	}
	return f, true
}

func statusClass(a *traffic.Answer, status int) record.Class {
	switch {
	case status == 0:
		return record.Other // no answer, and no error either
	case a.Accepts(status):
		return ""
	}
	return cmp.Or(record.ClassifyStatus(status), record.StatusOther)
}

// noRoute: no connection came about, or somebody in between says so.
func (f fault) noRoute() bool {
	return isDial(f.class) || f.between || f.class == record.Status5xx && (f.status == 502 || f.status == 503 || f.status == 504)
}

// byGoing explains a loss by a pod that went about then.
func (b *books) byGoing(f fault, callee *life) (explanation, bool) {
	var best explanation
	var nearest time.Duration
	for _, r := range b.w.releases {
		if r.workload != f.foreign || callee != nil && callee.release != r {
			continue
		}
		x, distance, ok := r.explains(f)
		if !ok || best.release != nil && distance >= nearest {
			continue
		}
		best, nearest = x, distance
		if callee == nil {
			best.why = "by time, as nobody tells which pod it was sent to: " + x.why
		}
	}
	return best, best.release != nil
}

// explains reports whether r's going explains a loss, and how far its end was
// from the loss.
func (r *release) explains(f fault) (x explanation, distance time.Duration, ok bool) {
	x.release = r
	end, out := r.closed, r.dropped()
	last := max(end, out).Add(routeLag)
	if f.done < r.begin.Add(-deletionLag) || end != 0 && f.at > last {
		return x, 0, false
	}
	distance = f.done.Sub(cmp.Or(end, r.begin)).Abs()
	ended := end != 0 && f.done >= end.Add(-sightLag)
	switch {
	case !r.planned:
		x.window, x.why = Crash, fmt.Sprintf("%s ended by itself, which was seen %s", r.instance, when(end, f.done))
		return x, distance, ended && (f.noRoute() || isCut(f.class))
	case f.noRoute() && ended:
		x.window, x.why = r.routed(f, out)
		return x, distance, true
	case isCut(f.class) && ended && f.at <= end:
		x.window = DrainCut
		x.why = fmt.Sprintf("the deletion of %s was seen %s, and its end %s: it cut what it had in hand", r.instance, when(r.begin, f.done), when(end, f.done))
		return x, distance, true
	case isCut(f.class) && ended:
		x.window, x.why = r.routed(f, out)
		return x, distance, true
	}
	return x, 0, false
}

// routed tells a route that lagged behind from a pod that closed before anybody
// could hear of it.
func (r *release) routed(f fault, out record.Micros) (Window, string) {
	if out != 0 && f.at >= out {
		where := "the Service's endpoints"
		if endpoints, _ := r.unlisted(); out != endpoints {
			where = "the registry's list"
		}
		return StaleRoute, fmt.Sprintf("%s had left %s %s earlier, and requests were still sent to it", r.instance, where, ms(f.at.Sub(out)))
	}
	s := fmt.Sprintf("the deletion of %s was seen %s, and it closed while it was still among the endpoints", r.instance, when(r.begin, f.at))
	if out != 0 {
		s += fmt.Sprintf("; it left them %s later", ms(out.Sub(f.at)))
	}
	return ClosedEarly, s
}

// dropped is when a foreign instance was listed no more, for the last time:
// among the endpoints, or in the registry; 0 if it always was. One that was not
// ready for a while before had left them, and come back.
func (r *release) dropped() record.Micros { return earlier(r.unlisted()) }

func (r *release) unlisted() (endpoints, registry record.Micros) {
	for _, e := range r.events {
		switch e.Kind {
		case record.KindEndpointAdded:
			endpoints = 0
		case record.KindEndpointRemoved:
			endpoints = e.At
		case record.KindRegistryChange: // to "removed": who is added is not told of an instance
			registry = e.At
		}
	}
	return endpoints, registry
}

// earlier is the first of two instants, where 0 is none.
func earlier(a, b record.Micros) record.Micros {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func when(at, now record.Micros) string {
	if at > now {
		return ms(at.Sub(now)) + " later"
	}
	return ms(now.Sub(at)) + " earlier"
}

// byComing explains a loss by a pod that had only just come.
func (b *books) byComing(f fault, callee *life) (explanation, bool) {
	if !f.noRoute() && !isSlow(f.class) && (callee == nil || f.class != record.Status5xx && f.class != record.WrongBody) {
		return explanation{}, false
	}
	for _, l := range b.w.order {
		if !l.foreign || l.workload != f.foreign || callee != nil && callee != l || l.first < b.in.Zero {
			continue
		}
		ready, listed := l.when[record.KindPodReady], l.since(record.KindEndpointAdded, record.KindContainerStarted)
		fresh := coldTime
		if f.noRoute() { // who has taken connections refuses none for being cold
			fresh = routeLag
		}
		if listed == 0 || f.done < listed || ready != 0 && f.at > ready.Add(fresh) {
			continue
		}
		x := explanation{window: ColdStart, why: fmt.Sprintf("%s had only just come, and was not ready yet", l.instance)}
		if ready != 0 && f.at >= ready {
			x.why = fmt.Sprintf("%s had been ready only %s before", l.instance, ms(f.at.Sub(ready)))
		}
		if callee == nil {
			x.why = "by time, as nobody tells which pod it was sent to: " + x.why
		}
		return x, true
	}
	return explanation{}, false
}
