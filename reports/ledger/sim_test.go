package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
)

// sim is a run made in code: gateway → a → b → c at 100 requests a second an
// arm, b twice. What happens to a request follows from what happened to the
// instances, as it does in a real one.
type sim struct {
	in    Input
	lives map[string]*simLife // by pod
	turn  map[string]int      // round robin of each caller
	spoil func(r *record.Request)
}

type simLife struct {
	inst               record.Instance
	workload, svc, tag string
	addr               string
	listening, closed  record.Micros // 0 closed: never
	class              record.Class  // of a call once it is closed
	dropped            map[string]record.Micros
	registered         record.Micros
}

const simZero = record.Micros(1_700_000_000_000_000)

func sec(s float64) record.Micros { return simZero + record.Micros(s*1e6) }

func newSim(duration time.Duration) *sim {
	chain := []string{"spring-cloud-zuul", "spring-cloud-a", "spring-cloud-b", "spring-cloud-c"}
	p := &plan.Plan{
		Schema: plan.Schema, Scenario: "sim", Duration: duration, Cycles: 1, Speed: 1,
		PushDelay: 500 * time.Millisecond, PushTick: 100 * time.Millisecond,
		Entry: plan.Entry{Workload: "gateway"},
	}
	add := func(name, role, service, tag, next string) {
		p.Workloads = append(p.Workloads, plan.Workload{
			Name: name, Role: role, Service: service, Tag: tag, Settings: settings.Document{Next: next},
		})
	}
	add("gateway", "gateway", chain[0], "", chain[1])
	for _, v := range []struct{ suffix, tag string }{{"", ""}, {"-gray", "gray"}} {
		add("a"+v.suffix, "a", chain[1], v.tag, chain[2])
		add("b"+v.suffix, "b", chain[2], v.tag, chain[3])
	}
	add("c", "c", chain[3], "", "")
	s := &sim{lives: map[string]*simLife{}, turn: map[string]int{}, in: Input{
		Plan: p, Zero: simZero, End: simZero.Add(duration + 2*time.Second), Runtime: "local",
		Incomplete: map[string]string{},
	}}
	for _, arm := range []struct{ name, tag, suffix string }{{"base", "", ""}, {"gray", "gray", "-gray"}} {
		p.Arms = append(p.Arms, plan.Arm{
			Name: arm.name, Tag: arm.tag, Workloads: []string{"gateway", "a" + arm.suffix, "b" + arm.suffix, "c"},
		})
		p.Streams = append(p.Streams, traffic.Stream{
			Name: arm.name, Arm: arm.name, Tag: arm.tag, Rate: 100, Method: "GET", Path: "/A/a", Duration: duration,
			Expect: map[string]string{chain[1]: arm.tag, chain[2]: arm.tag}, Chain: chain,
		})
	}
	for i, pod := range []string{"gateway-1", "a-1", "b-1", "b-2", "a-gray-1", "b-gray-1", "b-gray-2", "c-1"} {
		s.live(pod, sec(-5), fmt.Sprintf("127.0.1.%d:20001", i+1))
	}
	for _, pod := range s.pods() {
		s.list(s.lives[pod], sec(-2))
	}
	s.event(record.Event{At: simZero, Payload: record.TimeZero{}})
	s.event(record.Event{At: simZero.Add(duration + time.Second), Payload: record.LoadEnd{}})
	s.event(record.Event{At: s.in.End, Payload: record.RunEnd{}})
	return s
}

func (s *sim) event(e record.Event) { s.in.Events = append(s.in.Events, e) }

// tell is an event that an instance writes of itself.
func (s *sim) tell(l *simLife, at record.Micros, kind record.Kind) {
	s.event(record.Event{At: at, Payload: record.ZeroPayload(kind), Instance: l.inst, Service: l.svc, Workload: l.workload, Tag: l.tag})
}

// stall is what an instance tells after it was not let run for d from at on.
func (s *sim) stall(pod string, at record.Micros, d time.Duration) {
	l := s.lives[pod]
	s.event(record.Event{At: at.Add(d), Instance: l.inst, Workload: l.workload, Payload: record.Stalled{Since: at, Duration: d}})
}

func (s *sim) live(pod string, at record.Micros, addr string) *simLife {
	name := pod[:len(pod)-2]
	i := slices.IndexFunc(s.in.Plan.Workloads, func(w plan.Workload) bool { return w.Name == name })
	w := s.in.Plan.Workloads[i]
	l := &simLife{
		inst: record.Instance{Pod: pod, Incarnation: 1}, workload: w.Name, svc: w.Service, tag: w.Tag, addr: addr,
		listening: at + 100_000, registered: at + 300_000, dropped: map[string]record.Micros{}, class: record.Refused,
	}
	s.lives[pod] = l
	s.tell(l, at, record.KindContainerStarted)
	s.tell(l, at+50_000, record.KindStarting)
	s.event(record.Event{At: l.listening, Payload: record.Listening{}, Instance: l.inst, Service: l.svc, Workload: l.workload, Addr: addr})
	s.tell(l, l.registered, record.KindRegistered)
	s.tell(l, l.registered+1000, record.KindReady)
	return l
}

