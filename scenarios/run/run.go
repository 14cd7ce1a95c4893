// Package run carries a plan out: it joins the pure control plane to a
// [Executor] that executes its actions, brings all pods up, sets time zero, lets
// load and steps happen, and ends it all.
//
// [Direct] is the loop that every runtime shares; scenarios/run/local is the
// runtime of this machine. What is decided here is decided by [Director], which
// is pure; what a run shows is for reports to say.
package run

import (
	"context"
	"errors"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// ErrEnvironment marks what is not the input's fault and proves nothing: a
// port that is taken, a pod that does not come up, a child that cannot be
// started.
var ErrEnvironment = errors.New("the environment failed")

// ErrInterrupted is the error of a run whose context was done before it was
// over. What was measured until then is kept.
var ErrInterrupted = errors.New("interrupted")

// Runtime executes plans: in processes of this machine, or in a cluster.
type Runtime interface {
	// Run executes p and returns when it is over or ctx is done. All that it
	// started has stopped when it returns, and it calls out no more. Errors
	// are ErrEnvironment or ErrInterrupted, wrapped, or a failure to write
	// down what happened.
	Run(ctx context.Context, p *plan.Plan, out Sink) error
}

// Sink takes what the harness itself has to tell. Its methods are called from
// one goroutine.
type Sink interface {
	// Event writes e down, in one write and without a buffer, before it
	// returns. An error ends the run.
	Event(e record.Event) error
	// Progress is told how the run goes, some times a second. It must not
	// block.
	Progress(p Progress)
}

// Progress is how a run goes, for those who watch it.
type Progress struct {
	Phase   string        // starting, waiting, running, ending
	Elapsed time.Duration // since time zero; negative before it, 0 while it is not known
	Total   time.Duration // from time zero to the end of the load
	Missing []string      // while waiting: who is not there yet
	Load    []StreamCount // as of the load generator's latest report
	Note    string        // an event worth a line, as "spring-cloud-b scaled to 1"
}

// StreamCount is what a stream has done so far.
type StreamCount struct {
	Stream string
	Due    uint64
	Sent   uint64
	Unsent uint64
	OK     uint64
	Failed map[record.Class]uint64
}

// Executor is all that differs between this machine, a cluster and simulated
// time.
type Executor interface {
	// Do carries a out. It never blocks; what takes time goes on elsewhere.
	// It calls done exactly once, with a's Op, from any goroutine. ctx is
	// done when the run is over. It is never given a Note.
	Execute(ctx context.Context, a control.Action, done func(control.Event))
}

// Load is the load generator of a run.
type Load interface {
	// Start starts it so that it sends from zero on, and returns at once.
	// done is called exactly once when it is over, nil if it has done all.
	Start(ctx context.Context, zero time.Time, done func(error))
	// Stop tells it to stop and to close its log. It never blocks; done
	// follows.
	Stop()
}
