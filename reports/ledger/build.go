package ledger

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
)

// Build closes the account of a run. It never fails: what is missing or does
// not add up is told in Defects, and the counts are those of what is there.
func Build(in Input) *Ledger {
	b := newBooks(in)
	for i := range in.Requests {
		b.enter(&in.Requests[i])
	}
	return b.close()
}

// books are the account while it is open.
type books struct {
	in      Input
	p       *plan.Plan
	w       *world
	roles   map[string]string // of services: "a" for spring-cloud-a
	arms    []*armBook        // in the plan's order
	streams map[string]*streamBook
	order   []*streamBook // as the plan has them
	unknown map[string]int
	losses  []Loss
	slips   []int64 // µs, of all that were sent
	seconds map[string][]Second
	last    record.Micros // the last request's end
	strange oddities
	beside  map[string][]*warmBook     // warm-ups, by service
	seen    map[record.Instance][]list // by consumer
	clocks  clocks
	gaps    []gap
}

// oddities are counts of records that cannot be true.
type oddities struct{ backwards, early, other int }

// armBook is one arm's account.
type armBook struct {
	Arm
	index             int
	service, response []int64         // µs, of ok requests
	oks               []record.Micros // when they were done
	first, last       record.Micros   // first sent, last done
	trails            int             // requests whose answer told its trail
	blind             bool            // a stream of it has callers that cannot be seen
	early             int             // requests sent to an instance that was not registered yet
	fresh             []stretch       // when instances that it reaches came online
	online            []int64         // µs from due, of ok requests due within them
}

// streamBook is one stream's account.
type streamBook struct {
	Stream
	spec        traffic.Stream
	arm         *armBook // nil: it belongs to none
	seqs        sequence
	first, last record.Micros // sent
	entry       string        // role of what it calls
}

func newBooks(in Input) *books {
	if in.Plan == nil {
		in.Plan = &plan.Plan{}
	}
	b := &books{
		in: in, p: in.Plan, w: newWorld(in),
		roles: map[string]string{}, streams: map[string]*streamBook{},
		unknown: map[string]int{}, seconds: map[string][]Second{},
	}
	b.clocks = newClocks(in.Events, b.p.PushDelay)
	b.gaps = gaps(in.Events)
	for _, w := range b.p.Workloads {
		b.roles[w.Service] = w.Role
	}
	for i, a := range b.p.Arms {
		b.arms = append(b.arms, &armBook{index: i, Arm: Arm{
			Name: a.Name, Tag: a.Tag,
			MaskedByHop: map[string]int{}, ByClass: map[record.Class]int{}, ByClientClass: map[record.Class]int{},
			ByHop: map[string]int{}, ByWindow: map[Window]int{}, ByInstance: map[string]int{}, Received: map[string]int{},
		}})
	}
	for _, a := range b.arms {
		a.fresh = b.w.comings(b.p.Arms[a.index])
	}
	b.beginWarmups()
	for _, s := range b.p.Streams {
		sb := &streamBook{Stream: Stream{Name: s.Name, Arm: s.Arm}, spec: s, entry: b.entryRole(s)}
		if i := slices.IndexFunc(b.arms, func(a *armBook) bool { return a.Name == s.Arm }); i >= 0 {
			sb.arm = b.arms[i]
			sb.arm.blind = sb.arm.blind || len(s.Chain) == 0
			sb.arm.Unpredicted = sb.arm.Unpredicted || s.External()
		}
		b.streams[s.Name] = sb
		b.order = append(b.order, sb)
		b.seconds[s.Name] = nil
	}
	return b
}

// entryRole is the short name of what a stream calls first.
func (b *books) entryRole(s traffic.Stream) string {
	if len(s.Chain) > 0 {
		return b.role(s.Chain[0])
	}
	if s.External() {
		return b.role(s.Workload)
	}
	for _, w := range b.p.Workloads {
		if w.Name == b.p.Entry.Workload {
			return w.Role
		}
	}
	return "target"
}

// role is the short name of a service in hops, as "a"; its own where the plan
// has none.
func (b *books) role(service string) string {
	return cmp.Or(b.roles[service], service, "target")
}

// enter puts one request into exactly one account.
func (b *books) enter(r *record.Request) {
	s := b.streams[r.Stream]
	if s == nil {
		b.unknown[r.Stream]++
		return
	}
	if s.spec.External() {
		r = b.named(r)
	}
	s.seqs.add(r.Seq)
	s.Due++
	sec := b.second(s.Name, r.Due)
	if r.Unsent {
		s.Unsent++
		sec.Unsent++
		b.w.unsent(r.Due)
		return
	}
	s.Sent++
	sec.Sent++
	b.clock(s, r)
	b.follow(s, r, sec)
	f, lost := b.examine(s, r)
	if lost {
		s.Lost++
		sec.Lost++
		b.lose(s, r, f)
		return
	}
	s.OK++
	sec.OK++
	if a := s.arm; a != nil {
		a.service = append(a.service, int64(r.Done-r.Sent))
		a.response = append(a.response, int64(r.Done-r.Due))
		a.oks = append(a.oks, r.Done)
		if within(a.fresh, r.Due) {
			a.online = append(a.online, int64(r.Done-r.Due))
		}
	}
}