// list writes what a consumer sees at an instant, as its own event.
func (s *sim) list(l *simLife, at record.Micros) {
	next := ""
	for _, w := range s.in.Plan.Workloads {
		if w.Name == l.workload {
			next = w.Settings.Next
		}
	}
	if next == "" {
		return
	}
	var hosts []record.ListedHost
	for _, pod := range s.pods() {
		h := s.lives[pod]
		if drop := h.dropped[l.inst.Pod]; h.svc == next && h.registered <= at && (drop == 0 || at < drop) {
			hosts = append(hosts, record.ListedHost{Instance: h.inst, Addr: h.addr, Tag: h.tag})
		}
	}
	s.event(record.Event{At: at, Instance: l.inst, Workload: l.workload, Service: next, Payload: record.ListChanged{Hosts: hosts}})
}

func (s *sim) pods() []string {
	var out []string
	for p := range s.lives {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// heard makes all consumers of l drop it at an instant.
func (s *sim) heard(l *simLife, at record.Micros) {
	for _, pod := range s.pods() {
		if c := s.lives[pod]; c.svc != l.svc {
			l.dropped[pod] = at
			s.list(c, at)
		}
	}
}

// deregisterFirst takes l out as Spring Cloud does: it is gone at once, and
// its consumers hear of it push later.
func (s *sim) deregisterFirst(pod string, at record.Micros, push time.Duration) *simLife {
	l := s.lives[pod]
	s.tell(l, at, record.KindPodDeleted)
	s.tell(l, at+1000, record.KindTermReceived)
	s.tell(l, at+4000, record.KindDeregistering)
	s.tell(l, at+5000, record.KindDeregistered)
	s.tell(l, at+6000, record.KindListenerClosed)
	s.tell(l, at+9000, record.KindEnd)
	s.tell(l, at+10_000, record.KindContainerExited)
	l.closed = at + 6000
	if push != never {
		s.heard(l, (at + 5000).Add(push))
	}
	return l
}

// never is a push that does not come.
const never = time.Duration(-1)

// closeFirst closes, drains for 14 ms, and deregisters then.
func (s *sim) closeFirst(pod string, at record.Micros, push time.Duration) {
	l := s.lives[pod]
	s.tell(l, at, record.KindPodDeleted)
	s.tell(l, at+1000, record.KindTermReceived)
	s.tell(l, at+2000, record.KindListenerClosed)
	s.tell(l, at+40_000, record.KindDeregistered)
	s.tell(l, at+41_000, record.KindEnd)
	l.closed = at + 2000
	s.heard(l, (at + 40_000).Add(push))
}

// lossless takes l out as it should be.
func (s *sim) lossless(pod string, at record.Micros, push time.Duration) {
	l := s.lives[pod]
	s.tell(l, at, record.KindPodDeleted)
	s.tell(l, at+5000, record.KindOffline)
	s.tell(l, at+6000, record.KindClosing)
	s.tell(l, at+15_000, record.KindDeregistered)
	for _, pod := range s.pods() {
		if c := s.lives[pod]; c.svc == "spring-cloud-a" {
			l.dropped[pod] = at + 30_000
			s.event(record.Event{At: at + 30_000, Instance: c.inst, Workload: c.workload, Payload: record.MarkSet{Marked: l.inst, Source: record.SourceMarker}})
		}
	}
	for _, pod := range s.pods() {
		if c := s.lives[pod]; c.svc == "spring-cloud-a" {
			s.list(c, (at + 15_000).Add(push))
		}
	}
	l.closed = at.Add(3 * time.Second)
	s.tell(l, l.closed-1000, record.KindTermReceived)
	s.tell(l, l.closed, record.KindListenerClosed)
	s.tell(l, l.closed+2000, record.KindEnd)
}

// kill is a SIGKILL without any deletion.
func (s *sim) kill(pod string, at record.Micros, push time.Duration) {
	l := s.lives[pod]
	s.event(record.Event{At: at, Payload: record.KillSent{}, Instance: l.inst, Workload: l.workload, Text: "step"})
	s.event(record.Event{At: at + 2000, Instance: l.inst, Workload: l.workload, Payload: record.ContainerExited{ExitCode: 137}})
	s.event(record.Event{At: at + 3000, Instance: l.inst, Service: l.svc, Payload: record.RegistryChange{Change: record.ChangeRemoved}})
	l.closed = at
	s.heard(l, (at + 3000).Add(push))
}

// run sends every request that is due and closes the account.
func (s *sim) run() *Ledger {
	for i, st := range s.in.Plan.Streams {
		for n := range st.Count() {
			r := s.request(st, n, sec(st.Due(n).Seconds())+record.Micros(i*5000))
			if s.spoil != nil {
				s.spoil(&r)
			}
			s.in.Requests = append(s.in.Requests, r)
		}
	}
	return s.build()
}

func (s *sim) build() *Ledger {
	slices.SortStableFunc(s.in.Events, func(a, b record.Event) int { return int(a.At - b.At) })
	l := Build(s.in)
	requireSameWithoutText(s.in, l)
	return l
}

// requireSameWithoutText panics if the texts of events, which are for people
// only, decide anything: without them the account has the same facts.
func requireSameWithoutText(in Input, l *Ledger) {
	in.Events = slices.Clone(in.Events)
	for i := range in.Events {
		in.Events[i].Text = ""
	}
	want, got := factsOf(l), factsOf(Build(in))
	if want != got {
		panic(fmt.Sprintf("the texts of events change the account from\n%s\nto\n%s", want, got))
	}
}

// factsOf is an account without the sentences that quote events.
func factsOf(l *Ledger) string {
	c := *l
	c.AbortText, c.HostStats = "", nil
	c.Defects = make([]string, len(l.Defects))
	c.Notes = slices.Clone(l.Notes)
	for i := range c.Notes {
		c.Notes[i].Text = ""
	}
	c.Instances = slices.Clone(l.Instances)
	for i := range c.Instances {
		c.Instances[i].Milestones = slices.Clone(c.Instances[i].Milestones)
		for k := range c.Instances[i].Milestones {
			c.Instances[i].Milestones[k].Text = ""
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}

const hopTime = 500 // µs

func (s *sim) request(st traffic.Stream, n uint64, due record.Micros) record.Request {
	r := record.Request{Stream: st.Name, Seq: n, Due: due, Sent: due + 100, Status: 200}
	at := r.Sent + hopTime
	caller := s.lives["gateway-1"]
	body := ""
	for i, svc := range st.Chain {
		hop := record.Hop{Service: svc, Instance: caller.inst, Tag: caller.tag}
		if i > 0 {
			if i > 1 {
				body += " -> "
			}
			ip, _, _ := cutLast(caller.addr)
			body += string("ABC"[i-1]) + caller.tag + "[" + ip + "]"
		}
		if i == len(st.Chain)-1 {
			r.Trail = append(r.Trail, hop)
			break
		}
		callee := s.pick(caller, st.Chain[i+1], st.Tag, at)
		hop.Call = &record.Call{
			Service: st.Chain[i+1], Callee: callee.inst, Addr: callee.addr, Tag: callee.tag, Wanted: st.Tag,
			At: at, Status: 200, Attempts: 1,
		}
		if callee.closed != 0 && at >= callee.closed {
			hop.Call.Class, hop.Call.Status = callee.class, 0
			r.Trail = append(r.Trail, hop)
			r.Status, r.Class, body = 502, record.Status5xx, ""
			for j := i - 1; j >= 0; j-- {
				r.Trail[j].Call.Status, r.Trail[j].Call.Class = 502, record.Status5xx
			}
			break
		}
		r.Trail = append(r.Trail, hop)
		at += hopTime
		caller = callee
	}
	r.FirstByte, r.Done, r.Body = at+hopTime, at+2*hopTime, body
	return r
}

func cutLast(addr string) (string, string, bool) {
	i := len(addr) - 1
	for ; i > 0 && addr[i] != ':'; i-- {
	}
	return addr[:i], addr[i+1:], true
}

// pick is round robin among those that the caller sees.
func (s *sim) pick(caller *simLife, service, tag string, at record.Micros) *simLife {
	var hosts []*simLife
	for _, pod := range s.pods() {
		h := s.lives[pod]
		drop := h.dropped[caller.inst.Pod]
		if h.svc == service && (h.tag == tag || service == "spring-cloud-c") && h.registered <= at && (drop == 0 || at < drop) {
			hosts = append(hosts, h)
		}
	}
	key := caller.inst.Pod
	s.turn[key]++
	return hosts[s.turn[key]%len(hosts)]
}

func (l *Ledger) arm(name string) Arm {
	i := slices.IndexFunc(l.Arms, func(a Arm) bool { return a.Name == name })
	return l.Arms[i]
}
