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

// Cast is what a runtime brings to a run.
type Cast struct {
	Node Node
	Load Load
	Sink Sink
	// Failed delivers what makes the run worthless, as a registry that died.
	// nil is never.
	Failed <-chan error
	// Counts is the load's latest report; nil is none.
	Counts func() []StreamCount
	// Noise reads the machine's state, for the record; nil is none.
	Noise func() json.RawMessage
}

// Inbox is where a cast puts what it learns, from any goroutine. Its functions
// never block.
type Inbox struct {
	Fact  func(record.Event)  // a line that a child has written
	Event func(control.Event) // what answers no action: a container's exit
	End   func(Ending)        // the load is to end now, on purpose
}

// progressEvery is how often the sink is told how it goes.
const progressEvery = 250 * time.Millisecond

// Direct carries p out and returns when it is over. join is called once, before
// anything is started; what it returns takes part.
//
// When ctx is done, the run ends early: everything is told to go, what was
// measured is kept, and the error is ErrInterrupted.
func Direct(ctx context.Context, p *plan.Plan, join func(Inbox) (Cast, error)) error {
	d, err := NewDirector(p)
	if err != nil {
		return err
	}
	return direct(ctx, p, d, join)
}

// DirectOn is Direct in a runtime with terms of its own.
func DirectOn(ctx context.Context, p *plan.Plan, t Terms, join func(Inbox) (Cast, error)) error {
	d, err := NewDirectorOn(p, t)
	if err != nil {
		return err
	}
	return direct(ctx, p, d, join)
}

func direct(ctx context.Context, p *plan.Plan, d *Director, join func(Inbox) (Cast, error)) (err error) {
	l := &live{director: d, plan: p, zero: time.Now()}
	if l.cast, err = join(Inbox{Fact: l.hear, Event: l.tell, End: l.end}); err != nil {
		return err
	}
	// The loop outlives ctx: it has to see the children go.
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	l.finish = stop
	defer context.AfterFunc(ctx, func() {
		l.inbox.Put(Input{Stop: fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))})
	})()
	go l.watch(alive)

	loop := machine.Loop[Input, Order]{
		Machine: d, Clock: machine.Since(l.zero), Inbox: &l.inbox,
		Do:    func(now time.Duration, o Order) { l.do(alive, now, o) },
		Trace: func(now time.Duration, _ Input, _ []Order) { l.report(now) },
	}
	l.inbox.Put(d.Begin())
	if err := loop.Drive(alive); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("directing %q: %w", p.Scenario, err)
	}
	return errors.Join(d.Err(), l.err)
}

// live is the executor around a Director: it decides nothing.
type live struct {
	director *Director
	plan     *plan.Plan
	cast     Cast
	inbox    machine.Queue[Input]
	zero     time.Time // the run's beginning
	finish   func()
	err      error // of the sink; only the loop touches it
	progress time.Time
	notes    []string // lines for the progress, not yet told
}

// watch brings in failures and a pulse for the progress.
func (l *live) watch(ctx context.Context) {
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-l.cast.Failed:
			l.inbox.Put(Input{Stop: err})
		case <-t.C:
			l.inbox.Put(Input{})
		}
	}
}

func (l *live) hear(e record.Event) {
	l.inbox.Put(Input{Fact: &Fact{At: e.At.Time().Sub(l.zero), Event: e}})
}

func (l *live) tell(e control.Event) { l.inbox.Put(Input{Control: &e}) }

func (l *live) end(e Ending) { l.inbox.Put(Input{Ending: &e}) }

func (l *live) do(ctx context.Context, now time.Duration, o Order) {
	switch {
	case o.Write != nil:
		l.write(o)
	case o.Do != nil:
		l.cast.Node.Do(ctx, *o.Do, l.tell)
	case o.StartLoad:
		l.cast.Load.Start(ctx, l.zero.Add(o.Zero), func(err error) { l.inbox.Put(Input{Load: &LoadOver{Err: err}}) })
	case o.StopLoad:
		l.cast.Load.Stop()
	case o.Finish:
		l.report(now)
		l.finish()
	}
}

// write is one event of the harness. Its instant is that of the writing, but
// for time zero, which is known exactly.
func (l *live) write(o Order) {
	e := *o.Write
	e.At = record.At(time.Now())
	if e.Kind == record.KindTimeZero {
		e.At = record.At(l.zero.Add(o.Zero))
	}
	if e.Kind == record.KindHostStats && l.cast.Noise != nil {
		e.Data = l.cast.Noise()
	}
	if s := headline(e); s != "" {
		l.notes = append(l.notes, s)
	}
	if err := l.cast.Sink.Event(e); err != nil && l.err == nil {
		l.err = fmt.Errorf("writing down event %q: %w", e.Kind, err)
		l.inbox.Put(Input{Stop: l.err})
	}
}

// headline is the line that progress shows for e, if it deserves one.
func headline(e record.Event) string {
	switch e.Kind {
	case record.KindScaled:
		return fmt.Sprintf("%s scaled to %d", e.Workload, e.N)
	case record.KindPodDeleted, record.KindHookAbandoned, record.KindHookFailed, record.KindTermSent, record.KindKillSent, record.KindStep,
		record.KindNodeCordoned, record.KindEvicted, record.KindEvictionRefused, record.KindNodeDrained:
		return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", e.Kind, cmp.Or(e.Instance.Pod, e.Workload), e.Text)), " ")
	}
	return ""
}

func (l *live) report(now time.Duration) {
	if len(l.notes) == 0 && time.Since(l.progress) < progressEvery {
		return
	}
	l.progress = time.Now()
	p := Progress{Phase: l.director.stage.String(), Total: l.director.total(), Missing: l.director.Missing()}
	if l.director.zero > 0 {
		p.Elapsed = now - l.director.zero
	}
	if l.cast.Counts != nil {
		p.Load = l.cast.Counts()
	}
	for _, note := range l.notes {
		p.Note = note
		l.cast.Sink.Progress(p)
	}
	if len(l.notes) == 0 {
		l.cast.Sink.Progress(p)
	}
	l.notes = l.notes[:0]
}
