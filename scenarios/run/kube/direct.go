package kube

import (
	"context"
	"errors"
	"fmt"

	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/loadpods"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// run carries the plan out on a deployment.
func (d *deployment) run(ctx context.Context, dir *rundir.Dir, out run.Sink) error {
	plane, err := control.NewObservedCluster(d.plan.Control)
	if err != nil {
		return fmt.Errorf("directing %q: %w", d.plan.Scenario, err)
	}
	pods, err := loadpods.Find(ctx, d.c, d.namespace.name, render.LoadPod, d.loadPods())
	if err != nil {
		return err
	}
	a := newActivity(ctx)
	entry := &entry{plan: d.plan, serviceURL: entryServiceURL(d.plan, d.addresses)}
	load := loadpods.NewLoad(d.plan, pods, entry.url, serviceURLs(d.plan, d.addresses))
	logs := loadpods.NewMirrors(dir, pods)
	err = run.Direct(ctx, d.plan, run.Options{ControlPlane: plane, StartupTimeout: startupTimeout, LoadLead: loadLead}, func(in run.Inbox) (run.Components, error) {
		if err := pods.RecordClocks(out); err != nil {
			return run.Components{}, err
		}
		logs.Start(a.ctx, in.Observed, a.fail)
		reporter := observe.NewReporter(d.namespace.name, d.plan.Streams, in.Control)
		own := &ownPods{runActivity: a, diagnosis: diagnosis{d.c, d.namespace.name}, plan: d.plan, reporter: reporter, entry: entry}
		w := &namespaceWatcher{runActivity: a, c: d.c, namespace: d.namespace.name, send: in.Control}
		w.start(reporter, own.onPod, own.onEvent)
		e := &executor{
			runActivity: a, c: d.c, namespace: d.namespace.name, plan: d.plan, objects: d.objects, drained: d.drained,
			collector: pods.Collector(), reporter: reporter, entry: entry,
		}
		return run.Components{Executor: e, Load: load, Sink: pods.Sink(out), Failed: a.failed, LoadProgress: load.Progress}, nil
	})
	a.stop()
	return joinFetchError(err, logs.Finish(context.WithoutCancel(ctx)))
}

// joinFetchError adds the error of fetching the logs to that of a run. Where the
// environment has failed that follows from it, and is left out.
func joinFetchError(err, fetching error) error {
	if errors.Is(err, run.ErrEnvironment) {
		return err
	}
	return errors.Join(err, fetching)
}

// uncordon uncordons the node that the run has drained, if any, also after an
// interruption. It may be called on nil.
func (d *deployment) uncordon(ctx context.Context) error {
	if d == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	return d.drained.Uncordon(ctx)
}
