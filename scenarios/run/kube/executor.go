package kube

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/run/kube/target"
)

// execute has do carry out an action in a goroutine of its own, and reports the
// outcome. An error ends the run, unless rules have not arrived or an eviction was
// refused, which the control plane judges.
func (a *runActivity) execute(act control.Action, do func() error, done func(control.Event)) {
	a.wg.Go(func() {
		err := do()
		if _, rules := act.(control.SendRules); err != nil && !rules && !errors.Is(err, drain.ErrRefused) {
			a.fail(err)
		}
		done(control.OutcomeOf(act, err))
	})
}

// executor carries out actions on a run's own workloads. It implements
// run.Executor.
type executor struct {
	*runActivity
	c         *client.Client
	namespace string
	plan      *plan.Plan
	objects   *render.Objects
	drained   *drain.Node // nil if the plan drains none
	collector *collect.Client
	reporter  *observe.Reporter
	entry     *entry
}

// Execute implements run.Executor.
func (e *executor) Execute(ctx context.Context, a control.Action, done func(control.Event)) {
	e.execute(a, func() error { return e.do(ctx, a) }, done)
}

func (e *executor) do(ctx context.Context, a control.Action) error {
	switch a := a.(type) {
	case control.ApplyWorkload:
		return e.apply(ctx, a.Workload)
	case control.ScaleWorkload:
		return e.c.Scale(ctx, e.namespace, a.Workload, a.Replicas)
	case control.RestartWorkload:
		return e.c.Restart(ctx, e.namespace, a.Workload, time.Now())
	case control.SetImage:
		return e.c.AnnotatePodTemplate(ctx, e.namespace, a.Workload, "changing the image of "+a.Workload, render.ImageAnnotation, a.Image)
	case control.PauseRollout:
		return e.c.SetPaused(ctx, e.namespace, a.Workload, true)
	case control.ResumeRollout:
		return e.c.SetPaused(ctx, e.namespace, a.Workload, false)
	case control.CordonNode:
		return e.drained.Cordon(ctx, a.Workload, a.Node)
	case control.EvictPod:
		return drain.Evict(ctx, e.c, e.namespace, a.Pod.Pod)
	case control.SendSignal:
		return e.signal(ctx, a)
	case control.SendRules:
		return e.sendRules(ctx, a)
	case control.RecordEvent, control.StartContainer, control.RunHook, control.AbandonHook, control.RunProbe, control.SetEndpoint, control.RemovePod:
	}
	return fmt.Errorf("%T is not an action on a cluster", a)
}

func (e *executor) apply(ctx context.Context, workload string) error {
	o, ok := e.objects.Workload(workload)
	if !ok {
		return fmt.Errorf("applying workload %q: it is in no manifest", workload)
	}
	_, err := apply(ctx, e.c, o)
	return err
}

// sendRules sends changed rules to a pod, through the API server's proxy.
func (e *executor) sendRules(ctx context.Context, a control.SendRules) error {
	post := func(ctx context.Context, port int, path string, body []byte) error {
		return e.c.Post(ctx, e.namespace, a.Pod.Pod, port, path, body)
	}
	return run.SendRules(ctx, e.plan, a, post, func() bool {
		i, _ := e.reporter.Instance(a.Pod.Pod)
		return i == a.Pod
	})
}

// signal has the service itself exit: a container's first process cannot be killed
// from within, and the cluster's own ways of ending it all begin with TERM. The
// process dies as by KILL: without a word, its sockets closed by the kernel.
func (e *executor) signal(ctx context.Context, a control.SendSignal) error {
	if a.Signal == control.SignalInterrupt {
		e.entry.loadBegun.Store(true) // whatever ends from now on is meant to
		return environmentError(e.collector.SendCommand(ctx, a.Pod, record.CommandExit))
	}
	if err := e.collector.SendCommand(ctx, a.Pod, record.CommandKill); err != nil {
		return environmentError(err)
	}
	if !a.Evict {
		return nil
	}
	return e.c.DeletePod(ctx, e.namespace, a.Pod.Pod)
}

func environmentError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
}

// targetExecutor carries out actions on a target. It implements run.Executor.
type targetExecutor struct {
	*runActivity
	target *target.Deployment
	watch  *observe.DeploymentWatch
	scaled atomic.Bool // by this run, or about to be
}

// Execute implements run.Executor.
func (e *targetExecutor) Execute(ctx context.Context, a control.Action, done func(control.Event)) {
	e.execute(a, func() error { return e.do(ctx, a) }, done)
}

// do asks the PodDisruptionBudgets again: what they allowed before the run they may
// not allow now.
func (e *targetExecutor) do(ctx context.Context, a control.Action) error {
	switch a := a.(type) {
	case control.ApplyWorkload:
		return nil // it exists
	case control.ScaleWorkload:
		if err := e.checkBudgets(ctx, plan.Scale{Workload: a.Workload, Replicas: a.Replicas}); err != nil {
			return err
		}
		e.scaled.Store(true)
		e.watch.Scaling(a.Replicas)
		return e.target.Scale(ctx, a.Replicas)
	case control.RestartWorkload:
		if err := e.checkBudgets(ctx, plan.RolloutRestart{Workload: a.Workload}); err != nil {
			return err
		}
		return e.target.Restart(ctx)
	default:
		return fmt.Errorf("%T is not an action on a target", a)
	}
}

func (e *targetExecutor) checkBudgets(ctx context.Context, a plan.Action) error {
	d, err := e.target.Get(ctx)
	if err != nil {
		return err
	}
	return e.target.CheckBudgets(ctx, d, a)
}

var (
	_ run.Executor = (*executor)(nil)
	_ run.Executor = (*targetExecutor)(nil)
)
