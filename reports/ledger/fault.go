package ledger

import (
	"strings"

	"zeroloss/loadgen/record"
)

// fault is why a request is lost: the root cause at the deepest hop that
// failed, and what the client saw of it.
type fault struct {
	class, client  record.Class
	from, to       string // roles
	caller, callee record.Instance
	service        string        // registry name of the callee's service
	wanted         string        // version that was wanted there
	foreign        string        // workload that is none of ours, and was called; "" is the chain
	status         int           // of the client's answer; 0: none
	between        bool          // who answered names no pod, though pods name themselves: it is somebody in between
	at             record.Micros // when the callee was addressed (last)
	taken          record.Micros // when it first was, if that delivery was cut and sent again; else 0
	done           record.Micros // when the client gave up or had its answer
}

// hop is the failing edge, as "a->b".
func (f fault) hop() string { return f.from + "->" + f.to }

// examine decides whether a request that was sent is lost, and by what: it is
// ok when its answer is 2xx, complete, from the version that was wanted at
// each hop, with the trail and the body that are due.
func (b *books) examine(s *streamBook, r *record.Request) (fault, bool) {
	if s.spec.External() {
		return b.examineForeign(s, r)
	}
	client := r.Class
	if client == "" && (r.Status < 200 || r.Status > 299) {
		client = record.ClassifyStatus(r.Status)
		if r.Status == 0 {
			client = record.Other // no answer, and no error either
		}
	}
	if hop, class, ok := r.Trail.Root(); ok {
		f := b.faultAt(s, r, hop, class)
		f.client = client
		if client == "" {
			f.client = record.WrongBody // a 2xx that hides a failure
		}
		return f, true
	}
	if client != "" {
		return b.atEntry(s, r, client), true
	}
	if len(s.spec.Chain) == 0 && len(s.spec.Expect) == 0 {
		return fault{}, false
	}
	if hop, ok := b.wrongVersion(s, r.Trail); ok {
		f := b.into(s, r, hop)
		f.class, f.client = record.WrongLane, record.WrongLane
		return f, true
	}
	if !b.wholeAnswer(s, r) {
		return b.atEntry(s, r, record.WrongBody), true
	}
	return fault{}, false
}

// faultAt is the failure that hop i of the trail tells of: its own, or that of
// its call.
func (b *books) faultAt(s *streamBook, r *record.Request, i int, class record.Class) fault {
	h := &r.Trail[i]
	if h.Class != "" {
		f := b.into(s, r, i)
		f.class = class
		return f
	}
	c := h.Call
	f := fault{
		class: class, from: b.role(h.Service), to: b.role(c.Service),
		caller: h.Instance, callee: c.Callee, service: c.Service, wanted: c.Wanted,
		at: c.At, done: r.Done,
	}
	if f.callee == (record.Instance{}) && c.Addr != "" {
		if l := b.w.at(c.Addr, c.At); l != nil {
			f.callee = l.instance
		}
	}
	if f.at == 0 {
		f.at = r.Sent
	}
	if m := c.Masked; len(m) > 0 && m[0].Addr == c.Addr && isCut(m[0].Class) {
		f.taken = m[0].At
	}
	return f
}

// into is a fault of hop i itself, on the edge that leads to it.
func (b *books) into(s *streamBook, r *record.Request, i int) fault {
	h := &r.Trail[i]
	f := fault{
		from: "client", to: b.role(h.Service), callee: h.Instance, service: h.Service,
		wanted: s.spec.Tag, at: r.Sent, done: r.Done,
	}
	if i > 0 {
		prev := &r.Trail[i-1]
		f.from, f.caller = b.role(prev.Service), prev.Instance
		if prev.Call != nil {
			f.at, f.wanted = prev.Call.At, prev.Call.Wanted
		}
	}
	return f
}

// atEntry is a fault on the client's own edge.
func (b *books) atEntry(s *streamBook, r *record.Request, class record.Class) fault {
	f := fault{class: class, client: class, from: "client", to: s.entry, wanted: s.spec.Tag, at: r.Sent, done: r.Done}
	if len(s.spec.Chain) > 0 {
		f.service = s.spec.Chain[0]
	}
	switch n := len(r.Attempts); {
	case len(r.Trail) > 0:
		f.callee = r.Trail[0].Instance
	case n > 0:
		if l := b.w.at(r.Attempts[n-1].Addr, r.Attempts[n-1].At); l != nil {
			f.callee = l.instance
		}
	}
	if f.callee == (record.Instance{}) {
		if l := b.w.only(b.p.Entry.Workload); l != nil {
			f.callee = l.instance
		}
	}
	return f
}

// wrongVersion is the first hop that another version answered than the plan
// declares for it.
func (b *books) wrongVersion(s *streamBook, t record.Trail) (int, bool) {
	for i := range t {
		if want, ok := s.spec.Expect[t[i].Service]; ok && t[i].Tag != want {
			return i, true
		}
	}
	return 0, false
}

// wholeAnswer reports whether trail and body are those that are due.
func (b *books) wholeAnswer(s *streamBook, r *record.Request) bool {
	if len(s.spec.Chain) == 0 {
		return len(r.Trail) > 0 // a version is wanted: who answered must be told
	}
	if r.TrailError != "" || len(r.Trail) != len(s.spec.Chain) {
		return false
	}
	for i := range r.Trail {
		if r.Trail[i].Service != s.spec.Chain[i] {
			return false
		}
	}
	return b.bodyAgrees(r)
}

// bodyAgrees compares the body, "A<tag>[ip] -> B<tag>[ip] -> C<tag>[ip]", with
// the hops behind the entry: the two are told independently. A body that was
// cut for the record agrees as far as it goes; text behind it is free.
func (b *books) bodyAgrees(r *record.Request) bool {
	rest := r.Body
	cut := len(r.Body) >= record.MaxBody
	for i := 1; i < len(r.Trail); i++ {
		if i > 1 {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, " -> "); !ok {
				return cut && len(rest) < len(" -> ")
			}
		}
		h := &r.Trail[i]
		role := b.role(h.Service)
		if len(rest) < len(role)+len(h.Tag)+1 {
			return cut
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
			return cut
		}
		if c := r.Trail[i-1].Call; c != nil && !isHostOf(ip, c.Addr) {
			return false
		}
		rest = after
	}
	return true
}

// isHostOf reports whether addr, host:port, is of host ip. An address that is
// not told, or of IPv6 (which a body writes in other ways), is not compared.
func isHostOf(ip, addr string) bool {
	if addr == "" || addr[0] == '[' {
		return true
	}
	return len(addr) > len(ip) && addr[:len(ip)] == ip && addr[len(ip)] == ':'
}
