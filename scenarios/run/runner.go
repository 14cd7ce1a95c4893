package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// Components is what a runtime brings to a run.
type Components struct {
	Executor Executor
	Load     Load
	Sink     Sink
	// Failed delivers what makes the run worthless, as a registry that died.
	// nil is never.
	Failed <-chan error
	// Counts is the load's latest report; nil is none.
	LoadProgress func() []StreamCount
	// Noise reads the machine's state, for the record; nil is none.
	HostStats func() json.RawMessage
}

// Inbox is where a cast puts what it learns, from any goroutine. Its functions
// never block.
type Inbox struct {
	Observed func(record.Event)  // a line that a child has written
	Control  func(control.Event) // what answers no action: a container's exit
	EndLoad  func(EndLoad)       // the load is to end now, on purpose
}

// progressInterval is how often the sink is told how it goes.
const progressInterval = 250 * time.Millisecond

// Direct carries p out and returns when it is over. join is called once, before
// anything is started; what it returns takes part.
//
// When ctx is done, the run ends early: everything is told to go, what was
// measured is kept, and the error is ErrInterrupted.
func Direct(ctx context.Context, p *plan.Plan, join func(Inbox) (Components, error)) error {
	d, err := NewDirector(p)
	if err != nil {
		return err
	}
	return direct(ctx, p, d, join)
}

// DirectOn is Direct in a runtime with terms of its own.
func DirectOn(ctx context.Context, p *plan.Plan, t Options, join func(Inbox) (Components, error)) error {
	d, err := NewDirectorOn(p, t)
	if err != nil {
		return err
	}
	return direct(ctx, p, d, join)
}

func direct(ctx context.Context, p *plan.Plan, d *Director, join func(Inbox) (Components, error)) (err error) {
	l := &runner{director: d, plan: p, zero: time.Now()}
	if l.components, err = join(Inbox{Observed: l.onObserved, Control: l.onControlEvent, EndLoad: l.onEndLoad}); err != nil {
		return err
	}
	// The loop outlives ctx: it has to see the children go.
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	l.finish = stop
	defer context.AfterFunc(ctx, func() {
		l.inbox.Put(Input{Stop: fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))})
	})()
	go l.forwardFailures(alive)

	loop := machine.Loop[Input, Command]{
		Machine: d, Clock: machine.Since(l.zero), Inbox: &l.inbox,
		Do:    func(now time.Duration, o Command) { l.execute(alive, now, o) },
		Trace: func(now time.Duration, _ Input, _ []Command) { l.reportProgress(now) },
	}
	l.inbox.Put(d.Begin())
	if err := loop.Drive(alive); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("directing %q: %w", p.Scenario, err)
	}
	return errors.Join(d.Err(), l.err)
}

// runner is the executor around a Director: it decides nothing.
type runner struct {
	director   *Director
	plan       *plan.Plan
	components Components
	inbox      machine.Queue[Input]
	zero       time.Time // the run's beginning
	finish     func()
	err        error // of the sink; only the loop touches it
	progress   time.Time
	notes      []string // lines for the progress, not yet told
}

// forwardFailures brings in failures and a pulse for the progress.
func (l *runner) forwardFailures(ctx context.Context) {
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-l.components.Failed:
			l.inbox.Put(Input{Stop: err})
		case <-t.C:
			l.inbox.Put(Input{})
		}
	}
}

func (l *runner) onObserved(e record.Event) {
	l.inbox.Put(Input{Observed: &ObservedEvent{At: e.At.Time().Sub(l.zero), Event: e}})
}

func (l *runner) onControlEvent(e control.Event) { l.inbox.Put(Input{Control: e}) }

func (l *runner) onEndLoad(e EndLoad) { l.inbox.Put(Input{EndLoad: &e}) }

func (l *runner) execute(ctx context.Context, now time.Duration, o Command) {
	switch {
	case o.Write != nil:
		l.write(o)
	case o.Execute != nil:
		l.components.Executor.Execute(ctx, o.Execute, l.onControlEvent)
	case o.StartLoad:
		l.components.Load.Start(ctx, l.zero.Add(o.Zero), func(err error) { l.inbox.Put(Input{LoadEnded: &LoadEnded{Err: err}}) })
	case o.StopLoad:
		l.components.Load.Stop()
	case o.Finish:
		l.reportProgress(now)
		l.finish()
	}
}

// write is one event of the harness. Its instant is that of the writing, but
// for time zero, which is known exactly.
func (l *runner) write(o Command) {
	e := *o.Write
	e.At = record.At(time.Now())
	switch p := e.Payload.(type) {
	case record.TimeZero:
		e.At = record.At(l.zero.Add(o.Zero))
	case record.HostStats:
		if l.components.HostStats != nil {
			p.Stats = l.components.HostStats()
			e.Payload = p
		}
	}
	if s := headline(e); s != "" {
		l.notes = append(l.notes, s)
	}
	if err := l.components.Sink.Event(e); err != nil && l.err == nil {
		l.err = fmt.Errorf("writing down event %q: %w", e.Kind(), err)
		l.inbox.Put(Input{Stop: l.err})
	}
}

// headline is the line that progress shows for e, if it deserves one.
func headline(e record.Event) string {
	text := e.Text
	switch p := e.Payload.(type) {
	case record.Scaled:
		return fmt.Sprintf("%s scaled to %d", e.Workload, p.Replicas)
	case record.Step:
		text = p.Name
	case record.PodDeleted, record.HookAbandoned, record.HookFailed, record.TermSent, record.KillSent,
		record.NodeCordoned, record.Evicted, record.EvictionRefused, record.NodeDrained:
	default:
		return ""
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", e.Kind(), cmp.Or(e.Instance.Pod, e.Workload), text)), " ")
}

func (l *runner) reportProgress(now time.Duration) {
	if len(l.notes) == 0 && time.Since(l.progress) < progressInterval {
		return
	}
	l.progress = time.Now()
	p := Progress{Phase: l.director.phase.String(), Total: l.director.total(), Missing: l.director.Missing()}
	if l.director.zero > 0 {
		p.Elapsed = now - l.director.zero
	}
	if l.components.LoadProgress != nil {
		p.Load = l.components.LoadProgress()
	}
	for _, note := range l.notes {
		p.Note = note
		l.components.Sink.Progress(p)
	}
	if len(l.notes) == 0 {
		l.components.Sink.Progress(p)
	}
	l.notes = l.notes[:0]
}
