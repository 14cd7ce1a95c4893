package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"zeroloss/loadgen"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/loadpods"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/run/kube/target"
	"zeroloss/scenarios/rundir"
	"zeroloss/scenarios/spec"
)

// AttachOptions is what an [Attached] needs. Of Options, Cluster names a kind
// cluster that exists: none is created. Dir may be set after [Attached.Check], with
// [Attached.SetDir].
type AttachOptions struct {
	Options
	// InCluster has a load pod send the load, in a namespace of its own; otherwise
	// a process of this machine sends it.
	InCluster bool
	// AbortAfter ends the run once so many requests are lost; 0 means never.
	AbortAfter int
}

// Attached is the runtime of a plan with a target: a Deployment that exists, in
// which nothing is this program's. It writes to the target only what the plan's
// steps and change say, and restores it.
type Attached struct {
	o          AttachOptions
	conn       *connection
	c          *client.Client
	deployment *appsv1.Deployment // as Check found it
}

// NewAttached returns the runtime. Its Run may be called once, after Check.
func NewAttached(o AttachOptions) *Attached { return &Attached{o: o} }

// SetDir sets the run's directory, once there is one.
func (r *Attached) SetDir(dir *rundir.Dir) { r.o.Dir = dir }

// attachStartupTimeout is how long the target may take to be seen: it is ready.
const attachStartupTimeout = 30 * time.Second

// Check finds the target, and what is against the run, before anything is started
// or written.
func (r *Attached) Check(ctx context.Context, p *plan.Plan) error {
	return interrupted(ctx, r.check(ctx, p))
}

func (r *Attached) check(ctx context.Context, p *plan.Plan) error {
	var err error
	if r.conn, err = connectExisting(r.o.Options); err != nil {
		return err
	}
	if r.c, err = client.New(r.conn.config); err != nil {
		return err
	}
	if err := r.checkExists(ctx, p); err != nil {
		return err
	}
	if p.Target.Change != nil { // the run before may have left a rollout behind
		if err := target.New(r.c, p.Target).WaitRolledOut(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithTimeout(ctx, cleanupTimeout)
	defer stop()
	if r.deployment, err = target.Preflight(ctx, r.c, p); err != nil {
		return err
	}
	list, err := observe.OpenRegistryWatch(ctx, p.Target.Nacos, 0)
	if err = errors.Join(err, list.Close()); err != nil {
		return err
	}
	if r.o.InCluster {
		return nil // the load pod sends the first requests, once it is there
	}
	return target.CheckResponses(ctx, p.Streams, loadgen.Probe)
}

// checkExists makes sure that the run has its permissions, and that the target
// exists.
func (r *Attached) checkExists(ctx context.Context, p *plan.Plan) error {
	ctx, stop := context.WithTimeout(ctx, cleanupTimeout)
	defer stop()
	if err := target.CheckPermissions(ctx, r.c, p, r.o.InCluster); err != nil {
		return err
	}
	_, err := target.New(r.c, p.Target).Get(ctx)
	return err
}

// Run implements run.Runtime.
func (r *Attached) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	if r.deployment == nil {
		if err := r.Check(ctx, p); err != nil {
			return err
		}
	}
	logf := progressLogger(out)
	if change := target.NewChange(r.c, p.Target); change != nil {
		if err := change.WaitRolledOut(ctx); err != nil {
			return err
		}
		if p.Target.Arm == spec.ArmAfter {
			logf("changing Deployment %s", change)
			if err := change.Apply(ctx); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, revert(ctx, change, logf)) }()
			if err := change.WaitRolledOut(ctx); err != nil {
				return err
			}
			if r.deployment, err = change.Get(ctx); err != nil {
				return err
			}
		}
	}
	p = target.Complete(p, r.deployment)
	if err := r.o.Dir.WritePlan(p); err != nil {
		return fmt.Errorf("recording the target in the plan: %w", err)
	}
	var pods loadpods.Pods
	if r.o.InCluster {
		ns := &runNamespace{name: owner.NamespacePrefix + r.o.Run, keep: r.o.Keep, logf: logf, c: r.c}
		defer func() { err = errors.Join(err, ns.deleteOrKeep(ctx)) }()
		if pods, err = r.deployLoad(ctx, ns, p); err != nil {
			return interrupted(ctx, err)
		}
	}
	return r.run(ctx, p, pods, out, logf)
}

