package local

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// executor carries out the actions of the control plane with child processes.
// It implements run.Executor.
type executor struct {
	pods       *podTable
	containers *containers
	hooks      *hooks
	probes     *probes
	rules      *rulesSender
	wg         sync.WaitGroup
}

// newExecutor returns an executor whose containers are not connected yet: the
// caller sets containers.exited and containers.tail.onEvent.
func newExecutor(p *plan.Plan, res *resources, registry settings.Registry, fail func(error)) *executor {
	pods := newPodTable(res.tmp)
	http := &nodeClient{addresses: res.addresses, pods: pods}
	shells := &shells{plan: p, pods: pods, services: &services{plan: p, addresses: res.addresses, pods: pods, registry: registry}}
	c := &containers{
		plan: p, resources: res, pods: pods, tail: &eventTail{}, registry: registry, fail: fail,
		running: map[record.Instance]*child{},
	}
	shells.signal = c.signal
	return &executor{
		pods: pods, containers: c,
		hooks:  &hooks{shells: shells, http: http, cancels: map[record.Instance]context.CancelFunc{}},
		probes: &probes{shells: shells, http: http},
		rules:  &rulesSender{plan: p, http: http, containers: c},
	}
}

// Execute implements run.Executor.
func (x *executor) Execute(ctx context.Context, a control.Action, done func(control.Event)) {
	finish := func(err error) { done(control.OutcomeOf(a, err)) }
	switch a := a.(type) {
	case control.StartContainer:
		x.wg.Go(func() { finish(x.containers.start(a)) })
	case control.RunHook:
		run := x.hooks.prepare(ctx, a) // now, so that an AbandonHook finds it
		x.wg.Go(func() { finish(run()) })
	case control.AbandonHook:
		x.hooks.cancel(a.Pod)
		finish(nil)
	case control.RunProbe:
		x.wg.Go(func() { finish(x.probes.run(ctx, a)) })
	case control.SendRules:
		x.wg.Go(func() { finish(x.rules.send(ctx, a)) })
	case control.SendSignal:
		finish(x.containers.signal(a))
	case control.RemovePod:
		x.wg.Go(func() { finish(x.pods.remove(a.Pod.Pod)) })
	case control.SetEndpoint: // the load is sent to the pods of the entry themselves
		finish(nil)
	case control.RecordEvent, control.ApplyWorkload, control.ScaleWorkload, control.RestartWorkload, control.SetImage,
		control.PauseRollout, control.ResumeRollout, control.CordonNode, control.EvictPod:
		finish(fmt.Errorf("%T is not an action on a process", a))
	}
}

// wait waits until nothing is under way, at most for d.
func (x *executor) wait(d time.Duration) error {
	done := make(chan struct{})
	go func() { x.wg.Wait(); close(done) }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return fmt.Errorf("%w: hooks or probes did not end within %v", run.ErrEnvironment, d)
	}
}

var _ run.Executor = (*executor)(nil)
