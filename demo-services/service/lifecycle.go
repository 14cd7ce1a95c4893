package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// lifecycle executes what lossless.Machine decides. All fields but inbox,
// waiters and those that are atomic belong to the loop.
type lifecycle struct {
	s     *Service
	inbox machine.Queue[lossless.Event]
	told  *settings.Warmup // by rules; nil: the document's
	code  int
	exit  context.CancelCauseFunc

	mu      sync.Mutex
	refs    uint64
	waiters map[uint64]chan lossless.State // calls of /offline, by Ref
}

// errExit is why the loop ends when the machine says so.
var errExit = errors.New("the lifecycle has ended")

// drive runs until the machine exits or ctx is done; nil means that it exited.
func (l *lifecycle) drive(ctx context.Context) error {
	ctx, l.exit = context.WithCancelCause(ctx)
	defer l.exit(nil)
	cfg := lossless.ConfigOf(l.s.doc)
	m := lossless.New(cfg)
	book := l.s.events.steps("lossless")
	book.Begin(cfg)
	write := machine.Trace[lossless.Event, lossless.Action](book)
	loop := machine.Loop[lossless.Event, lossless.Action]{
		Machine: m, Clock: machine.Since(l.s.zero), Inbox: &l.inbox,
		Tick: func() lossless.Event { return l.sampled(lossless.Event{}) },
		Trace: func(now time.Duration, e lossless.Event, out []lossless.Action) {
			write(now, e, out)
			state := m.State()
			l.s.state.Store(&state)
		},
		Do: func(_ time.Duration, a lossless.Action) { l.do(ctx, a) },
	}
	if err := loop.Drive(ctx); !errors.Is(err, errExit) {
		return err
	}
	return nil
}

func (l *lifecycle) put(e lossless.Event) { l.inbox.Put(l.sampled(e)) }

// sampled fills in what the machine may know of the traffic: samples, and
// never a request's begin or end as an event.
func (l *lifecycle) sampled(e lossless.Event) lossless.Event {
	e.InFlight = int(l.s.load.inFlight.Load())
	e.LastRequest = time.Duration(l.s.load.last.Load())
	return e
}

func (l *lifecycle) term() {
	l.put(lossless.Event{Kind: lossless.Term, Peers: l.peers()})
}

func (l *lifecycle) peers() []string { return l.s.callers.recent(l.s.since(time.Now())) }

// offline is a call of /offline.
func (l *lifecycle) offline(ctx context.Context) (lossless.State, error) {
	return l.ask(ctx, lossless.Event{Kind: lossless.Offline, Peers: l.peers()})
}

// ask puts an event that is answered: it returns once the machine has taken it
// in, which is at once.
func (l *lifecycle) ask(ctx context.Context, e lossless.Event) (lossless.State, error) {
	answer := make(chan lossless.State, 1)
	l.mu.Lock()
	l.refs++
	ref := l.refs
	if l.waiters == nil {
		l.waiters = map[uint64]chan lossless.State{}
	}
	l.waiters[ref] = answer
	l.mu.Unlock()
	defer l.forget(ref)
	e.Ref = ref
	l.put(e)
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return lossless.State{}, ctx.Err()
	case <-l.s.gone:
		return lossless.State{}, errExit
	}
}

func (l *lifecycle) forget(ref uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiters, ref)
}

func (l *lifecycle) answer(a lossless.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiters[a.Ref]; w != nil && a.State != nil {
		w <- *a.State // has room for the one answer that a Ref gets
		delete(l.waiters, a.Ref)
	}
}

// do executes one action; what takes time goes on in a goroutine of its own
// and puts its outcome into the inbox.
func (l *lifecycle) do(ctx context.Context, a lossless.Action) {
	s := l.s
	switch a.Kind {
	case lossless.Note:
		s.events.note(record.Event{Kind: a.Event, Text: a.Text, Peer: a.Peer, N: a.N})
	case lossless.SetReadiness:
		s.ready.Store(a.On)
	case lossless.SetMarker:
		s.marker.Store(&[]string{s.identity().String()})
	case lossless.RejectNew:
		s.rejecting.Store(true)
	case lossless.DisableKeepAlive:
		s.business.SetKeepAlivesEnabled(false)
	case lossless.CutConnections:
		s.cut()
	case lossless.Answer:
		l.answer(a)
	case lossless.Exit:
		l.code = a.Code
		l.exit(errExit)
	default:
		l.start(ctx, a)
	}
}

