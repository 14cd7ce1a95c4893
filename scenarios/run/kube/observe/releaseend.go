package observe

import (
	"maps"
	"time"
)

// ReleaseEnd finds out when a target was released and has then been complete and
// unchanged for a time. The zero value, but for QuietFor, is ready to use.
type ReleaseEnd struct {
	QuietFor time.Duration

	first    map[string]bool // the pods of the first look
	last     map[string]bool // those of the last one
	released bool
	since    time.Time // complete and unchanged; zero: it is not
}

// TargetState is one look at a target.
type TargetState struct {
	Pods     map[string]bool // by name
	Complete bool            // no rollout goes on, all pods are available, and none terminates
}

// Over takes in a look at the target, and reports whether its release is over.
func (e *ReleaseEnd) Over(now time.Time, s TargetState) bool {
	if e.first == nil {
		e.first = s.Pods
	}
	changed := e.last != nil && !maps.Equal(e.last, s.Pods)
	e.last = s.Pods
	// A pod that is added is no release: one has to be gone.
	for name := range e.first {
		e.released = e.released || !s.Pods[name]
	}
	switch {
	case !e.released || !s.Complete || changed:
		e.since = time.Time{}
	case e.since.IsZero():
		e.since = now
	}
	return !e.since.IsZero() && now.Sub(e.since) >= e.QuietFor
}

// Unknown takes in that the target could not be looked at: the time begins anew.
func (e *ReleaseEnd) Unknown() { e.since = time.Time{} }