// revert reverts a change, whatever has become of the run.
func revert(ctx context.Context, change *target.Change, logf func(string, ...any)) error {
	fresh, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	logf("reverting the change of Deployment %s", change)
	if err := change.Revert(fresh); err != nil || ctx.Err() != nil {
		return err
	}
	return change.WaitRolledOut(ctx) // the next run finds the target as it was
}

// deployLoad creates the load pods, and makes sure that they reach the target.
func (r *Attached) deployLoad(ctx context.Context, ns *runNamespace, p *plan.Plan) (loadpods.Pods, error) {
	image, err := loadImages(ctx, r.o.Options, r.conn, buildOwnImage(r.o.Options), false, ns.logf)
	if err != nil {
		return nil, err
	}
	d, err := deploy(ctx, r.c, ns, p, r.o.Options, image)
	if err != nil {
		return nil, err
	}
	if err := target.CheckResponses(ctx, p.Streams, loadpods.Client(r.c, ns.name, render.LoadPod).Probe); err != nil {
		return nil, err
	}
	return loadpods.Find(ctx, r.c, ns.name, render.LoadPod, d.loadPods())
}

// run carries the plan out. Pods send the load; if there are none, this machine
// does.
func (r *Attached) run(ctx context.Context, p *plan.Plan, pods loadpods.Pods, out run.Sink, logf func(string, ...any)) (err error) {
	plane, err := control.NewObservedCluster(p.Control)
	if err != nil {
		return fmt.Errorf("directing %q: %w", p.Scenario, err)
	}
	ownership, err := observe.NewPodOwnership(r.c, r.deployment.Namespace, r.deployment)
	if err != nil {
		return err
	}
	log, err := observe.CreateTargetLog(r.o.Dir, pods.Ahead())
	if err != nil {
		return err
	}
	began := time.Now()
	a := newActivity(ctx)
	d := target.New(r.c, p.Target)
	deployments := observe.NewDeploymentWatch(r.deployment, log.Write)
	e := &targetExecutor{runActivity: a, target: d, watch: deployments}
	defer func() { err = errors.Join(err, r.restore(ctx, d, e, logf), log.Close()) }()
	list, err := observe.OpenRegistryWatch(ctx, p.Target.Nacos, 0)
	if err != nil {
		return interrupted(ctx, err)
	}
	var g generator = &localLoad{plan: p, dir: r.o.Dir, executable: r.o.Binary}
	if len(pods) > 0 {
		g = newPodLoad(p, pods, r.o.Dir)
	}
	err = run.Direct(ctx, p, run.Options{ControlPlane: plane, StartupTimeout: attachStartupTimeout, LoadLead: loadLead}, func(in run.Inbox) (run.Components, error) {
		sink, err := g.begin(a, in, out)
		if err != nil {
			return run.Components{}, err
		}
		reporter := observe.NewReporter(p.Target.Namespace, p.Streams, in.Control)
		t := &targetPods{ctx: a.ctx, ownership: ownership, workload: r.deployment.Name, reporter: reporter, since: began}
		w := &namespaceWatcher{runActivity: a, c: r.c, namespace: p.Target.Namespace, send: in.Control}
		w.start(reporter, t.onPod, t.onEvent)
		watch(w, "deployments", r.c.Deployments(p.Target.Namespace), client.Handler[*appsv1.Deployment]{
			OnObject: func(d *appsv1.Deployment) error { deployments.Deployment(d); return nil },
		})
		a.wg.Go(func() { lossLimit{r.o.AbortAfter}.watch(a.ctx, g.Progress, in.EndLoad) })
		if quiet := p.Target.Settle; quiet > 0 {
			a.wg.Go(func() { endAfterRelease(a.ctx, d, quiet, in.EndLoad) })
		}
		if list != nil {
			a.wg.Go(func() {
				if err := list.Run(a.ctx, reporter.InstanceAt, log.Write); err != nil {
					a.fail(err)
				}
			})
		}
		return run.Components{Executor: e, Load: g, Sink: sink, Failed: a.failed, LoadProgress: g.Progress}, nil
	})
	a.stop()
	return errors.Join(err, list.Close(), g.finish(context.WithoutCancel(ctx)))
}

// restore gives the target the replicas that it had, if the run has scaled it. It
// has a deadline of its own: it follows an interruption, too.
func (r *Attached) restore(ctx context.Context, d *target.Deployment, e *targetExecutor, logf func(string, ...any)) error {
	if !e.scaled.Load() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	done, err := d.RestoreReplicas(ctx)
	if done != "" {
		logf("Deployment %s: %s", d, done)
	}
	return err
}

var _ run.Runtime = (*Attached)(nil)
