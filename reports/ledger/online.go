package ledger

import (
	"slices"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// stretch is a time from an instant up to another one.
type stretch struct{ from, to record.Micros }

func within(s []stretch, t record.Micros) bool {
	return slices.ContainsFunc(s, func(x stretch) bool { return x.from <= t && t < x.to })
}

// comings are the stretches in which instances that an arm reaches came online
// under load: from the registration to the end of the warm-up, or for coldTime
// where there is none.
func (w *world) comings(a plan.Arm) []stretch {
	var out []stretch
	for _, l := range w.order {
		in := l.when[record.KindRegistered]
		if !l.known || in < w.zero || in == 0 || in >= w.end || !reaches(a, l) {
			continue
		}
		s := stretch{in, in.Add(coldTime)}
		if _, warms := l.when[record.KindWarmupStart]; warms {
			s.to = w.end
			if end := l.when[record.KindWarmupEnd]; end != 0 {
				s.to = end
			}
		}
		out = append(out, s)
	}
	return out
}

// early books a request that was sent to an instance before the registry had
// acknowledged it. Only an instance that tells of itself can be seen to be so.
func (b *books) early(s *streamBook, l *life, at record.Micros) {
	if s.arm == nil || l == nil || !l.own || !l.known || at == 0 {
		return
	}
	if in := l.when[record.KindRegistered]; in == 0 || at < in {
		s.arm.early++
	}
}

// online closes what an arm's account has of coming online. Where an instance
// of it tells nothing of itself, nothing can be said of when it was registered.
func (b *books) online(a *armBook) {
	if len(a.online) > 0 {
		l := latency(a.online)
		a.OnlineResponseTime = &l
	}
	seen, ready := 0, 0
	for _, l := range b.w.order {
		if !l.known || !reaches(b.p.Arms[a.index], l) {
			continue
		}
		in, held := l.when[record.KindRegistered], l.when[record.KindPodReady]
		if !l.own {
			return
		}
		seen++
		if held != 0 && (in == 0 || held < in) {
			ready++
		}
	}
	if seen == 0 {
		return
	}
	a.ReadyBeforeRegistered = &ready
	if !a.blind && a.trails > 0 {
		a.EarlyRequests = &a.early
	}
}
