package present

import (
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports/ledger"
)

// Release is one instance taken out, step by step. Steps are in milliseconds after
// the deletion began.
type Release struct {
	Instance, Reason, Arms                                    string
	At                                                        string // offset of the deletion
	Offline, Deregistered, LastCaller, ListenerClosed, Exited string
	StaleRoute, Predicted, Lost                               string
}

func releases(l *ledger.Ledger) []Release {
	var out []Release
	for _, r := range l.Releases {
		step := func(d *time.Duration) string {
			if d == nil {
				return noValue
			}
			return format.SignedMs(*d - r.At)
		}
		stale := noValue
		if r.Deregistered != nil || !r.Unpredicted {
			stale = format.Ms(r.StaleRoute)
		}
		reason := r.Reason
		if !r.Planned && reason != "crash" {
			reason += ", not planned"
		}
		out = append(out, Release{
			Instance: ShortPod(r.Instance), Reason: reason, Arms: names(r.Arms), At: format.Offset(r.At),
			Offline: step(r.Offline), Deregistered: step(r.Deregistered), LastCaller: step(r.LastHeard),
			ListenerClosed: step(r.ListenerClosed), Exited: step(r.Exited),
			StaleRoute: stale, Predicted: predicted(r.PredictedLow, r.PredictedHigh, r.Unpredicted), Lost: format.Int(r.Lost),
		})
	}
	return out
}

// Instance is the life of one instance, as a line of text.
type Instance struct{ Name, Received, Lost, Phases, Incomplete string }

func instances(l *ledger.Ledger) []Instance {
	var out []Instance
	for _, in := range l.Instances {
		phases := ""
		for i, p := range in.Phases {
			if i > 0 {
				phases += ", "
			}
			phases += p.Name + " " + format.Offset(p.From)
		}
		out = append(out, Instance{in.Instance.String(), format.Int(in.Received), format.Int(in.Lost), phases, in.Incomplete})
	}
	return out
}

// StaleRoute returns the time during which a deregistered instance was still
// addressed; ok is false if there was none.
func StaleRoute(r ledger.Release) (from, to time.Duration, ok bool) {
	if r.Deregistered == nil || r.LastAttempt == nil || *r.LastAttempt <= *r.Deregistered {
		return 0, 0, false
	}
	return *r.Deregistered, *r.LastAttempt, true
}
