package ledger

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// explainer finds the window of a loss: the release, or other cause, that
// explains it.
type explainer struct {
	history         *history.History
	demo, externals []cause
}

// explanation is a loss's window, and the sentence that says it.
type explanation struct {
	window    Window
	release   *history.Release // nil if no release explains it
	phase     string           // of the callee, when it was addressed
	text      string
	uncertain bool // it depends on an order of instants that the clocks cannot tell
}

// cause is one kind of explanation.
type cause struct {
	// applies is what must hold for the cause to be considered. callee is nil if
	// the callee is not known.
	applies func(f failure, callee *history.Instance) bool
	// explain finds out whether the cause explains the failure.
	explain func(f failure, callee *history.Instance) (explanation, bool)
}

// newExplainer lists the causes in the order in which they are tried. What is
// certain comes first: a list without the wanted version, a release of the
// callee, of the caller, a callee that is starting, a full queue. A stall comes
// last: what a release did is the release's, however busy the machine was.
func newExplainer(h *history.History) explainer {
	x := explainer{history: h}
	overload := cause{isOverload, x.byOverload}
	stall := cause{isTimeout, x.byStall}
	x.demo = []cause{
		{wantsVersion, x.byMissingVersion},
		{calleeReleased, x.byCalleeRelease},
		{x.callerReleased, x.byCallerRelease},
		{calleeReportsStart, x.byStart},
		overload,
		stall,
	}
	x.externals = []cause{
		overload,
		{always, x.byExternalRelease},
		{mayBeExternalStart, x.byExternalStart},
		stall,
	}
	return x
}

// explain finds the window of a loss.
func (x explainer) explain(f failure) explanation {
	out := explanation{window: Unexplained}
	callee := x.history.Instance(f.callee)
	if callee != nil {
		out.phase = callee.PhaseAt(f.addressed)
	}
	if f.class == record.Other {
		out.text = subject(f) + unknownClass()
		return out
	}
	causes := x.demo
	if f.external != "" {
		causes = x.externals
	}
	for _, c := range causes {
		if !c.applies(f, callee) {
			continue
		}
		if got, ok := c.explain(f, callee); ok {
			got.phase, got.text = out.phase, subject(f)+got.text
			return got
		}
	}
	out.text = subject(f) + noCause(f, callee, out.phase)
	return out
}

func always(failure, *history.Instance) bool { return true }

func isOverload(f failure, _ *history.Instance) bool {
	return f.class == record.Overload || f.class == record.NoLocalPort || f.class == record.NoDescriptor
}

// byOverload explains a loss by a lack of room: in the callee's queue, or of
// ports and descriptors at the caller.
func (x explainer) byOverload(f failure, _ *history.Instance) (explanation, bool) {
	if f.class == record.Overload {
		return explanation{window: Overloaded, text: queueFull(f)}, true
	}
	return explanation{window: Overloaded, text: outOfResources(f)}, true
}

func isTimeout(f failure, _ *history.Instance) bool {
	switch f.class {
	case record.TimeoutConnect, record.TimeoutFirstByte, record.TimeoutBody, record.Cancelled:
		return true
	default:
		return false
	}
}

// byStall explains a time-out by a callee or a caller that got no CPU time
// meanwhile.
func (x explainer) byStall(f failure, callee *history.Instance) (explanation, bool) {
	for _, i := range []*history.Instance{callee, x.history.Instance(f.caller)} {
		if d := i.LongestStall(f.addressed, f.done); d > 0 {
			return explanation{window: Stalled, text: stalled(i.ID, d)}, true
		}
	}
	return explanation{}, false
}

func wantsVersion(f failure, _ *history.Instance) bool {
	return f.class == record.NoInstance || f.class == record.WrongLane
}

// byMissingVersion explains why no instance of the wanted version was called:
// none ran, none was registered yet, or the caller's list did not contain
// those that were.
func (x explainer) byMissingVersion(f failure, _ *history.Instance) (explanation, bool) {
	var registered, starting []string
	var last *history.Release
	for _, i := range x.history.Instances {
		if i.Declared == nil || i.Service != f.service || i.Tag != f.wantedTag {
			continue
		}
		switch r := i.Release; {
		case i.ServingAt(f.addressed):
			registered = append(registered, i.ID.String())
		case i.FirstSeen <= f.addressed && (r == nil || f.addressed < r.Began):
			starting = append(starting, i.ID.String())
		case r != nil && r.Began <= f.addressed && (last == nil || last.Began < r.Began):
			last = r
		}
	}
	switch {
	case len(registered) > 0:
		return explanation{window: RegistryLag, text: unknownToCaller(f, registered)}, true
	case len(starting) > 0:
		slices.Sort(starting)
		return explanation{window: ColdStart, release: last, text: noneRegistered(f, starting)}, true
	case last != nil:
		return explanation{window: Unexplained, release: last, text: lastTakenOut(f, last)}, true
	}
	return explanation{}, false
}

func calleeReportsStart(f failure, callee *history.Instance) bool {
	return callee != nil && callee.Instrumented && f.class != record.WrongLane
}

// byStart explains a loss by a callee that had only just started.
func (x explainer) byStart(f failure, callee *history.Instance) (explanation, bool) {
	listening, registered := callee.First(record.KindListening), callee.First(record.KindRegistered)
	slack := x.history.Clocks.Between(f.caller, f.callee)
	doubt, uncertain := uncertainty(order{f.addressed, listening, slack}, order{f.addressed, registered, slack})
	switch {
	case isDial(f.class) && (listening == 0 || f.addressed < listening.Add(slack)):
		return explanation{window: ColdStart, text: beforeListening(f) + doubt, uncertain: uncertain}, true
	case registered == 0 || f.addressed < registered.Add(slack):
		return explanation{window: ColdStart, text: beforeRegistered(f) + doubt, uncertain: registered != 0 || listening != 0}, true
	}
	warm := max(registered.Add(coldTime), callee.First(record.KindWarmupEnd))
	beganCold := callee.Declared != nil && callee.Declared.ColdStart
	if f.addressed < warm && (registered >= x.history.Zero || beganCold) && isSlow(f.class) {
		return explanation{window: ColdStart, text: cold(f, registered)}, true
	}
	return explanation{}, false
}

// order is two instants that an explanation puts in order, and by how much their
// clocks may be wrong.
type order struct {
	a, b  record.Micros
	slack time.Duration
}

// uncertainty is the words for an explanation that depends on one of the orders,
// and whether it does.
func uncertainty(orders ...order) (string, bool) {
	for _, o := range orders {
		if o.slack > 0 && history.Near(o.a, o.b, o.slack) {
			return withinClockUncertainty(o.slack), true
		}
	}
	return "", false
}

// isDial reports whether no connection was established.
func isDial(c record.Class) bool {
	switch c {
	case record.Refused, record.Unreachable, record.TimeoutConnect, record.DNS, record.TLS:
		return true
	default:
		return false
	}
}

// isCut reports whether a connection ended before its answer did.
func isCut(c record.Class) bool {
	switch c {
	case record.ResetBeforeByte, record.ResetMidBody, record.EOF, record.Truncated,
		record.TimeoutFirstByte, record.TimeoutBody, record.Cancelled:
		return true
	default:
		return false
	}
}

// isSlow reports whether the callee had too much to do.
func isSlow(c record.Class) bool {
	switch c {
	case record.Overload, record.TimeoutConnect, record.TimeoutFirstByte, record.TimeoutBody:
		return true
	default:
		return false
	}
}
