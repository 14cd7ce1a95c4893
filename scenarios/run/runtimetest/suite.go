// Package runtimetest is the contract of [run.Runtime] as a test suite, for
// all runtimes.
package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// Subject is a runtime under test. All fields are required.
type Subject struct {
	Name string // as meta.json has it: local, kube
	// New makes a runtime for one run of p into dir.
	New func(t *testing.T, dir *rundir.Dir, p *plan.Plan) run.Runtime
	// Plan is the shortest plan that shows everything: a release under load,
	// a few seconds long. It is called once per run.
	Plan func(t *testing.T) *plan.Plan
	// Refused is a plan that the runtime cannot carry out.
	Refused func(t *testing.T) *plan.Plan
	// InterruptAt are kinds of events of the harness at which a run is
	// interrupted, in addition to before it begins.
	InterruptAt []record.Kind
	// CheckCleanedUp asserts that nothing that a run started is left.
	CheckCleanedUp func(t *testing.T, dir *rundir.Dir)
}

// Run tests x.
func Run(t *testing.T, x Subject) {
	t.Run("a run", func(t *testing.T) { testCompleteRun(t, x) })
	t.Run("interrupted before it begins", func(t *testing.T) { testInterrupted(t, x, "") })
	for _, at := range x.InterruptAt {
		t.Run(fmt.Sprintf("interrupted at %s", at), func(t *testing.T) { testInterrupted(t, x, at) })
	}
	t.Run("a plan that cannot be carried out", func(t *testing.T) { testRefused(t, x) })
}

// testRun is the directory of a run, and the events of its harness.
type testRun struct {
	dir    *rundir.Dir
	w      *record.EventWriter
	watch  func(record.Event)
	over   atomic.Bool  // Run has returned
	late   atomic.Int64 // calls after that
	mu     sync.Mutex
	events []record.Event
}

func newTestRun(t *testing.T, x Subject, p *plan.Plan) *testRun {
	t.Helper()
	dir, err := rundir.Create(filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err)
	require.NoError(t, errors.Join(dir.WritePlan(p), dir.WriteMeta(rundir.Meta{Scenario: p.Scenario, Runtime: x.Name, Seed: p.Seed, Speed: p.Speed})))
	f, err := dir.CreateEvents(rundir.Harness)
	require.NoError(t, err)
	s := &testRun{dir: dir, w: record.NewEventWriter(f)}
	t.Cleanup(func() {
		require.NoError(t, errors.Join(f.Close(), dir.Close()))
		require.Zero(t, s.late.Load(), "it called out after Run had returned")
	})
	return s
}

// Event implements run.Sink.
func (s *testRun) Event(e record.Event) error {
	if s.over.Load() {
		s.late.Add(1)
	}
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	if s.watch != nil {
		s.watch(e)
	}
	return s.w.Write(e)
}

// Progress implements run.Sink.
func (s *testRun) Progress(run.Progress) {
	if s.over.Load() {
		s.late.Add(1)
	}
}

// of lists the events of a kind.
func (s *testRun) of(kind record.Kind) []record.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []record.Event
	for _, e := range s.events {
		if e.Kind() == kind {
			out = append(out, e)
		}
	}
	return out
}

// play runs p to its end, and checks that everything is cleaned up.
func (s *testRun) play(ctx context.Context, t *testing.T, x Subject, p *plan.Plan) error {
	t.Helper()
	err := x.New(t, s.dir, p).Run(ctx, p, s)
	s.over.Store(true)
	x.CheckCleanedUp(t, s.dir)
	return err
}

// testCompleteRun: a run that is not interrupted has everything on record.
func testCompleteRun(t *testing.T, x Subject) {
	p := x.Plan(t)
	s := newTestRun(t, x, p)
	require.NoError(t, s.play(t.Context(), t, x, p))

	require.Len(t, s.of(record.KindTimeZero), 1)
	require.Len(t, s.of(record.KindRunEnd), 1)
	require.Empty(t, s.of(record.KindInterrupted))
	require.NotEmpty(t, s.of(record.KindPodDeleted), "the plan has a release")
	require.Equal(t, record.KindEnd, s.events[len(s.events)-1].Kind())
	for _, e := range s.of(record.KindPodCreated) {
		require.NotEmpty(t, e.Workload)
	}

	r, err := rundir.Open(s.dir.Path())
	require.NoError(t, err)
	require.False(t, r.Interrupted)
	require.Empty(t, r.Incomplete)
	require.Empty(t, r.Torn)
	require.Equal(t, s.of(record.KindTimeZero)[0].At, r.Zero)
	require.Len(t, r.Requests, requestsDue(p.Streams), "each that was due is on record once")
}

func requestsDue(streams []traffic.Stream) (n int) {
	for _, s := range streams {
		n += int(s.Count()) //nolint:gosec // a test's stream is short
	}
	return n
}

// testInterrupted: when ctx is done, Run returns ErrInterrupted, leaves
// nothing, and what was measured can be read.
func testInterrupted(t *testing.T, x Subject, at record.Kind) {
	p := x.Plan(t)
	p.Duration = time.Minute
	for i := range p.Streams {
		p.Streams[i].Duration = time.Minute
	}
	s := newTestRun(t, x, p)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if at == "" {
		stop()
	}
	s.watch = func(e record.Event) {
		if e.Kind() == at {
			stop()
		}
	}
	err := s.play(ctx, t, x, p)
	require.ErrorIs(t, err, run.ErrInterrupted)
	require.NotErrorIs(t, err, run.ErrEnvironment)
	require.Empty(t, s.of(record.KindRunEnd))
	if at != "" {
		require.Len(t, s.of(record.KindInterrupted), 1)
		require.Equal(t, record.KindEnd, s.events[len(s.events)-1].Kind())
	}
	r, err := rundir.Open(s.dir.Path())
	require.NoError(t, err)
	require.True(t, r.Interrupted)
}

// testRefused: nothing is started of a plan that cannot be carried out.
func testRefused(t *testing.T, x Subject) {
	p := x.Refused(t)
	s := newTestRun(t, x, p)
	err := s.play(t.Context(), t, x, p)
	require.Error(t, err)
	require.NotErrorIs(t, err, run.ErrInterrupted)
	require.Empty(t, s.events, "nothing was started")
}

var _ run.Sink = (*testRun)(nil)
