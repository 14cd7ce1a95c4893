package history

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// Phases of an instance, in order: an instance goes through some of them and
// never back.
const (
	starting = iota
	listening
	registered
	warming
	serving
	closing
	draining
	closed
)

func phaseName(rank int) string {
	return []string{"starting", "listening", "registered", "warming", "serving", "closing", "draining", "closed"}[rank]
}

// PhaseSpan is a phase of an instance, and how long it lasted.
type PhaseSpan struct {
	Name     string // starting, listening, registered, warming, serving, closing, draining, closed
	From, To record.Micros
}

// phaseBegunBy is the rank of the phase that an event of a kind begins, -1 if
// it begins none. An instance that warms up serves from the end of its warm-up.
func (i *Instance) phaseBegunBy(kind record.Kind) int {
	switch kind {
	case record.KindStarting, record.KindContainerStarted:
		return starting
	case record.KindListening:
		return listening
	case record.KindRegistered:
		return registered
	case record.KindWarmupStart:
		return warming
	case record.KindWarmupEnd:
		return serving
	case record.KindReady:
		if Near(i.first[record.KindReady], i.first[record.KindWarmupStart], time.Second) {
			return -1
		}
		return serving
	case record.KindOffline, record.KindClosing, record.KindDeregistering:
		return closing
	case record.KindTermReceived, record.KindDrainWait:
		return draining
	case record.KindListenerClosed, record.KindKillSent, record.KindContainerExited:
		return closed
	default:
		if i.Instrumented { // the cluster's events add nothing
			return -1
		}
		return phaseBegunInCluster(kind)
	}
}

// phaseBegunInCluster is the rank of the phase that an event of the cluster
// begins, -1 if it begins none.
func phaseBegunInCluster(kind record.Kind) int {
	switch kind {
	case record.KindPodReady:
		return serving
	case record.KindPodDeleted:
		return closing
	case record.KindTermSent:
		return draining
	default:
		return -1
	}
}

// PhaseAt is the phase that i was in at t; "" before its first.
func (i *Instance) PhaseAt(t record.Micros) string {
	rank := -1
	for _, e := range i.Events {
		if e.At > t {
			break
		}
		rank = max(rank, i.phaseBegunBy(e.Kind()))
	}
	if rank < 0 {
		return ""
	}
	return phaseName(rank)
}

// Phases are the phases of i without gaps, up to its exit, or to until if it
// did not exit.
func (i *Instance) Phases(until record.Micros) (out []PhaseSpan) {
	rank := -1
	for _, e := range i.Events {
		if e.Kind() == record.KindContainerExited {
			until = e.At
		}
		next := i.phaseBegunBy(e.Kind())
		if next <= rank {
			continue
		}
		rank = next
		if n := len(out); n > 0 {
			out[n-1].To = e.At
		}
		out = append(out, PhaseSpan{Name: phaseName(rank), From: e.At})
	}
	if n := len(out); n > 0 {
		out[n-1].To = max(out[n-1].From, until)
	}
	// Two events at one instant leave a phase that lasted no time.
	return slices.DeleteFunc(out, func(p PhaseSpan) bool { return p.From == p.To && p.Name != phaseName(closed) })
}
