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
	warms := near(l.when[record.Ready], l.when[record.WarmupStart], time.Second)
	switch kind {
	case record.Starting, record.ContainerStart:
		return 0
	case record.Listening:
		return 1
	case record.Registered:
		return 2
	case record.WarmupStart:
		return 3
	case record.WarmupEnd:
		return 4
	case record.Ready:
		if warms {
			return -1
		}
		return 4
	case record.Offline, record.Closing, record.Deregistering:
		return 5
	case record.Term, record.DrainWait:
		return 6
	case record.ListenerClosed, record.KillSent, record.ContainerExit:
		return 7
	}
	if l.own { // what the cluster says of it adds nothing
		return -1
	}
	switch kind {
	case record.PodReady:
		return 4
	case record.PodDeleted:
		return 5
	case record.TermSent:
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
func (b *books) lifeline(l *life, until record.Micros) (out []Phase, marks []Mark) {
	at := -1
	for _, e := range l.events {
		if isMark(e.Kind) {
			marks = append(marks, Mark{At: b.offset(e.At), Kind: e.Kind, Text: markText(e)})
		}
		if e.Kind == record.ContainerExit {
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
	case record.Ready, record.Applied, record.WarmupStart, record.WarmupEnd, record.Offline, record.Deregistered,
		record.Notified, record.Verified, record.Term, record.ListenerClosed, record.Cut, record.Drained,
		record.PodReady, record.PodDeleted, record.HookStart, record.HookDone, record.HookFailed,
		record.HookAbandoned, record.TermSent, record.KillSent, record.ContainerExit:
		return true
	}
	return false
}

func markText(e record.Event) string {
	switch e.Kind {
	case record.Cut, record.Term, record.Closing:
		return fmt.Sprintf("%d in flight", e.N)
	case record.Applied:
		return fmt.Sprintf("rules of version %d", e.N)
	case record.Notified:
		return e.Peer + " " + e.Text
	case record.ContainerExit:
		if e.Text != "" {
			return e.Text
		}
		return fmt.Sprintf("exit code %d", e.N)
	}
	return e.Text
}
