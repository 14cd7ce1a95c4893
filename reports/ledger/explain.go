package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// explanation is a loss's window, and the sentence that tells it.
type explanation struct {
	window  Window
	release *release // nil where none explains it
	phase   string   // of the callee, when it was addressed
	why     string
	unsure  bool // it hangs on an order of instants that the clocks cannot tell
}

const (
	// dialSlack is how long a dial may take: who finds a closed listener was
	// addressed up to so long before it closed.
	dialSlack = 350 * time.Millisecond
	// coldTime is how long after its registration an instance counts as cold,
	// where it tells no longer warm-up.
	coldTime = 10 * time.Second
	// lagSlack is what a consumer may need beyond the registry's push delay
	// and tick before a stale route is the registry's fault.
	lagSlack = time.Second
)

// explain finds the window of a loss. What was certain comes first: a full
// queue, a release of the callee, of the caller, a fresh callee, a list that
// named nobody.
func (b *books) explain(f fault) explanation {
	x := explanation{window: Unexplained}
	callee := b.lookup(f.callee)
	if callee != nil {
		x.phase = callee.phaseAt(f.at)
	}
	head := f.from + "→" + f.to + " " + string(f.class)
	if f.class == record.Other {
		x.why = head + ": a failure of no known class is never explained"
		return x
	}
	tries := []func(fault, *life) (explanation, bool){
		b.bySilence, b.byRelease, b.byCaller, b.byStart, b.byLoad, b.byStall,
	}
	if f.foreign != "" {
		tries = []func(fault, *life) (explanation, bool){b.byLoad, b.byGoing, b.byComing, b.byStall}
	}
	for _, try := range tries {
		if got, ok := try(f, callee); ok {
			x.window, x.release, x.unsure = got.window, got.release, got.unsure
			x.why = head + ": " + got.why
			return x
		}
	}
	x.why = head + ": nothing that is known explains it"
	if callee != nil {
		x.why += fmt.Sprintf("; %s was %s", f.callee, cmp.Or(x.phase, "not known to live"))
	}
	return x
}

func (b *books) lookup(i record.Instance) *life {
	if i == (record.Instance{}) {
		return nil
	}
	return b.w.life(i)
}

// byRelease explains a loss by its callee having been taken out.
func (b *books) byRelease(f fault, callee *life) (explanation, bool) {
	if callee == nil || callee.release == nil || f.class == record.Overload || f.class == record.WrongLane {
		return explanation{}, false
	}
	r := callee.release
	x := explanation{release: r}
	// Windows are wider by what the clocks cannot tell apart.
	wide := b.clocks.between(f.caller, r.instance)
	began := max(b.clocks.harness(record.Instance{}), b.clocks.between(record.Instance{}, r.instance)) // whoever told of it
	switch {
	case f.done.Add(began) < r.begin:
		return x, false
	case !r.planned:
		if r.closed != 0 && f.done.Add(b.clocks.harness(r.instance)) < r.closed {
			return x, false
		}
		x.window, x.why = Crash, b.whyCrash(f, r)
	case f.class == record.Rejected:
		x.window, x.why = b.staleness(f, r, r.dereg)
	case f.taken != 0 && f.at >= r.begin && r.closed != 0 && f.taken < r.closed.Add(-stampSlack):
		// What became of the repetition is not why it was lost. A cluster tells
		// of a container's end only after it, so that it may seem to be alive.
		x.window, x.why = DrainCut, fmt.Sprintf("%s took it %s before it closed, and cut it unanswered; it was sent again, in vain",
			r.instance, ms(r.closed.Sub(f.taken)))
	case isDial(f.class):
		if r.closed == 0 || f.at < r.closed.Add(-dialSlack-wide) {
			return x, false
		}
		x.window, x.why = b.staleness(f, r, max(f.at, r.closed))
	case f.at >= r.closed && r.closed != 0:
		x.window, x.why = b.staleness(f, r, f.at)
	case r.closed != 0 && f.done.Add(wide) >= r.closed && isCut(f.class):
		x.window, x.why = DrainCut, fmt.Sprintf("%s took it %s before it closed its listener, and cut it unanswered",
			r.instance, ms(r.closed.Sub(f.at)))
	default:
		return x, false
	}
	doubt, unsure := uncertain(order{f.done, r.begin, began}, order{f.at, r.closed, wide}, order{f.at, r.dereg, wide})
	x.why, x.unsure = x.why+doubt, unsure
	return x, true
}

