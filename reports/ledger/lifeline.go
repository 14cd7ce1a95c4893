package ledger

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// phases of a life, in their order: a life goes through some of them and never
// back.
func phases() []string {
	return []string{"starting", "listening", "registered", "warming", "serving", "closing", "draining", "closed"}
}

// rank is the place of a phase that an event begins in l's life; -1: it begins
// none. One that warms up as it comes serves when it is warm.
func (l *life) rank(kind record.Kind) int {
	warms := near(l.when[record.KindReady], l.when[record.KindWarmupStart], time.Second)
	switch kind {
	case record.KindStarting, record.KindContainerStarted:
		return 0
	case record.KindListening:
		return 1
	case record.KindRegistered:
		return 2
	case record.KindWarmupStart:
		return 3
	case record.KindWarmupEnd:
		return 4
	case record.KindReady:
		if warms {
			return -1
		}
		return 4
	case record.KindOffline, record.KindClosing, record.KindDeregistering:
		return 5
	case record.KindTermReceived, record.KindDrainWait:
		return 6
	case record.KindListenerClosed, record.KindKillSent, record.KindContainerExited:
		return 7
	}
	if l.own { // what the cluster says of it adds nothing
		return -1
	}
	switch kind {
	case record.KindPodReady:
		return 4
	case record.KindPodDeleted:
		return 5
	case record.KindTermSent:
		return 6
	}
	return -1
}

// phaseAt is the phase that l was in at t; "" before its first.
func (l *life) phaseAt(t record.Micros) string {
	at := -1
	for _, e := range l.events {
		if e.At > t {
			break
		}
		at = max(at, l.rank(e.Kind))
	}
	if at < 0 {
		return ""
	}
	return phases()[at]
}

// lifeline is l's phases, gapless, up to until, and its marks.
func (b *books) lifeline(l *life, until record.Micros) (out []Phase, marks []Milestone) {
	at := -1
	for _, e := range l.events {
		if isMark(e.Kind) {
			marks = append(marks, Milestone{At: b.offset(e.At), Kind: e.Kind, Text: markText(e)})
		}
		if e.Kind == record.KindContainerExited {
			until = e.At
		}
		next := l.rank(e.Kind)
		if next <= at {
			continue
		}
		at = next
		if n := len(out); n > 0 {
			out[n-1].To = b.offset(e.At)
		}
		out = append(out, Phase{Name: phases()[at], From: b.offset(e.At)})
	}
	if n := len(out); n > 0 {
		out[n-1].To = max(out[n-1].From, b.offset(until))
	}
	// Two events of one instant leave a phase that nobody was in.
	out = slices.DeleteFunc(out, func(p Phase) bool { return p.From == p.To && p.Name != "closed" })
	return out, marks
}

func isMark(k record.Kind) bool {
	switch k {
	case record.KindReady, record.KindSettingsApplied, record.KindWarmupStart, record.KindWarmupEnd, record.KindOffline, record.KindDeregistered,
		record.KindNotified, record.KindVerified, record.KindTermReceived, record.KindListenerClosed, record.KindRequestsCut, record.KindDrained,
		record.KindPodReady, record.KindPodDeleted, record.KindHookStarted, record.KindHookDone, record.KindHookFailed,
		record.KindHookAbandoned, record.KindTermSent, record.KindKillSent, record.KindContainerExited:
		return true
	}
	return false
}

func markText(e record.Event) string {
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
