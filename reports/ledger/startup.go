package ledger

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

// coldTime is how long after its registration an instance counts as cold, unless
// it reports a longer warm-up.
const coldTime = 10 * time.Second

// interval is a time from an instant up to another one.
type interval struct{ from, to record.Micros }

func (i interval) contains(t record.Micros) bool { return i.from <= t && t < i.to }

// startupIntervals are when instances that an arm reaches came online under
// load: from the registration to the end of the warm-up, or for [coldTime]
// without a warm-up.
func startupIntervals(h *history.History, a plan.Arm) []interval {
	var out []interval
	for _, i := range h.Instances {
		registered := i.First(record.KindRegistered)
		if i.Declared == nil || registered == 0 || !h.UnderLoad(registered) || !i.ReachableFrom(a) {
			continue
		}
		s := interval{registered, registered.Add(coldTime)}
		if i.First(record.KindWarmupStart) != 0 {
			s.to = h.LoadEnd
			if end := i.First(record.KindWarmupEnd); end != 0 {
				s.to = end
			}
		}
		out = append(out, s)
	}
	return out
}

// addIfEarly counts a request that was sent to an instance before the registry
// had acknowledged its registration. Only instrumented instances report that.
func (a *armAccount) addIfEarly(i *instanceAccount, at record.Micros) {
	if a == nil || !i.Instrumented || i.Declared == nil || at == 0 {
		return
	}
	if registered := i.First(record.KindRegistered); registered == 0 || at < registered {
		a.early++
	}
}

// addStartup finishes the figures of coming online. If an instance of the arm
// reports nothing, it is not known when that was registered.
func (b *builder) addStartup(a *armAccount) {
	if len(a.startupTimes) > 0 {
		l := latency(a.startupTimes)
		a.OnlineResponseTime = &l
	}
	known, early := 0, 0
	for _, i := range b.intake.instances {
		if i.Declared == nil || !i.ReachableFrom(b.in.Plan.Arms[a.index]) {
			continue
		}
		if !i.Instrumented {
			return
		}
		known++
		registered, ready := i.First(record.KindRegistered), i.First(record.KindPodReady)
		if ready != 0 && (registered == 0 || ready < registered) {
			early++
		}
	}
	if known == 0 {
		return
	}
	a.ReadyBeforeRegistered = &early
	if a.trailsKnown() {
		a.EarlyRequests = &a.early
	}
}
