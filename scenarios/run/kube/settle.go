package kube

import (
	"context"
	"fmt"
	"maps"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// lookEvery is how often a target that is only watched is looked at for whether
// its release is over.
const lookEvery = time.Second

// settle ends the load once a release of the target, whoever made it, is over,
// and has been for the plan's settling time.
func (r *Attached) settle(ctx context.Context, c *change, after time.Duration, in run.Inbox) {
	w := quiet{after: after}
	for {
		s, err := c.state(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.since = time.Time{} // not seen is not known to be over; the duration ends it at the latest
		case w.see(time.Now(), s):
			in.EndLoad(run.EndLoad{Kind: record.KindConcluded, Why: fmt.Sprintf("the release of %s/%s was over for %v", c.namespace, c.name, after)})
			return
		}
		if client.Sleep(ctx, lookEvery) != nil {
			return
		}
	}
}

// quiet finds out when a target that was released has been whole and unchanged
// for a time.
type quiet struct {
	after    time.Duration
	first    map[string]bool // the pods it began with
	before   map[string]bool // at the last look
	released bool
	since    time.Time // whole and unchanged; zero is not
}

// state is a look at the target.
type state struct {
	pods  map[string]bool // by name
	whole bool            // no rollout is on, all are there, and none is on its way out
}

// see takes in a look, and says whether it is over.
func (q *quiet) see(now time.Time, s state) bool {
	if q.first == nil {
		q.first = s.pods
	}
	changed := q.before != nil && !maps.Equal(q.before, s.pods)
	q.before = s.pods
	// An instance that came is no release: one has to have gone.
	for name := range q.first {
		q.released = q.released || !s.pods[name]
	}
	switch {
	case !q.released || !s.whole || changed:
		q.since = time.Time{}
	case q.since.IsZero():
		q.since = now
	}
	return !q.since.IsZero() && now.Sub(q.since) >= q.after
}

// state looks at the target.
func (c *change) state(ctx context.Context) (state, error) {
	u, err := c.get(ctx)
	if err != nil {
		return state{}, err
	}
	var v rolloutView
	if err := decodeInto(u, &v); err != nil {
		return state{}, err
	}
	there, leaving, err := c.members(ctx, &v)
	if err != nil {
		return state{}, err
	}
	whole, _ := v.whole()
	s := state{pods: map[string]bool{}, whole: whole && leaving == 0}
	for _, name := range there {
		s.pods[name] = true
	}
	return s, nil
}