// start executes an action that takes time.
func (l *lifecycle) start(ctx context.Context, a lossless.Action) {
	s := l.s
	var kind lossless.EventKind
	var run func(context.Context) error
	if a.Warmup != nil {
		l.told = a.Warmup
	}
	switch a.Kind {
	case lossless.ProbeHealth:
		kind, run = lossless.Probed, s.probeHealth
	case lossless.Register:
		if s.started.IsZero() {
			s.started = time.Now()
		}
		host := s.host()
		kind, run = lossless.RegisterDone, func(ctx context.Context) error { return s.register(ctx, host) }
	case lossless.Publish:
		host := s.host()
		kind, run = lossless.PublishDone, func(ctx context.Context) error { return s.register(ctx, host) }
	case lossless.Deregister:
		host := s.host()
		kind, run = lossless.DeregisterDone, func(ctx context.Context) error { return s.deregister(ctx, host) }
	case lossless.Notify:
		kind, run = lossless.NotifyDone, func(ctx context.Context) error { return s.notify(ctx, a.Peer) }
	case lossless.Verify:
		kind, run = lossless.VerifyDone, s.verify
	case lossless.CloseListener:
		kind, run = lossless.Closed, s.shut
	case lossless.CloseRegistry:
		kind, run = lossless.RegistryClosed, s.closeRegistry
	default:
		s.events.fail(fmt.Errorf("executing %q: no such action", a.Kind))
		return
	}
	go func() {
		if a.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, s.zero.Add(a.Deadline))
			defer cancel()
		}
		err := run(ctx)
		e := lossless.Event{Kind: kind, Op: a.Op, OK: err == nil}
		if err != nil {
			e.Error = err.Error()
		}
		l.put(e)
	}()
}

// identity is who we are to our consumers: the zero Start means that we have
// never been registered, so that nobody can know us.
func (s *Service) identity() lossless.Identity {
	id := lossless.Identity{Instance: s.hop.Instance}
	if !s.started.IsZero() {
		id.Start = s.started.UnixMilli()
	}
	return id
}

func (s *Service) host() registry.Host {
	w := s.doc.Online.Warmup
	if s.life.told != nil {
		w = *s.life.told
	}
	m := registry.Meta{Instance: s.hop.Instance, Tag: s.doc.Tag, Start: s.started}
	if w.Window > 0 && !s.doc.Online.Prewarmed {
		m.Warmup, m.Model, m.Curve = w.Window, w.Model, w.Curve
	}
	return registry.NewHost(s.doc.IP, s.port(), m)
}

// register publishes the host, or what has changed of it.
func (s *Service) register(ctx context.Context, host registry.Host) error {
	r, err := s.registry.get(ctx)
	if err != nil {
		return err
	}
	return r.Register(ctx, s.doc.Service, host)
}

func (s *Service) deregister(ctx context.Context, host registry.Host) error {
	r, err := s.registry.get(ctx)
	if err != nil {
		return err
	}
	return r.Deregister(ctx, s.doc.Service, host)
}

// verifyInterval is the pause between two looks at the server's list.
const verifyInterval = 100 * time.Millisecond

// verify returns nil once the server's list shows us no more.
func (s *Service) verify(ctx context.Context) error {
	r, err := s.registry.get(ctx)
	if err != nil {
		return err
	}
	for {
		hosts, err := r.Pull(ctx, s.doc.Service)
		if err == nil && !slices.ContainsFunc(hosts, func(h registry.Host) bool { return h.Instance() == s.hop.Instance }) {
			return nil
		}
		if stop := pause(ctx, verifyInterval); stop != nil {
			if err != nil {
				return err
			}
			return fmt.Errorf("the registry still lists it: %w", stop)
		}
	}
}

// notify tells the consumer at peer that we go. The machine tries again.
func (s *Service) notify(ctx context.Context, peer string) error {
	if err := s.post(ctx, "http://"+peer+lossless.NotifyPath, s.identity().String()); err != nil {
		return fmt.Errorf("notifying %s: %w", peer, err)
	}
	return nil
}

func (s *Service) post(ctx context.Context, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	return s.ask(req)
}

func (s *Service) probeHealth(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr()+s.doc.Online.HealthPath, nil)
	if err != nil {
		return err
	}
	return s.ask(req)
}

// ask returns nil if the answer is 2xx.
func (s *Service) ask(req *http.Request) error {
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", req.URL, resp.Status)
	}
	return err
}

func (s *Service) closeRegistry(ctx context.Context) error {
	if _, err := s.registry.get(ctx); err != nil {
		return err
	}
	return s.registry.close()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// steps is a journal of a machine's steps, for replay.
func (j *eventLog) steps(name string) machine.Journal {
	return machine.Journal{Write: func(kind string, data json.RawMessage) {
		j.note(record.Event{Kind: record.Kind(kind), Text: name, Data: data})
	}}
}
