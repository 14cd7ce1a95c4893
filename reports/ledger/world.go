package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// world is what the events tell: who lived when and where, who was taken out,
// and who had heard of it.
type world struct {
	zero, end record.Micros // of the load: what is taken out after it is no release
	lives     map[record.Instance]*life
	order     []*life // by first appearance
	byAddr    map[string][]*life
	byName    map[string][]*life // by pod, and by a foreign pod's IP
	releases  []*release         // by time
	pushes    []record.Event
	events    []record.Event
	unsentAt  []record.Micros // due times
	lateAt    []record.Micros // likewise, of those that were sent too late
	workloads []plan.Workload
	indexed   bool // all events are taken in
}

// life is one incarnation.
type life struct {
	instance               record.Instance
	workload, service, tag string
	foreign                bool                          // nothing of ours is in it
	known                  bool                          // its workload is one of the plan's
	own                    bool                          // it told events of itself
	first, last            record.Micros                 // of all its events
	when                   map[record.Kind]record.Micros // first of each kind
	events                 []record.Event                // about it, by time
	lists                  []view                        // what it saw of others, by time
	marks                  []record.Event                // whom it avoided, by time
	release                *release
	near                   []*release // of its service and version: its calls tell what those were worth
	lastAttempt            record.Micros
	received, lost         int
	perSecond              []int
	arms                   []int // received, by arm
}

// view is a consumer's list of one service from an instant on.
type view struct {
	at      record.Micros
	service string
	hosts   map[string]bool // instances and addresses
	tags    map[string]int  // hosts of each version; nil: it does not tell
	n       int64
}

func newWorld(in Input) *world {
	w := &world{
		zero: in.Zero, end: in.End, lives: map[record.Instance]*life{},
		byAddr: map[string][]*life{}, byName: map[string][]*life{}, events: in.Events, workloads: in.Plan.Workloads,
	}
	for _, e := range in.Events {
		w.see(e)
	}
	w.end = loadEnd(in.Events)
	for _, l := range w.order {
		w.place(l)
	}
	w.indexed = true
	w.findReleases(in.Plan)
	return w
}

// loadEnd is when the last of the generators had done, or the run was broken
// off; after the last event, if nobody tells.
func loadEnd(events []record.Event) (end record.Micros) {
	for _, e := range events {
		if e.Kind == record.KindLoadEnd {
			end = max(end, e.At)
		}
	}
	for _, e := range events {
		if e.Kind == record.KindInterrupted && (end == 0 || e.At < end) {
			end = e.At
		}
	}
	if end == 0 && len(events) > 0 {
		end = events[len(events)-1].At + 1
	}
	return end
}

// see takes in one event.
func (w *world) see(e record.Event) {
	switch e.Kind {
	case record.KindPush:
		w.pushes = append(w.pushes, e)
		return
	case record.KindMachineInput, record.KindMachineOutput, record.KindHostStats:
		return
	}
	if e.Instance == (record.Instance{}) {
		return
	}
	l := w.life(e.Instance)
	if e.Kind == record.KindRegistryChange { // the registry's word, not the instance's
		if e.Text == "removed" {
			l.note(e)
		}
		return
	}
	l.note(e)
	switch e.Kind {
	case record.KindPodAddress:
		w.byName[e.Text] = append(w.byName[e.Text], l)
	case record.KindListChanged:
		l.lists = append(l.lists, newView(e))
	case record.KindMarkSet:
		l.marks = append(l.marks, e)
	case record.KindStarting, record.KindListening, record.KindRegistered, record.KindDeregistered, record.KindListenerClosed, record.KindTermReceived:
		l.own = true
		l.service = cmp.Or(e.Service, l.service)
	}
	l.workload = cmp.Or(e.Workload, l.workload)
	l.tag = cmp.Or(e.Tag, l.tag)
	if e.Addr != "" && !slices.Contains(w.byAddr[e.Addr], l) {
		w.byAddr[e.Addr] = append(w.byAddr[e.Addr], l)
	}
}

func (l *life) note(e record.Event) {
	if l.first == 0 || e.At < l.first {
		l.first = e.At
	}
	l.last = max(l.last, e.At)
	if _, ok := l.when[e.Kind]; !ok {
		l.when[e.Kind] = e.At
	}
	l.events = append(l.events, e)
}

// newView reads a list event. Its data are hosts, or just their names.
func newView(e record.Event) view {
	v := view{at: e.At, service: e.Service, hosts: map[string]bool{}, n: e.N}
	var hosts []struct{ Instance, Addr, Tag string }
	var names []string
	switch {
	case json.Unmarshal(e.Data, &hosts) == nil:
		v.tags = map[string]int{}
		for _, h := range hosts {
			v.hosts[h.Instance], v.hosts[h.Addr] = true, true
			v.tags[h.Tag]++
		}
	case json.Unmarshal(e.Data, &names) == nil:
		for _, n := range names {
			v.hosts[n] = true
		}
	}
	delete(v.hosts, "")
	return v
}

