package service

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// discovery knows the instances of the next service and picks one for each call.
// It executes the actions of a consumer.View.
type discovery struct {
	view    *consumer.SharedView
	cfg     consumer.Config
	events  *eventLog
	journal machine.Journal
	inbox   machine.Queue[consumer.Event]
	clock   clock
	pull    func(ctx context.Context) ([]registry.Host, error)
	// picksStep: a pick may step the view, as it fills the cache.
	picksStep bool
	lastMark  atomic.Pointer[receivedMark]

	// mu keeps the journal's lines in the order of the steps, which the loop
	// makes and, where picksStep, picks make too.
	mu    sync.Mutex
	trace func(time.Duration, consumer.Event, []consumer.Action)
}

// receivedMark is the latest marker that was passed on to the view.
type receivedMark struct {
	value string
	at    time.Duration
}

// target is an instance to call.
type target struct {
	instance  record.Instance
	addr, tag string
}

func newDiscovery(d settings.Document, events *eventLog, c clock) *discovery {
	cfg := consumer.ConfigOf(d, c.zero)
	journal := events.machineJournal("consumer")
	return &discovery{
		view: consumer.NewSharedView(cfg), cfg: cfg, events: events, journal: journal, clock: c,
		picksStep: d.Consumer.Cache == settings.CacheTTL35,
		trace:     machine.Trace[consumer.Event, consumer.Action](journal),
	}
}

// run executes the view's actions until ctx is done.
func (d *discovery) run(ctx context.Context) {
	d.journal.WriteConfig(d.cfg)
	d.view.OnFill = func(now time.Duration, e consumer.Event, out []consumer.Action) {
		d.trace(now, e, out)
		for _, a := range out {
			d.execute(ctx, a)
		}
	}
	loop := machine.Loop[consumer.Event, consumer.Action]{
		Machine: d, Clock: machine.SystemClock(d.clock.zero), Inbox: &d.inbox,
		Do: func(_ time.Duration, a consumer.Action) { d.execute(ctx, a) },
	}
	// It ends with ctx, and for no other reason.
	_ = loop.Drive(ctx)
}

// Step steps the view. With Next it makes discovery the loop's machine.
func (d *discovery) Step(now time.Duration, e consumer.Event) []consumer.Action {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.view.Step(now, e)
	d.trace(now, e, out)
	return out
}

// Next returns the view's earliest deadline.
func (d *discovery) Next() (time.Duration, bool) { return d.view.Next() }

func (d *discovery) execute(ctx context.Context, a consumer.Action) {
	switch a.Kind {
	case consumer.Note:
		e := *a.Event
		e.Service = d.cfg.Service
		d.events.note(e)
	case consumer.Pull:
		go d.executePull(ctx, a)
	}
}

func (d *discovery) executePull(ctx context.Context, a consumer.Action) {
	if a.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.clock.instant(a.Deadline))
		defer cancel()
	}
	list, err := d.pull(ctx)
	e := consumer.Event{Kind: consumer.Pulled, Op: a.Op, Hosts: d.hosts(list)}
	if err != nil {
		e.Error = err.Error()
	}
	d.inbox.Put(e)
}

// pushed takes a list from the registry's client.
func (d *discovery) pushed(list []registry.Host) {
	d.inbox.Put(consumer.Event{Kind: consumer.Pushed, Hosts: d.hosts(list)})
}

func (d *discovery) hosts(list []registry.Host) []consumer.Host {
	hosts, errs := consumer.FromRegistry(list)
	for _, err := range errs {
		d.noteUnreadable(err)
	}
	return hosts
}

func (d *discovery) noteUnreadable(err error) {
	d.events.note(record.Event{Payload: record.Unreadable{}, Service: d.cfg.Service, Text: err.Error()})
}

// repeatedMarkInterval is how long the same marker is not passed on again: a
// closing instance that is still called repeats it on each answer.
const repeatedMarkInterval = time.Second

// marked takes the marker of an answer. It comes from another process: a marker
// that cannot be parsed is logged and ignored.
func (d *discovery) marked(value string) {
	if d.cfg.Consumer.Ungoverned {
		return
	}
	now := d.clock.now()
	if m := d.lastMark.Load(); m != nil && m.value == value && now-m.at < repeatedMarkInterval {
		return
	}
	d.lastMark.Store(&receivedMark{value: value, at: now})
	if err := d.mark(value, record.SourceMarker); err != nil {
		d.noteUnreadable(err)
	}
}

// mark tells the view that an incarnation is closing.
func (d *discovery) mark(value string, by record.MarkSource) error {
	id, err := lossless.ParseIdentity(value)
	if err != nil {
		return err
	}
	d.inbox.Put(consumer.Event{Kind: consumer.Marked, Of: id, By: by})
	return nil
}

// pick chooses an instance to call, other than those that were tried.
func (d *discovery) pick(wanted string, tried ...record.Instance) (target, error) {
	now := d.clock.now()
	if len(tried) == 0 {
		if h, _, ok := d.view.TryPick(now, wanted); ok {
			return targetOf(h), nil
		}
	}
	if d.picksStep {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	h, _, err := d.view.Pick(now, wanted, tried...)
	return targetOf(h), err
}

func targetOf(h consumer.Host) target { return target{instance: h.Instance, addr: h.Addr, tag: h.Tag} }
