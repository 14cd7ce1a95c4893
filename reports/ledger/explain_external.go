package ledger

import (
	"cmp"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// Of an external service, a run knows what the cluster reports of its pods and
// endpoints, and what the client saw. Kubernetes does not say which pod refused
// a connection to a Service. So its losses are explained by time:
//
//	deleted ──── TERM ──── its end is seen
//	   │           └ cut: drain-cut; refused: closed-early, until …
//	   └──── out of the endpoints ──── … then stale-route ── + routeLag
//
// and the sentence says so. If two pods leave at once, the nearer end counts.

const (
	// routeLag is how long after a pod has left the endpoints, or has ended, a
	// request may still be sent there: kube-proxy updates its rules once a
	// second, and a load balancer in front of the cluster may take longer.
	routeLag = 3 * time.Second
	// exitLag is how much later than it happened a container's end may be seen:
	// the kubelet looks once a second, and reports after that.
	exitLag = 2 * time.Second
	// deletionLag is likewise for a deletion, which is the API's own.
	deletionLag = 100 * time.Millisecond
)

// noRoute reports whether no connection was established, or an intermediary says
// so.
func (f failure) noRoute() bool {
	return isDial(f.class) || f.intermediary || f.class == record.Status5xx && (f.status == 502 || f.status == 503 || f.status == 504)
}

// byExternalRelease explains a loss by a pod that was taken out at about that
// time.
func (x explainer) byExternalRelease(f failure, callee *history.Instance) (explanation, bool) {
	var best explanation
	var nearest time.Duration
	for _, r := range x.history.Releases {
		if r.Instance.Workload != f.external || callee != nil && callee.Release != r {
			continue
		}
		got, distance, ok := externalRelease(f, r)
		if !ok || best.release != nil && distance >= nearest {
			continue
		}
		best, nearest = got, distance
		if callee == nil {
			best.text = byTime(got.text)
		}
	}
	return best, best.release != nil
}

// externalRelease finds out whether a release explains a loss, and how far the end
// of the instance was from the loss.
func externalRelease(f failure, r *history.Release) (out explanation, distance time.Duration, ok bool) {
	out.release = r
	end, unlisted := r.Closed, history.Earlier(r.Unlisted())
	last := max(end, unlisted).Add(routeLag)
	if f.done < r.Began.Add(-deletionLag) || end != 0 && f.addressed > last {
		return out, 0, false
	}
	distance = f.done.Sub(cmp.Or(end, r.Began)).Abs()
	ended := end != 0 && f.done >= end.Add(-exitLag)
	switch {
	case !r.Planned:
		out.window, out.text = Crash, endedByItself(f, r)
		return out, distance, ended && (f.noRoute() || isCut(f.class))
	case isCut(f.class) && ended && !f.noRoute() && f.addressed <= end:
		out.window, out.text = DrainCut, externalCut(f, r)
		return out, distance, true
	case (f.noRoute() || isCut(f.class)) && ended:
		out.window, out.text = externalStaleness(f, r, unlisted)
		return out, distance, true
	}
	return out, 0, false
}

// externalStaleness distinguishes a route that lagged behind from a pod that closed
// before the cluster stopped routing to it.
func externalStaleness(f failure, r *history.Release, unlisted record.Micros) (Window, string) {
	if unlisted != 0 && f.addressed >= unlisted {
		return StaleRoute, leftLists(f, r, unlisted)
	}
	return ClosedEarly, closedWhileListed(f, r, unlisted)
}

func mayBeExternalStart(f failure, callee *history.Instance) bool {
	if f.noRoute() || isSlow(f.class) {
		return true
	}
	return callee != nil && (f.class == record.Status5xx || f.class == record.WrongBody)
}

// byExternalStart explains a loss by a pod that had only just started.
func (x explainer) byExternalStart(f failure, callee *history.Instance) (explanation, bool) {
	for _, i := range x.history.Instances {
		if !i.External || i.Workload != f.external || callee != nil && callee != i || i.FirstSeen < x.history.Zero {
			continue
		}
		ready, listed := i.First(record.KindPodReady), i.First(record.KindEndpointAdded, record.KindContainerStarted)
		coldFor := coldTime
		if f.noRoute() { // a pod that has accepted connections refuses none because it is cold
			coldFor = routeLag
		}
		if listed == 0 || f.done < listed || ready != 0 && f.addressed > ready.Add(coldFor) {
			continue
		}
		out := explanation{window: ColdStart, text: startedNotReady(i.ID)}
		if ready != 0 && f.addressed >= ready {
			out.text = readyOnly(f, i.ID, ready)
		}
		if callee == nil {
			out.text = byTime(out.text)
		}
		return out, true
	}
	return explanation{}, false
}
