package ledger

import (
	"cmp"
	"fmt"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// milestones are the events of an instance that a picture of its life shows.
func milestones(h *history.History, i *history.Instance) (out []Milestone) {
	for _, e := range i.Events {
		if isMilestone(e.Kind()) {
			out = append(out, Milestone{At: h.Offset(e.At), Kind: e.Kind(), Text: milestoneText(e)})
		}
	}
	return out
}

func isMilestone(k record.Kind) bool {
	switch k {
	case record.KindReady, record.KindSettingsApplied, record.KindWarmupStart, record.KindWarmupEnd, record.KindOffline, record.KindDeregistered,
		record.KindNotified, record.KindVerified, record.KindTermReceived, record.KindListenerClosed, record.KindRequestsCut, record.KindDrained,
		record.KindPodReady, record.KindPodDeleted, record.KindHookStarted, record.KindHookDone, record.KindHookFailed,
		record.KindHookAbandoned, record.KindTermSent, record.KindKillSent, record.KindContainerExited:
		return true
	default:
		return false
	}
}

func milestoneText(e record.Event) string {
	switch p := e.Payload.(type) {
	case record.RequestsCut:
		return fmt.Sprintf("%d in flight", p.Requests)
	case record.TermReceived:
		return fmt.Sprintf("%d in flight", p.InFlight)
	case record.SettingsApplied:
		return fmt.Sprintf("rules of version %d", p.Version)
	case record.Offline:
		return string(p.Trigger)
	case record.Notified:
		if p.Acknowledged {
			return p.Consumer + " acked"
		}
		return p.Consumer + " missed"
	case record.Verified:
		if !p.Gone {
			return "not verified"
		}
	case record.ContainerExited:
		return cmp.Or(e.Text, fmt.Sprintf("exit code %d", p.ExitCode))
	default: // the event's text says it
	}
	return e.Text
}
