package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
)

// longStall is a stall that is worth a note; a dial gives up after 300 ms.
const longStall = 250 * time.Millisecond

// notes are the events that a reader should know about, apart from the losses.
func (f defectFinder) notes() []Note {
	var out []Note
	probes := probeFilter{ready: map[record.Instance]bool{}, failed: map[record.Instance]bool{}}
	for _, e := range f.in.Events {
		text := noteText(e)
		if probes.skips(e) {
			text = ""
		}
		if text != "" && e.At < f.history.LoadEnd {
			out = append(out, Note{At: f.history.Offset(e.At), Instance: e.Instance, Text: text})
		}
	}
	out = append(out, f.harmlessWatchGaps()...)
	slices.SortStableFunc(out, func(x, y Note) int { return cmp.Compare(x.At, y.At) })
	return out
}

// probeFilter leaves of an instance's failed probes the first one between its
// readiness and its deletion: an instance that starts or leaves fails probes.
type probeFilter struct {
	ready  map[record.Instance]bool
	failed map[record.Instance]bool
}

func (p probeFilter) skips(e record.Event) bool {
	switch e.Kind() {
	case record.KindPodReady:
		p.ready[e.Instance] = true
	case record.KindPodDeleted:
		delete(p.ready, e.Instance)
	case record.KindProbeFailed:
		if !p.ready[e.Instance] || p.failed[e.Instance] {
			return true
		}
		p.failed[e.Instance] = true
	default: // only probes are filtered
	}
	return false
}

// noteText is the text of an event's note; "" if it is worth none.
func noteText(e record.Event) string {
	switch p := e.Payload.(type) {
	case record.HookAbandoned:
		return "preStop hook abandoned: " + e.Text
	case record.HookFailed:
		return "preStop hook failed: " + e.Text
	case record.KillSent:
		return "SIGKILL sent: " + e.Text
	case record.ProbeFailed:
		return "probe failed: " + e.Text
	case record.Notified:
		if !p.Acknowledged {
			return "notification of " + p.Consumer + " missed"
		}
	case record.Verified:
		if !p.Gone {
			return "removal from the registry's list was not verified"
		}
	case record.TagConflict:
		return "conflicting tags in one request: " + e.Text
	case record.RuleFailed:
		return "changed rules were not delivered: " + e.Text
	case record.Stalled:
		if d := e.At.Sub(p.Since); d >= longStall {
			return "it got no CPU time for " + format.Duration(d) + " (host overloaded or throttled)"
		}
	case record.Concluded:
		return "the load ended early: " + e.Text
	case record.ContainerStarted:
		if e.Instance.Incarnation > 1 {
			return fmt.Sprintf("container restarted: start %d", e.Instance.Incarnation)
		}
	case record.Starting, record.Listening, record.Registered, record.Ready, record.WarmupStart, record.WarmupEnd,
		record.Offline, record.Closing, record.Deregistering, record.Deregistered, record.RegisterFailed, record.DeregisterFailed,
		record.PullFailed, record.TermReceived, record.DrainWait, record.ListenerClosed, record.RequestsCut, record.Drained,
		record.End, record.ListChanged, record.ListReceived, record.MarkSet, record.MarkCleared, record.MachineInput,
		record.MachineOutput, record.Unreadable, record.SettingsApplied, record.ClockOffset, record.CronFired, record.CronSkipped,
		record.Step, record.Scaled, record.PodCreated, record.PodReady, record.PodNotReady, record.PodDeleted,
		record.EndpointAdded, record.EndpointRemoved, record.HookStarted, record.HookDone, record.TermSent, record.ContainerExited,
		record.NodeCordoned, record.Evicted, record.EvictionRefused, record.NodeDrained, record.PodAddress, record.RolloutSeen,
		record.WatchGap, record.RegistryChange, record.Push, record.TimeZero, record.LoadEnd, record.RunEnd,
		record.HostStats, record.Interrupted, record.Aborted, record.Unknown:
		// These are not worth a note. A new kind has to be decided on here: a test
		// requires that this switch lists all of them.
	}
	return ""
}
