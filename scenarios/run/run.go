// Package run carries out a plan: it connects the control plane of
// scenarios/control to an [Executor] of its actions, waits until all pods are up,
// sets time zero, runs the load and the steps, and shuts everything down.
//
// [Direct] is the loop that all runtimes share; scenarios/run/local and
// scenarios/run/kube are the runtimes. The course of a run is decided by
// [Director], which is pure. What a run shows is judged by reports.
package run

import (
	"context"
	"errors"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// ErrEnvironment marks failures that are not the input's fault and prove nothing
// about a release: a port that is taken, a pod that does not start.
var ErrEnvironment = errors.New("environment error")

// ErrInterrupted is the error of a run whose context was done before the run was
// over. What was measured until then is kept.
var ErrInterrupted = errors.New("interrupted")

// Runtime carries out plans, in processes of this machine or in a cluster.
type Runtime interface {
	// Run carries out p and returns when the run is over or ctx is done. All that
	// it started has stopped when it returns, and it does not call out anymore.
	// Errors wrap ErrEnvironment or ErrInterrupted, or are failures to record
	// events.
	Run(ctx context.Context, p *plan.Plan, out Sink) error
}

// Sink receives what the harness records and reports. Its methods are called from
// one goroutine.
type Sink interface {
	// Event records e before it returns, in one write and without a buffer. An
	// error ends the run.
	Event(e record.Event) error
	// Progress is called several times a second. It must not block.
	Progress(p Progress)
}

// Progress is the progress of a run, for people who watch it.
type Progress struct {
	Phase   string        // starting, waiting, running, ending
	Elapsed time.Duration // since time zero; negative before it, 0 while it is not known
	Total   time.Duration // from time zero to the end of the load
	Missing []string      // while starting: what the run waits for
	Load    []StreamCount // latest report of the load generator
	Note    string        // an event worth a line, such as "spring-cloud-b scaled to 1"
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

// Executor carries out the actions of the control plane. It is what differs
// between this machine, a cluster and simulated time.
type Executor interface {
	// Execute carries out a. It never blocks: what takes time goes on in the
	// background. It calls done exactly once, from any goroutine, with
	// [control.OutcomeOf] a. ctx is done when the run is over. a is never a
	// [control.RecordEvent].
	Execute(ctx context.Context, a control.Action, done func(control.Event))
}

// Load is the load generator of a run.
type Load interface {
	// Start starts the load generator, which sends from zero on, and returns at
	// once. done is called exactly once when the load has ended; nil: as planned.
	Start(ctx context.Context, zero time.Time, done func(error))
	// Stop has the load generator stop sending and close its log. It never
	// blocks; done follows.
	Stop()
}
