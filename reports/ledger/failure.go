package ledger

import (
	"cmp"
	"strings"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

// failure is why a request is lost: the root cause at the deepest hop that
// failed, and what the client saw of it.
type failure struct {
	class, clientClass record.Class
	from, to           string // roles
	caller, callee     record.Instance
	service            string        // registry name of the callee's service
	wantedTag          string        // version that the call was to reach
	external           string        // external workload that was called; "" for the demo chain
	status             int           // of the client's answer; 0: none
	intermediary       bool          // the answer names no pod although pods name themselves: something in between gave it
	addressed          record.Micros // when the callee was addressed (last)
	firstAddressed     record.Micros // when it was first, if that delivery was cut and sent again; else 0
	done               record.Micros // when the client gave up or had its answer
}

// hop is the edge that failed, as "a->b".
func (f failure) hop() string { return f.from + "->" + f.to }

// roleNames are the short names of services in hops: "a" for spring-cloud-a.
type roleNames map[string]string

// of is the role of a service, or its own name if the plan has none.
func (n roleNames) of(service string) string {
	return cmp.Or(n[service], service, "target")
}

// entry is the role of the service that a stream calls.
func (n roleNames) entry(p *plan.Plan, s traffic.Stream) string {
	switch {
	case len(s.Chain) > 0:
		return n.of(s.Chain[0])
	case s.External():
		return n.of(s.Workload)
	}
	for _, w := range p.Workloads {
		if w.Name == p.Entry.Workload {
			return w.Role
		}
	}
	return "target"
}

// failureFinder decides whether a request is lost, and by which failure.
type failureFinder struct {
	history *history.History
	roles   roleNames
}

func newFailureFinder(h *history.History) failureFinder {
	roles := roleNames{}
	for _, w := range h.Plan.Workloads {
		roles[w.Service] = w.Role
	}
	return failureFinder{history: h, roles: roles}
}

// find decides whether a request that was sent is lost. It is ok if its answer
// is 2xx, complete, from the wanted version at each hop, and has the trail and
// the body that the stream declares.
func (n failureFinder) find(s *streamAccount, r *record.Request) (f failure, lost bool) {
	if s.spec.External() {
		return n.findExternal(s, r)
	}
	client := r.Class
	if client == "" && (r.Status < 200 || r.Status > 299) {
		client = record.ClassifyStatus(r.Status)
		if r.Status == 0 {
			client = record.Other // neither an answer nor an error
		}
	}
	if hop, class, ok := r.Trail.Root(); ok {
		f := n.inTrail(s, r, hop, class)
		f.clientClass = cmp.Or(client, record.WrongBody) // a 2xx hides the failure
		return f, true
	}
	if client != "" {
		return n.atClientEdge(s, r, client), true
	}
	if len(s.spec.Chain) == 0 && len(s.spec.Expect) == 0 {
		return failure{}, false
	}
	if hop, ok := wrongVersion(s, r.Trail); ok {
		f := n.atHop(s, r, hop)
		f.class, f.clientClass = record.WrongLane, record.WrongLane
		return f, true
	}
	if !n.completeAnswer(s, r) {
		return n.atClientEdge(s, r, record.WrongBody), true
	}
	return failure{}, false
}

// inTrail is the failure that hop i of the trail reports: its own, or that of
// its call.
func (n failureFinder) inTrail(s *streamAccount, r *record.Request, i int, class record.Class) failure {
	h := &r.Trail[i]
	if h.Class != "" {
		f := n.atHop(s, r, i)
		f.class = class
		return f
	}
	c := h.Call
	f := failure{
		class: class, from: n.roles.of(h.Service), to: n.roles.of(c.Service),
		caller: h.Instance, callee: c.Callee, service: c.Service, wantedTag: c.Wanted,
		addressed: c.At, done: r.Done,
	}
	if f.callee == (record.Instance{}) && c.Addr != "" {
		f.callee = idOf(n.history.InstanceAt(c.Addr, c.At))
	}
	if f.addressed == 0 {
		f.addressed = r.Sent
	}
	if m := c.Masked; len(m) > 0 && m[0].Addr == c.Addr && isCut(m[0].Class) {
		f.firstAddressed = m[0].At
	}
	return f
}

// atHop is a failure of hop i itself, on the edge that leads to it.
func (n failureFinder) atHop(s *streamAccount, r *record.Request, i int) failure {
	h := &r.Trail[i]
	f := failure{
		from: "client", to: n.roles.of(h.Service), callee: h.Instance, service: h.Service,
		wantedTag: s.spec.Tag, addressed: r.Sent, done: r.Done,
	}
	if i > 0 {
		prev := &r.Trail[i-1]
		f.from, f.caller = n.roles.of(prev.Service), prev.Instance
		if prev.Call != nil {
			f.addressed, f.wantedTag = prev.Call.At, prev.Call.Wanted
		}
	}
	return f
}

// atClientEdge is a failure on the client's own edge.
func (n failureFinder) atClientEdge(s *streamAccount, r *record.Request, class record.Class) failure {
	f := failure{class: class, clientClass: class, from: "client", to: s.entry, wantedTag: s.spec.Tag, addressed: r.Sent, done: r.Done}
	if len(s.spec.Chain) > 0 {
		f.service = s.spec.Chain[0]
	}
	switch k := len(r.Attempts); {
	case len(r.Trail) > 0:
		f.callee = r.Trail[0].Instance
	case k > 0:
		f.callee = idOf(n.history.InstanceAt(r.Attempts[k-1].Addr, r.Attempts[k-1].At))
	}
	if f.callee == (record.Instance{}) {
		f.callee = idOf(n.history.OnlyInstance(n.history.Plan.Entry.Workload))
	}
	return f
}

// idOf is an instance's ID; zero for nil.
func idOf(i *history.Instance) record.Instance {
	if i == nil {
		return record.Instance{}
	}
	return i.ID
}

// wrongVersion is the first hop that was answered by another version than the
// stream expects there.
func wrongVersion(s *streamAccount, t record.Trail) (int, bool) {
	for i := range t {
		if want, ok := s.spec.Expect[t[i].Service]; ok && t[i].Tag != want {
			return i, true
		}
	}
	return 0, false
}

// completeAnswer reports whether an answer has the trail and the body that the
// stream declares.
func (n failureFinder) completeAnswer(s *streamAccount, r *record.Request) bool {
	if len(s.spec.Chain) == 0 {
		return len(r.Trail) > 0 // a version is expected: the answer must name the instance
	}
	if r.TrailError != "" || len(r.Trail) != len(s.spec.Chain) {
		return false
	}
	for i := range r.Trail {
		if r.Trail[i].Service != s.spec.Chain[i] {
			return false
		}
	}
	return n.bodyMatchesTrail(r)
}

// bodyMatchesTrail compares the body, "A<tag>[ip] -> B<tag>[ip] -> C<tag>[ip]",
// with the hops behind the entry: body and trail are written independently. A
// body that was truncated for the record matches as far as it goes; any text may
// follow it.
func (n failureFinder) bodyMatchesTrail(r *record.Request) bool {
	rest := r.Body
	truncated := len(r.Body) >= record.MaxBody
	for i := 1; i < len(r.Trail); i++ {
		if i > 1 {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, " -> "); !ok {
				return truncated && len(rest) < len(" -> ")
			}
		}
		h := &r.Trail[i]
		role := n.roles.of(h.Service)
		if len(rest) < len(role)+len(h.Tag)+1 {
			return truncated
		}
		if !strings.EqualFold(rest[:len(role)], role) {
			return false
		}
		rest = rest[len(role):]
		if !strings.HasPrefix(rest, h.Tag) || rest[len(h.Tag)] != '[' {
			return false
		}
		ip, after, ok := strings.Cut(rest[len(h.Tag)+1:], "]")
		if !ok {
			return truncated
		}
		if c := r.Trail[i-1].Call; c != nil && !isHostOf(ip, c.Addr) {
			return false
		}
		rest = after
	}
	return true
}

// isHostOf reports whether addr, host:port, is of host ip. An address that is
// unknown, or of IPv6 (which a body writes in other ways), is not compared.
func isHostOf(ip, addr string) bool {
	if addr == "" || addr[0] == '[' {
		return true
	}
	return len(addr) > len(ip) && addr[:len(ip)] == ip && addr[len(ip)] == ':'
}
