package service

import (
	"context"
	"fmt"

	"zeroloss/demo-services/lossless"
)

// execute executes one action of the lossless.Machine.
func (l *lifecycle) execute(ctx context.Context, a lossless.Action) {
	switch a.Kind {
	case lossless.Note:
		l.events.note(*a.Event)
	case lossless.SetReadiness:
		l.ready.Store(a.On)
	case lossless.SetMarker:
		l.business.setMarker(l.registration.identity())
	case lossless.RejectNew:
		l.business.rejecting.Store(true)
	case lossless.DisableKeepAlive:
		l.business.http.SetKeepAlivesEnabled(false)
	case lossless.CutConnections:
		l.business.close()
	case lossless.Answer:
		l.answer(a)
	case lossless.Exit:
		l.exitCode = a.Code
		l.exit(errExit)
	default:
		l.executeAsync(ctx, a)
	}
}

// executeAsync executes an action that takes time, in a goroutine of its own,
// and reports its outcome to the machine.
func (l *lifecycle) executeAsync(ctx context.Context, a lossless.Action) {
	outcome, run := l.operation(a)
	if run == nil {
		l.events.fail(fmt.Errorf("executing %q: no such action", a.Kind))
		return
	}
	go func() {
		if a.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, l.clock.instant(a.Deadline))
			defer cancel()
		}
		err := run(ctx)
		e := lossless.Event{Kind: outcome, Op: a.Op, OK: err == nil}
		if err != nil {
			e.Error = err.Error()
		}
		l.put(e)
	}()
}

// operation returns what an action does, and the kind of the event that reports
// its outcome. It runs in the machine's loop: what the operation needs of the
// loop's state, it takes here.
func (l *lifecycle) operation(a lossless.Action) (lossless.EventKind, func(context.Context) error) {
	r := l.registration
	if a.Warmup != nil {
		r.warmup = *a.Warmup
	}
	switch a.Kind {
	case lossless.ProbeHealth:
		return lossless.Probed, func(ctx context.Context) error {
			return l.peers.probe(ctx, l.business.hostPort(), l.cfg.Online.HealthPath)
		}
	case lossless.Register:
		r.markStarted()
		host := r.host()
		return lossless.RegisterDone, func(ctx context.Context) error { return r.register(ctx, host) }
	case lossless.Publish:
		host := r.host()
		return lossless.PublishDone, func(ctx context.Context) error { return r.register(ctx, host) }
	case lossless.Deregister:
		host := r.host()
		return lossless.DeregisterDone, func(ctx context.Context) error { return r.deregister(ctx, host) }
	case lossless.Notify:
		self := r.identity()
		return lossless.NotifyDone, func(ctx context.Context) error { return l.peers.notify(ctx, a.Peer, self) }
	case lossless.Verify:
		return lossless.VerifyDone, r.verifyGone
	case lossless.CloseListener:
		return lossless.Closed, l.business.shutdown
	case lossless.CloseRegistry:
		return lossless.RegistryClosed, l.closeRegistry
	default: // no operation: execute does the others at once
		return "", nil
	}
}

func (l *lifecycle) closeRegistry(ctx context.Context) error {
	if _, err := l.registry.get(ctx); err != nil {
		return err
	}
	return l.registry.close()
}
