package service

import (
	"context"
	"encoding/json"
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

// discovery executes what consumer.View decides: whom we call.
type discovery struct {
	live   *consumer.SharedView
	cfg    consumer.Config
	events *eventLog
	inbox  machine.Queue[consumer.Event]
	zero   time.Time
	lazy   bool // picks may step the view: see mu
	pull   func(ctx context.Context) ([]registry.Host, error)
	last   atomic.Pointer[lastMark]

	// mu keeps the journal's lines in the order of the steps, which the loop
	// and, where the cache is filled by calls, picks make.
	mu    sync.Mutex
	trace func(time.Duration, consumer.Event, []consumer.Action)
}

// lastMark is the latest marker that was passed on to the view.
type lastMark struct {
	value string
	at    time.Duration
}

// target is an instance to call.
type target struct {
	instance  record.Instance
	addr, tag string
}

func newDiscovery(d settings.Document, j *eventLog, zero time.Time) *discovery {
	cfg := consumer.ConfigOf(d, zero)
	book := j.steps("consumer")
	return &discovery{
		live: consumer.NewSharedView(cfg), cfg: cfg, events: j, zero: zero,
		lazy:  d.Consumer.Cache == settings.CacheTTL35,
		trace: machine.Trace[consumer.Event, consumer.Action](book),
	}
}

// drive runs until ctx is done.
func (v *discovery) drive(ctx context.Context) {
	v.events.steps("consumer").Begin(v.cfg)
	do := func(_ time.Duration, a consumer.Action) { v.do(ctx, a) }
	v.live.OnFill = func(now time.Duration, e consumer.Event, out []consumer.Action) {
		v.trace(now, e, out)
		for _, a := range out {
			do(now, a)
		}
	}
	loop := machine.Loop[consumer.Event, consumer.Action]{
		Machine: v, Clock: machine.Since(v.zero), Inbox: &v.inbox, Do: do,
	}
	// It ends when ctx does, and for no other reason.
	_ = loop.Drive(ctx)
}

// Step and Next make the view the loop's machine.
func (v *discovery) Step(now time.Duration, e consumer.Event) []consumer.Action {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.live.Step(now, e)
	v.trace(now, e, out)
	return out
}

func (v *discovery) Next() (time.Duration, bool) { return v.live.Next() }

func (v *discovery) do(ctx context.Context, a consumer.Action) {
	switch a.Kind {
	case consumer.Note:
		e := record.Event{Kind: a.Event, Service: v.cfg.Service, Peer: a.Peer, Text: a.Text, N: a.N}
		if a.Hosts != nil {
			e.Data = encode(a.Hosts)
		}
		v.events.note(e)
	case consumer.Pull:
		go v.answer(ctx, a)
	}
}

func (v *discovery) answer(ctx context.Context, a consumer.Action) {
	if a.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, v.zero.Add(a.Deadline))
		defer cancel()
	}
	list, err := v.pull(ctx)
	e := consumer.Event{Kind: consumer.Pulled, Op: a.Op, Hosts: v.hosts(list)}
	if err != nil {
		e.Error = err.Error()
	}
	v.inbox.Put(e)
}

// pushed takes a list from the registry's client.
func (v *discovery) pushed(list []registry.Host) {
	v.inbox.Put(consumer.Event{Kind: consumer.Pushed, Hosts: v.hosts(list)})
}

func (v *discovery) hosts(list []registry.Host) []consumer.Host {
	hosts, errs := consumer.FromRegistry(list)
	for _, err := range errs {
		v.events.note(record.Event{Kind: record.KindUnreadable, Service: v.cfg.Service, Text: err.Error()})
	}
	return hosts
}

// remark is for how long the same marker is not passed on again: a marked
// instance that is called all the same says so with each answer.
const remark = time.Second

// marked takes a response's marker.
func (v *discovery) marked(value string) {
	if v.cfg.Consumer.Ungoverned {
		return
	}
	now := time.Since(v.zero)
	if m := v.last.Load(); m != nil && m.value == value && now-m.at < remark {
		return
	}
	v.last.Store(&lastMark{value: value, at: now})
	// The header comes from a stranger: what cannot be read is told and left.
	if err := v.mark(value, consumer.ByMarker); err != nil {
		v.events.note(record.Event{Kind: record.KindUnreadable, Service: v.cfg.Service, Text: err.Error()})
	}
}

// mark tells the view that the incarnation goes.
func (v *discovery) mark(value, by string) error {
	id, err := lossless.ParseIdentity(value)
	if err != nil {
		return err
	}
	v.inbox.Put(consumer.Event{Kind: consumer.Marked, Of: id, By: by})
	return nil
}

// pick chooses whom to call, leaving out those that were tried.
func (v *discovery) pick(wanted string, tried ...record.Instance) (target, error) {
	now := time.Since(v.zero)
	if len(tried) == 0 {
		if h, _, ok := v.live.TryPick(now, wanted); ok {
			return targetOf(h), nil
		}
	}
	if v.lazy { // this one may find the cache stale, and fill it
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	h, _, err := v.live.Pick(now, wanted, tried...)
	return targetOf(h), err
}

func targetOf(h consumer.Host) target { return target{instance: h.Instance, addr: h.Addr, tag: h.Tag} }

// encode never fails on plain data.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