// has reports whether the view shows l.
func (v view) has(l *life, addrs []string) bool {
	if v.hosts[l.instance.String()] {
		return true
	}
	// An address alone names whoever stands there: the list may lack
	// instances where the hosts are not ours.
	return slices.ContainsFunc(addrs, func(a string) bool { return v.hosts[a] && !v.names() })
}

// names reports whether the list names instances.
func (v view) names() bool {
	for h := range v.hosts {
		if strings.Contains(h, "/") {
			return true
		}
	}
	return false
}

// life is the incarnation i, made known if it was not.
func (w *world) life(i record.Instance) *life {
	l := w.lives[i]
	if l == nil {
		l = &life{instance: i, when: map[record.Kind]record.Micros{}}
		w.lives[i] = l
		w.byName[i.Pod] = append(w.byName[i.Pod], l)
		w.order = append(w.order, l)
		if w.indexed {
			w.place(l) // an answer names it, no event does
		}
	}
	return l
}

// place ties a life to its workload: as its events tell, or by its pod's name.
func (w *world) place(l *life) {
	best := -1
	for i, wl := range w.workloads {
		if l.workload == wl.Name {
			best = i
			break
		}
		if l.workload == "" && // nobody told: its pod's name has to do
			strings.HasPrefix(l.instance.Pod, wl.Name+"-") &&
			(best < 0 || len(wl.Name) > len(w.workloads[best].Name)) {
			best = i
		}
	}
	if best >= 0 {
		wl := w.workloads[best]
		l.known, l.workload, l.service, l.tag, l.foreign = true, wl.Name, wl.Service, wl.Tag, wl.External
	}
}

// at is who stood at addr at t; nil if nobody is known to.
func (w *world) at(addr string, t record.Micros) *life {
	var found *life
	for _, l := range w.byAddr[addr] {
		if found == nil || l.first <= t && l.first > found.first {
			found = l
		}
	}
	return found
}

// only is the one instance that a workload had in the whole run; nil if it had
// more or none.
func (w *world) only(workload string) *life {
	var found *life
	for _, l := range w.order {
		if l.known && l.workload == workload {
			if found != nil {
				return nil
			}
			found = l
		}
	}
	return found
}

// addressed books an attempt that caller (zero: the client) addressed to l.
func (w *world) addressed(l *life, caller record.Instance, arm int, at record.Micros) {
	if l == nil || at == 0 {
		return
	}
	l.lastAttempt = max(l.lastAttempt, at)
	for _, r := range l.near {
		r.addressed(caller, arm, at)
	}
}

// unsent keeps when a request was not sent, to be held against the releases.
func (w *world) unsent(due record.Micros) { w.unsentAt = append(w.unsentAt, due) }

func (l *life) reach(second int) {
	l.received++
	if second < 0 || second > maxSeconds {
		return
	}
	for len(l.perSecond) <= second {
		l.perSecond = append(l.perSecond, 0)
	}
	l.perSecond[second]++
}

func (l *life) byArm(arm, arms int) {
	if l.arms == nil {
		l.arms = make([]int, arms)
	}
	l.arms[arm]++
}

// since is when the first of kinds happened; 0 if none did.
func (l *life) since(kinds ...record.Kind) record.Micros {
	var t record.Micros
	for _, k := range kinds {
		if at := l.when[k]; at != 0 && (t == 0 || at < t) {
			t = at
		}
	}
	return t
}

// up reports whether l was registered at t.
func (l *life) up(t record.Micros) bool {
	if l.foreign { // who registers nowhere serves while it is ready
		in, out := l.when[record.KindPodReady], l.since(record.KindPodDeleted, record.KindContainerExited, record.KindKillSent)
		return in != 0 && in <= t && (out == 0 || t < out)
	}
	in, out := l.when[record.KindRegistered], l.since(record.KindDeregistered, record.KindRegistryChange, record.KindContainerExited, record.KindKillSent)
	return in != 0 && in <= t && (out == 0 || t < out)
}

// stalled is the longest stretch for which l was not let run that touches from
// to to; 0 if there is none, or it is nobody's.
func (l *life) stalled(from, to record.Micros) (longest time.Duration) {
	if l == nil {
		return 0
	}
	for _, e := range l.events {
		if e.Kind == record.KindStalled && e.Since <= to && e.At >= from {
			longest = max(longest, e.At.Sub(e.Since))
		}
	}
	return longest
}

// near reports whether t is within d of at, which has happened.
func near(t, at record.Micros, d time.Duration) bool {
	return at != 0 && t >= at.Add(-d) && t <= at.Add(d)
}
