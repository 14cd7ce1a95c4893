package ledger

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

const (
	// dialSlack is how long a dial may take: a caller that finds a closed
	// listener began to dial up to so long before it was closed.
	dialSlack = 350 * time.Millisecond
	// lagSlack is what a consumer may need beyond the registry's push delay and
	// tick before a stale route is the registry's fault.
	lagSlack = time.Second
	// stampSlack is how far an event's instant may be from its effect on a
	// request: writing the line, closing the socket, choosing and dialling.
	stampSlack = 20 * time.Millisecond
)

func calleeReleased(f failure, callee *history.Instance) bool {
	return callee != nil && callee.Release != nil && f.class != record.Overload && f.class != record.WrongLane
}

// byCalleeRelease explains a loss by a callee that was taken out.
func (x explainer) byCalleeRelease(f failure, callee *history.Instance) (explanation, bool) {
	r := callee.Release
	out := explanation{release: r}
	// What the clocks cannot tell apart widens the windows.
	slack := x.history.Clocks.Between(f.caller, callee.ID)
	beganSlack := max(x.history.Clocks.WithHarness(record.Instance{}), x.history.Clocks.Between(record.Instance{}, callee.ID)) // whichever reported it
	switch {
	case f.done.Add(beganSlack) < r.Began:
		return out, false
	case !r.Planned:
		if r.Closed != 0 && f.done.Add(x.history.Clocks.WithHarness(callee.ID)) < r.Closed {
			return out, false
		}
		out.window, out.text = Crash, died(f, r)
	case f.class == record.Rejected:
		out.window, out.text = x.staleness(f, r, r.Deregistered)
	case f.firstAddressed != 0 && f.addressed >= r.Began && r.Closed != 0 && f.firstAddressed < r.Closed.Add(-stampSlack):
		// The first delivery is the cause of the loss, whatever became of its
		// repetition. A cluster reports a container's end only afterwards, so
		// that it may appear to be alive.
		out.window, out.text = DrainCut, cutAndRepeated(f, r)
	case isDial(f.class):
		if r.Closed == 0 || f.addressed < r.Closed.Add(-dialSlack-slack) {
			return out, false
		}
		out.window, out.text = x.staleness(f, r, max(f.addressed, r.Closed))
	case f.addressed >= r.Closed && r.Closed != 0:
		out.window, out.text = x.staleness(f, r, f.addressed)
	case r.Closed != 0 && f.done.Add(slack) >= r.Closed && isCut(f.class):
		out.window, out.text = DrainCut, cut(f, r)
	default:
		return out, false
	}
	doubt, uncertain := uncertainty(order{f.done, r.Began, beganSlack}, order{f.addressed, r.Closed, slack}, order{f.addressed, r.Deregistered, slack})
	out.text, out.uncertain = out.text+doubt, uncertain
	return out, true
}

// staleness finds out why a request reached an instance that was closed at t:
// its caller had not received the update, the registry was late, or the instance
// had closed before it deregistered.
func (x explainer) staleness(f failure, r *history.Release, t record.Micros) (Window, string) {
	switch bound := x.history.Plan.PushDelay + x.history.Plan.PushTick; {
	case r.Deregistered == 0:
		return ClosedEarly, neverDeregistered(f, r)
	case t < r.Deregistered:
		return ClosedEarly, deregisteredLate(f, r)
	case f.addressed.Sub(r.Deregistered) > bound+lagSlack && x.history.Instance(f.caller).TakesPushes():
		return RegistryLag, registryLate(f, r, bound)
	}
	return StaleRoute, stale(f, r)
}

func (x explainer) callerReleased(f failure, _ *history.Instance) bool {
	c := x.history.Instance(f.caller)
	return c != nil && c.Release != nil && f.done >= c.Release.Began && f.class == record.Cancelled
}

// byCallerRelease explains a call that was cancelled because its caller was
// taken out.
func (x explainer) byCallerRelease(f failure, _ *history.Instance) (explanation, bool) {
	r := x.history.Instance(f.caller).Release
	out := explanation{release: r, window: DrainCut, text: callerLeft(f)}
	if !r.Planned {
		out.window = Crash
	}
	return out, true
}