// second is the cell of a stream's second; before zero counts as the first.
func (b *books) second(stream string, due record.Micros) *Second {
	i := max(0, int(due.Sub(b.in.Zero)/time.Second))
	cells := b.seconds[stream]
	if i > maxSeconds {
		i = maxSeconds // a clock gone wrong must not take all memory
	}
	for len(cells) <= i {
		cells = append(cells, Second{})
	}
	b.seconds[stream] = cells
	return &cells[i]
}

const maxSeconds = 7 * 24 * 3600

// clock keeps what the generator's fitness is told by.
func (b *books) clock(s *streamBook, r *record.Request) {
	b.slips = append(b.slips, max(0, int64(r.Sent-r.Due)))
	if s.first == 0 || r.Sent < s.first {
		s.first = r.Sent
	}
	s.last = max(s.last, r.Sent)
	b.last = max(b.last, r.Done)
	if r.Done < r.Sent || r.FirstByte != 0 && (r.FirstByte < r.Sent || r.FirstByte > r.Done) {
		b.strange.backwards++
	}
	if r.Sent > r.Due.Add(tooLate) {
		b.w.lateAt = append(b.w.lateAt, r.Due)
	}
	if r.Sent < r.Due.Add(-earlySlack) {
		b.strange.early++
	}
	if a := s.arm; a != nil {
		if a.first == 0 || r.Sent < a.first {
			a.first = r.Sent
		}
		a.last = max(a.last, r.Done)
	}
}

// earlySlack is how much before its due time a request may go.
const earlySlack = 2 * time.Millisecond

// follow books whom a request reached, and the deliveries of it that failed
// and were silently sent again.
func (b *books) follow(s *streamBook, r *record.Request, sec *Second) {
	arm := -1
	if s.arm != nil {
		arm = s.arm.index
		if len(r.Trail) > 0 {
			s.arm.trails++
		}
	}
	second := int(r.Due.Sub(b.in.Zero) / time.Second)
	masked := r.Attempts
	if n := len(masked); n > 0 && r.Class != "" && masked[n-1].Class == r.Class {
		masked = masked[:n-1] // the last one is what the client saw
	}
	for i := range masked {
		b.mask(s, "client->"+s.entry, sec)
		b.w.addressed(b.w.at(masked[i].Addr, masked[i].At), record.Instance{}, arm, masked[i].At)
	}
	caller, at := record.Instance{}, r.Sent
	for i := range r.Trail {
		h := &r.Trail[i]
		l := b.w.life(h.Instance)
		l.reach(second)
		if s.arm != nil {
			l.byArm(s.arm.index, len(b.arms))
		}
		if i == 0 {
			b.w.addressed(l, caller, arm, at)
			b.early(s, l, at)
		}
		if c := h.Call; c != nil {
			for j := range c.Masked {
				b.mask(s, b.role(h.Service)+"->"+b.role(c.Service), sec)
				b.w.addressed(b.w.at(c.Masked[j].Addr, c.Masked[j].At), h.Instance, arm, c.Masked[j].At)
			}
			if c.Callee != (record.Instance{}) {
				callee := b.w.life(c.Callee)
				b.w.addressed(callee, h.Instance, arm, c.At)
				b.early(s, callee, c.At)
				b.decided(r.Trail[i:])
			}
		}
	}
}

func (b *books) mask(s *streamBook, hop string, sec *Second) {
	s.Masked++
	sec.Masked++
	if s.arm != nil {
		s.arm.MaskedByHop[hop]++
	}
}

// lose explains a loss and books it under all its headings.
func (b *books) lose(s *streamBook, r *record.Request, f fault) {
	if f.class == record.Other {
		b.strange.other++
	}
	x := b.explain(f)
	if x.unsure {
		b.clocks.sum.UncertainLosses++
	}
	l := Loss{
		Stream: s.Name, Arm: s.Arm, Seq: r.Seq,
		Due: b.offset(r.Due), Sent: b.offset(r.Sent), Done: b.offset(r.Done),
		Class: f.class, ClientClass: f.client, Status: r.Status,
		Hop: f.hop(), Caller: f.caller, Callee: f.callee, Phase: x.phase,
		Window: x.window, Explanation: x.why, Error: r.Error, Trail: r.Trail,
	}
	callee := "unknown"
	if f.callee != (record.Instance{}) {
		c := b.w.life(f.callee)
		c.lost++
		l.CalleeWorkload, callee = c.workload, f.callee.String()
	}
	if x.release != nil {
		l.Release = x.release.instance
		x.release.lose(s.Arm)
	}
	b.losses = append(b.losses, l)
	if a := s.arm; a != nil {
		a.ByClass[l.Class]++
		a.ByClientClass[l.ClientClass]++
		a.ByHop[l.Hop]++
		a.ByWindow[l.Window]++
		a.ByInstance[callee]++
		if l.Window == Unexplained {
			a.Unexplained++
		}
	}
}

func (b *books) offset(m record.Micros) time.Duration { return m.Sub(b.in.Zero) }

// ptr is an optional offset; nil for an instant that never came.
func (b *books) ptr(m record.Micros) *time.Duration {
	if m == 0 {
		return nil
	}
	d := b.offset(m)
	return &d
}
