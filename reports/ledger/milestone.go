package ledger

import (
	"fmt"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// milestones are the events of an instance that a picture of its life shows.
func milestones(h *history.History, i *history.Instance) (out []Milestone) {
	for _, e := range i.Events {
		if isMilestone(e.Kind) {
			out = append(out, Milestone{At: h.Offset(e.At), Kind: e.Kind, Text: milestoneText(e)})
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
	}
	return false
}

func milestoneText(e record.Event) string {
	switch e.Kind {
	case record.KindRequestsCut, record.KindTermReceived, record.KindClosing:
		return fmt.Sprintf("%d in flight", e.N)
	case record.KindSettingsApplied:
		return fmt.Sprintf("rules of version %d", e.N)
	case record.KindNotified:
		return e.Peer + " " + e.Text
	case record.KindContainerExited:
		if e.Text != "" {
			return e.Text
		}
		return fmt.Sprintf("exit code %d", e.N)
	}
	return e.Text
}
