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

// Components are what a runtime contributes to a run.
type Components struct {
	Executor Executor
	Load     Load
	Sink     Sink
	// Failed delivers errors that end the run, such as a registry that exits. It
	// may be nil.
	Failed <-chan error
	// LoadProgress is the latest report of the load generator. It may be nil.
	LoadProgress func() []StreamCount
	// HostStats reads the state of the machine, for the record. It may be nil.
	HostStats func() json.RawMessage
}

// Inbox is where the components of a run report, from any goroutine. Its
// functions never block.
type Inbox struct {
	Observed func(record.Event)  // an event that a service, the registry or the load generator has recorded
	Control  func(control.Event) // an event that is no outcome of an action
	EndLoad  func(EndLoad)       // ends the load early
}

// progressInterval is the time between two reports of progress to the sink.
const progressInterval = 250 * time.Millisecond

// Direct carries out p and returns when the run is over. It calls setup once,
// before it starts anything.
//
// If ctx is done, the run ends early: everything is told to exit, what was
// measured is kept, and the error is ErrInterrupted.
func Direct(ctx context.Context, p *plan.Plan, o Options, setup func(Inbox) (Components, error)) error {
	d, err := NewDirector(p, o)
	if err != nil {
		return err
	}
	r := &runner{director: d, start: time.Now()}
	if r.components, err = setup(Inbox{Observed: r.onObserved, Control: r.onControlEvent, EndLoad: r.onEndLoad}); err != nil {
		return err
	}
	// The loop outlives ctx: it waits for the children to exit.
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r.finish = stop
	defer context.AfterFunc(ctx, func() { r.inbox.Put(Stop{fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))}) })()
	go r.forwardFailures(alive)

	loop := machine.Loop[Input, Command]{
		Machine: d, Clock: machine.SystemClock(r.start), Inbox: &r.inbox,
		Tick:  func() Input { return Tick{} },
		Do:    func(now time.Duration, c Command) { r.execute(alive, now, c) },
		Trace: func(now time.Duration, _ Input, _ []Command) { r.reportProgress(now) },
	}
	r.inbox.Put(d.Begin())
	if err := loop.Drive(alive); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("directing %q: %w", p.Scenario, err)
	}
	return errors.Join(d.Err(), r.err)
}

// runner carries out the commands of a Director. It decides nothing.
type runner struct {
	director   *Director
	components Components
	inbox      machine.Queue[Input]
	start      time.Time // of the run
	finish     func()
	err        error // of the sink; used by the loop only
	reported   time.Time
	notes      []string // lines of the progress that are not reported yet
}

// forwardFailures sends failures to the Director, and ticks for the progress.
func (r *runner) forwardFailures(ctx context.Context) {
	t := time.NewTicker(progressInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-r.components.Failed:
			r.inbox.Put(Stop{err})
		case <-t.C:
			r.inbox.Put(Tick{})
		}
	}
}

func (r *runner) onObserved(e record.Event) {
	r.inbox.Put(ObservedEvent{At: e.At.Time().Sub(r.start), Event: e})
}

func (r *runner) onControlEvent(e control.Event) { r.inbox.Put(ControlEvent{e}) }

func (r *runner) onEndLoad(e EndLoad) { r.inbox.Put(e) }

func (r *runner) execute(ctx context.Context, now time.Duration, c Command) {
	switch c := c.(type) {
	case WriteEvent:
		r.write(c.Event, time.Now())
	case WriteTimeZero:
		r.write(record.Event{Payload: record.TimeZero{}}, r.start.Add(c.Zero))
	case Execute:
		r.components.Executor.Execute(ctx, c.Action, r.onControlEvent)
	case StartLoad:
		r.components.Load.Start(ctx, r.start.Add(c.Zero), func(err error) { r.inbox.Put(LoadEnded{err}) })
	case StopLoad:
		r.components.Load.Stop()
	case Finish:
		r.reportProgress(now)
		r.finish()
	}
}

func (r *runner) write(e record.Event, at time.Time) {
	e.At = record.At(at)
	if p, ok := e.Payload.(record.HostStats); ok && r.components.HostStats != nil {
		p.Stats = r.components.HostStats()
		e.Payload = p
	}
	if s := headline(e); s != "" {
		r.notes = append(r.notes, s)
	}
	if err := r.components.Sink.Event(e); err != nil && r.err == nil {
		r.err = fmt.Errorf("recording event %q: %w", e.Kind(), err)
		r.inbox.Put(Stop{r.err})
	}
}

// headline is the line about e in the progress; "" if there is none.
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

func (r *runner) reportProgress(now time.Duration) {
	if len(r.notes) == 0 && time.Since(r.reported) < progressInterval {
		return
	}
	r.reported = time.Now()
	p := Progress{Phase: r.director.phase.String(), Total: r.director.total(), Missing: r.director.Missing()}
	if r.director.zero > 0 {
		p.Elapsed = now - r.director.zero
	}
	if r.components.LoadProgress != nil {
		p.Load = r.components.LoadProgress()
	}
	for _, note := range r.notes {
		p.Note = note
		r.components.Sink.Progress(p)
	}
	if len(r.notes) == 0 {
		r.components.Sink.Progress(p)
	}
	r.notes = r.notes[:0]
}
