package ledger

import (
	"cmp"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// resolveInstanceHeader ties a request's answer to the instance that its header
// names, by the pod's name or IP. A name that no pod has leaves no trail.
func (n failureFinder) resolveInstanceHeader(r *record.Request) *record.Request {
	if len(r.Trail) == 0 {
		return r
	}
	out := *r
	out.Trail = nil
	if i := n.history.ExternalInstance(r.Trail[0].Instance.Pod, r.Done); i != nil {
		hop := r.Trail[0]
		hop.Instance = i.ID
		out.Trail = record.Trail{hop}
	}
	return &out
}

// findExternal decides whether a request to an external service is lost. The
// status is judged here, by the stream's rule; what the generator found in the
// body stands.
func (n failureFinder) findExternal(s *streamAccount, r *record.Request) (failure, bool) {
	class := r.Class
	if class == "" || class == record.Status5xx || class == record.StatusOther {
		class = statusClass(s.spec.Answer, r.Status)
	}
	if class == "" {
		return failure{}, false
	}
	f := failure{
		class: class, clientClass: class, from: "client", to: s.entry, external: s.spec.Workload, status: r.Status,
		addressed: r.Sent, done: r.Done,
	}
	for _, w := range n.history.Plan.Workloads {
		if w.Name == s.spec.Workload {
			f.service = w.Service
		}
	}
	f.intermediary = s.spec.InstanceHeader != "" && r.Status != 0 && len(r.Trail) == 0
	if len(r.Trail) > 0 {
		f.callee = r.Trail[0].Instance
	} else {
		f.callee = idOf(n.history.OnlyInstance(s.spec.Workload))
	}
	return f, true
}

// statusClass is the class of a status that is no success; "" for a success.
func statusClass(a *traffic.Answer, status int) record.Class {
	switch {
	case status == 0:
		return record.Other // neither an answer nor an error
	case a.Accepts(status):
		return ""
	}
	return cmp.Or(record.ClassifyStatus(status), record.StatusOther)
}