// staleness tells apart why a request came to an instance that was closed at
// t: its caller had not heard, the registry was late, or it had closed too
// early to be heard of.
func (b *books) staleness(f fault, r *release, t record.Micros) (Window, string) {
	heard := r.heardBy(f.caller)
	told := "; " + who(f.caller) + " had not heard of it"
	switch {
	case heard == 0:
		told += " when the record ends"
	case heard > f.at:
		told = fmt.Sprintf("; %s heard of it %s later", who(f.caller), ms(heard.Sub(f.at)))
	default:
		told = fmt.Sprintf("; %s had heard of it %s earlier", who(f.caller), ms(f.at.Sub(heard)))
	}
	if r.dereg == 0 {
		return ClosedEarly, fmt.Sprintf("%s had closed %s earlier and never deregistered%s", r.instance, ms(f.at.Sub(r.gone())), told)
	}
	if t < r.dereg {
		return ClosedEarly, fmt.Sprintf("%s had closed %s earlier and deregistered only %s later%s",
			r.instance, ms(max(0, f.at.Sub(r.gone()))), ms(r.dereg.Sub(f.at)), told)
	}
	bound := b.p.PushDelay + b.p.PushTick + lagSlack
	if f.at.Sub(r.dereg) > bound && b.pushed(f.caller) {
		return RegistryLag, fmt.Sprintf("%s had deregistered %s earlier, and the registry promises to tell within %s%s",
			r.instance, ms(f.at.Sub(r.dereg)), ms(b.p.PushDelay+b.p.PushTick), told)
	}
	return StaleRoute, fmt.Sprintf("%s had deregistered %s earlier%s", r.instance, ms(f.at.Sub(r.dereg)), told)
}

// pushed reports whether a consumer takes the registry's pushes as they come;
// one that caches is stale by its own will.
func (b *books) pushed(caller record.Instance) bool {
	c := b.lookup(caller)
	if c == nil {
		return false
	}
	for _, w := range b.p.Workloads {
		if w.Name == c.workload {
			return w.Settings.Consumer.Cache == "" || w.Settings.Consumer.Cache == "push"
		}
	}
	return false
}

func (b *books) whyCrash(f fault, r *release) string {
	verb := "crashed"
	if r.why == killed {
		verb = "was killed"
	}
	if f.at < r.begin {
		return fmt.Sprintf("%s %s %s after the request was sent to it", r.instance, verb, ms(r.begin.Sub(f.at)))
	}
	s := fmt.Sprintf("%s %s %s earlier", r.instance, verb, ms(f.at.Sub(r.begin)))
	if heard := r.heardBy(f.caller); heard > f.at {
		s += fmt.Sprintf("; %s heard of it %s later", who(f.caller), ms(heard.Sub(f.at)))
	}
	return s + "; no instance that dies can be drained"
}

// byCaller explains a call that was given up because its caller went.
func (b *books) byCaller(f fault, _ *life) (explanation, bool) {
	c := b.lookup(f.caller)
	if c == nil || c.release == nil || f.done < c.release.begin || f.class != record.Cancelled {
		return explanation{}, false
	}
	x := explanation{release: c.release, window: DrainCut, why: fmt.Sprintf("its caller %s was going and gave it up", f.caller)}
	if !c.release.planned {
		x.window = Crash
	}
	return x, true
}

// byStart explains a loss by its callee having only just come.
func (b *books) byStart(f fault, callee *life) (explanation, bool) {
	if callee == nil || !callee.own || f.class == record.WrongLane {
		return explanation{}, false
	}
	x := explanation{window: ColdStart}
	listening, registered := callee.when[record.KindListening], callee.when[record.KindRegistered]
	wide := b.clocks.between(f.caller, f.callee)
	doubt, unsure := uncertain(order{f.at, listening, wide}, order{f.at, registered, wide})
	switch {
	case isDial(f.class) && (listening == 0 || f.at < listening.Add(wide)):
		x.why, x.unsure = f.callee.String()+" was addressed before it listened"+doubt, unsure
		return x, true
	case registered == 0 || f.at < registered.Add(wide):
		x.why, x.unsure = f.callee.String()+" was addressed before it was registered"+doubt, unsure
		return x, registered != 0 || listening != 0
	}
	warm := registered.Add(coldTime)
	if end := callee.when[record.KindWarmupEnd]; end > warm {
		warm = end
	}
	if f.at < warm && (registered >= b.in.Zero || b.beganCold(callee)) && isSlow(f.class) {
		x.why = fmt.Sprintf("%s had been registered only %s before and was cold", f.callee, ms(f.at.Sub(registered)))
		return x, true
	}
	return x, false
}

// beganCold tells whether an instance was new though the run began with it.
func (b *books) beganCold(l *life) bool {
	return slices.ContainsFunc(b.p.Workloads, func(w plan.Workload) bool { return w.Name == l.workload && w.ColdStart })
}

// byLoad explains a loss by a lack of room: in the callee's queue, or of ports
// and descriptors at the caller.
func (b *books) byLoad(f fault, _ *life) (explanation, bool) {
	switch f.class {
	case record.Overload:
		return explanation{window: Overloaded, why: "the queue of " + f.callee.String() + " was full"}, true
	case record.NoLocalPort, record.NoDescriptor:
		return explanation{window: Overloaded, why: who(f.caller) + " had run out of them"}, true
	}
	return explanation{}, false
}

// byStall explains a time-out by its caller or its callee not having been let
// run meanwhile. It comes last: what a release did is a release's, however
// busy the machine was.
func (b *books) byStall(f fault, callee *life) (explanation, bool) {
	if !isLate(f.class) {
		return explanation{}, false
	}
	for _, l := range []*life{callee, b.lookup(f.caller)} {
		if d := l.stalled(f.at, f.done); d > 0 {
			return explanation{window: Stalled, why: fmt.Sprintf("its machine did not let %s run for %s meanwhile", l.instance, ms(d))}, true
		}
	}
	return explanation{}, false
}

// bySilence explains why nobody of the wanted version was called: none lived,
// none was registered yet, or the caller had not heard of those that were.
func (b *books) bySilence(f fault, _ *life) (explanation, bool) {
	if f.class != record.NoInstance && f.class != record.WrongLane {
		return explanation{}, false
	}
	var up, coming []string
	var last *release
	for _, l := range b.w.order {
		if !l.known || l.service != f.service || l.tag != f.wanted {
			continue
		}
		switch r := l.release; {
		case l.up(f.at):
			up = append(up, l.instance.String())
		case l.first <= f.at && (r == nil || f.at < r.begin):
			coming = append(coming, l.instance.String())
		case r != nil && r.begin <= f.at && (last == nil || last.begin < r.begin):
			last = r
		}
	}
	version := cmp.Or(f.wanted, "base")
	switch {
	case len(up) > 0:
		return explanation{window: RegistryLag, why: fmt.Sprintf("%s knew of no %s instance of %s, and %s was registered",
			who(f.caller), version, f.service, strings.Join(up, ", "))}, true
	case len(coming) > 0:
		slices.Sort(coming)
		return explanation{window: ColdStart, release: last, why: fmt.Sprintf("no %s instance of %s was registered; %s was still starting",
			version, f.service, strings.Join(coming, ", "))}, true
	case last != nil:
		return explanation{window: Unexplained, release: last, why: fmt.Sprintf("the last %s instance of %s, %s, had been taken out %s earlier",
			version, f.service, last.instance, ms(f.at.Sub(last.begin)))}, true
	}
	return explanation{}, false
}

// isDial: no connection came about.
func isDial(c record.Class) bool {
	switch c {
	case record.Refused, record.Unreachable, record.TimeoutConnect, record.DNS, record.TLS:
		return true
	}
	return false
}

// isCut: a connection ended before its answer did.
func isCut(c record.Class) bool {
	switch c {
	case record.ResetBeforeByte, record.ResetMidBody, record.EOF, record.Truncated,
		record.TimeoutFirstByte, record.TimeoutBody, record.Cancelled:
		return true
	}
	return false
}

// isLate: something took longer than its caller would wait.
func isLate(c record.Class) bool {
	switch c {
	case record.TimeoutConnect, record.TimeoutFirstByte, record.TimeoutBody, record.Cancelled:
		return true
	}
	return false
}

// isSlow: the callee had too much to do.
func isSlow(c record.Class) bool {
	switch c {
	case record.Overload, record.TimeoutConnect, record.TimeoutFirstByte, record.TimeoutBody:
		return true
	}
	return false
}

func who(i record.Instance) string { return cmp.Or(i.String(), "the client") }

// ms is a duration as people say it: "213 ms", "1.9 s".
func ms(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + ms(-d)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
