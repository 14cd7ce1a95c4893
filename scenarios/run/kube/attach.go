package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
	"zeroloss/scenarios/spec"
)

// AttachOptions is what an [Attached] needs. Of Options, Cluster names one of
// kind's that is there: none is made. Dir may be set after [Attached.Check].
type AttachOptions struct {
	Options
	// InCluster has the load sent by a pod of ours, in a namespace of its own;
	// otherwise a process of this machine sends it.
	InCluster bool
	// AbortAfter ends the run once so many requests are lost; 0 is never.
	AbortAfter int
}

// Attached is the runtime of a plan with a target: a Deployment that is there
// already, with nothing of ours in it. It writes to the target nothing but what
// the plan's steps say, and leaves it with as many replicas as it had.
type Attached struct {
	o     AttachOptions
	where *reach
	api   *api
	view  *deploymentView
}

// NewAttached is one. Its Run may be called once, after Check.
func NewAttached(o AttachOptions) *Attached { return &Attached{o: o} }

// Into names the run's directory, once there is one.
func (r *Attached) Into(dir *rundir.Dir) { r.o.Dir = dir }

// upToAttach is how long the target has to be ready and seen: it is there.
const upToAttach = 30 * time.Second

// Check finds the target, and whatever is against the run, before anything is
// started or written. Its error is one cause, with a hint.
func (r *Attached) Check(ctx context.Context, p *plan.Plan) error {
	c := &cluster{o: r.o.Options}
	var err error
	if r.where, err = c.reachExisting(); err != nil {
		return err
	}
	if r.api, err = newAPI(r.where.config); err != nil {
		return err
	}
	if err := r.find(ctx, p); err != nil {
		return c.interrupted(ctx, err)
	}
	if p.Target.Change != nil { // the run before may have left a rollout behind
		if err := changeOf(r.api, p).settled(ctx); err != nil {
			return c.interrupted(ctx, err)
		}
	}
	outer := ctx // whose end is an interruption, where a cluster that is silent is none
	ctx, stop := context.WithTimeout(ctx, tidyFor)
	defer stop()
	if r.view, err = r.api.deployment(ctx, p.Target.Namespace, p.Target.Deployment); err != nil {
		return c.interrupted(outer, err)
	}
	if err := r.view.fit(p); err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	if err := r.api.respectBudgets(ctx, r.view.complete(p), r.view); err != nil {
		return c.interrupted(outer, err)
	}
	if err := r.api.unmarked(ctx, p); err != nil {
		return c.interrupted(outer, err)
	}
	if p.Target.Change != nil {
		if err := changeOf(r.api, p).check(ctx); err != nil {
			return c.interrupted(outer, err)
		}
	}
	list, err := openList(ctx, p.Target.Nacos, 0)
	if err = errors.Join(err, list.close()); err != nil {
		return c.interrupted(outer, err)
	}
	if r.o.InCluster {
		return nil // where the load pod will be, it is asked
	}
	return c.interrupted(outer, askAll(ctx, p.Streams, loadgen.Probe))
}

// find makes sure that the run has its rights, and the target is there.
func (r *Attached) find(ctx context.Context, p *plan.Plan) error {
	ctx, stop := context.WithTimeout(ctx, tidyFor)
	defer stop()
	if err := r.api.CheckAccess(ctx, attachRights(p, r.o.InCluster), "zeroloss attach --rbac prints all that is needed"); err != nil {
		return err
	}
	_, err := r.api.deployment(ctx, p.Target.Namespace, p.Target.Deployment)
	return err
}

// reachExisting is a context's cluster, or one of kind's that is there.
func (r *cluster) reachExisting() (*reach, error) {
	if r.o.Context != "" {
		return ofContext(r.o.Kubeconfig, r.o.Context)
	}
	return existing(r.o.Cluster)
}

// existing is kind's cluster of a name.
func existing(name string) (*reach, error) {
	where, err := find(CleanOptions{Cluster: name}, marks{})
	if err == nil && where == nil {
		err = fmt.Errorf("%w: there is no kind cluster %q\n  --context names one of the kubeconfig's, --cluster another of kind's", run.ErrEnvironment, name)
	}
	return where, err
}

// askAll asks each place that the load goes to once: what does not answer now
// cannot be said to be lost later.
func askAll(ctx context.Context, streams []traffic.Stream, ask func(context.Context, traffic.Stream) error) error {
	streams, err := run.ResolveHeaders(streams)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Method != "GET" {
			continue // what it does is not ours to do before the time
		}
		if err := ask(ctx, s); err != nil {
			var u *url.Error
			hint := "what is ok is said by ok: (--ok-status, --ok-json, --ok-match)"
			if errors.As(err, &u) {
				hint = "the URL has to be reachable from where the load is sent: this machine, or, with --in-cluster, a pod"
			}
			return fmt.Errorf("%w: stream %q does not get a good answer even before the run: %w\n  %s", run.ErrEnvironment, s.Name, err, hint)
		}
	}
	return nil
}

// Run implements run.Runtime.
func (r *Attached) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	if r.view == nil {
		if err := r.Check(ctx, p); err != nil {
			return err
		}
	}
	tell := func(format string, args ...any) {
		out.Progress(run.Progress{Phase: "starting", Note: fmt.Sprintf(format, args...)})
	}
	if p.Target.Change != nil {
		back, terr := r.turn(ctx, p, tell)
		defer func() { err = errors.Join(err, back()) }()
		if terr != nil {
			return terr
		}
	}
	p = r.view.complete(p)
	if err := r.o.Dir.WritePlan(p); err != nil {
		return fmt.Errorf("writing down the target: %w", err)
	}
	s := &stage{o: r.o.Options, p: p, api: r.api, out: out, tell: tell, namespace: owner.NamespacePrefix + r.o.Run}
	if r.o.InCluster {
		c := &cluster{o: r.o.Options}
		if s.image, err = c.images(ctx, r.where, c.build(), false, tell); err != nil {
			return c.interrupted(ctx, err)
		}
		defer func() { err = errors.Join(err, s.leave()) }()
		if err := s.prepare(ctx); err != nil {
			return c.interrupted(ctx, err)
		}
		if err := askAll(ctx, p.Streams, r.api.loadClient(s.namespace, render.LoadPod).Probe); err != nil {
			return c.interrupted(ctx, err)
		}
	}
	t, err := newTheirs(r.api, r.view, r.o.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.restore(t, tell), t.close()) }()
	return r.play(ctx, s, t)
}

// turn makes the target what the plan's arm is of: as it is, or changed. back
// undoes that, whatever has become of the run, and is never nil.
func (r *Attached) turn(ctx context.Context, p *plan.Plan, tell func(string, ...any)) (back func() error, err error) {
	c := changeOf(r.api, p)
	none := func() error { return nil }
	if err := c.settled(ctx); err != nil {
		return none, err
	}
	if p.Target.Arm != spec.ArmAfter {
		return none, nil
	}
	tell("changing Deployment %s/%s", c.namespace, c.name)
	if err := c.make(ctx); err != nil {
		return none, err
	}
	back = func() error {
		fresh, stop := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
		defer stop()
		tell("taking the change of Deployment %s/%s back", c.namespace, c.name)
		if err := c.takeBack(fresh); err != nil || ctx.Err() != nil {
			return err
		}
		return c.settled(ctx) // whoever comes next finds it as it was
	}
	if err := c.settled(ctx); err != nil {
		return back, err
	}
	r.view, err = r.api.deployment(ctx, c.namespace, c.name)
	return back, err
}

// play carries the plan out.
func (r *Attached) play(ctx context.Context, s *stage, t *theirs) error {
	plane, err := control.NewObservedCluster(s.p.Control)
	if err != nil {
		return fmt.Errorf("directing %q: %w", s.p.Scenario, err)
	}
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	failed := make(chan error, 1)
	n := newNode(over, s, t, failed)
	g, err := r.generator(ctx, s, n)
	if err != nil {
		return err
	}
	list, err := openList(ctx, s.p.Target.Nacos, 0)
	if err != nil {
		return (&cluster{o: r.o.Options}).interrupted(ctx, err)
	}
	t.ahead = g.clock
	err = run.DirectOn(ctx, s.p, run.Options{ControlPlane: plane, StartupTimeout: upToAttach, LoadLead: lead}, func(in run.Inbox) (run.Components, error) {
		n.inbox = in
		sink, err := g.begin(over, in, n.fail)
		if err != nil {
			return run.Components{}, err
		}
		n.watch()
		n.follow(deployments, t.see, t.gone)
		n.busy.Go(func() { budget{r.o.AbortAfter}.watch(over, g.latest, in.EndLoad) })
		if after := s.p.Target.Settle; after > 0 {
			n.busy.Go(func() { r.settle(over, changeOf(r.api, s.p), after, in) })
		}
		n.followList(list)
		return run.Components{Executor: n, Load: g, Sink: sink, Failed: failed, LoadProgress: g.latest}, nil
	})
	end()
	n.busy.Wait()
	return errors.Join(err, list.close(), g.finish(context.WithoutCancel(ctx)))
}

// restore gives the target back the replicas it had, if the run has scaled it.
// It has a deadline of its own, and follows an interruption too.
func (r *Attached) restore(t *theirs, tell func(string, ...any)) error {
	if !t.scaled() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), tidyFor)
	defer stop()
	done, err := r.api.giveBack(ctx, t.view.Metadata.Namespace, t.view.Metadata.Name)
	if done != "" {
		tell("Deployment %s/%s: %s", t.view.Metadata.Namespace, t.view.Metadata.Name, done)
	}
	return err
}

// budget is how many requests a run may lose before it stops to try.
type budget struct{ most int }

// spent says how much is lost, and whether that is all that may be.
func (b budget) spent(counts []run.StreamCount) (lost uint64, over bool) {
	for _, c := range counts {
		for class, n := range c.Failed {
			if class != "" {
				lost += n
			}
		}
	}
	return lost, b.most > 0 && lost >= uint64(b.most)
}

func (b budget) watch(ctx context.Context, counts func() []run.StreamCount, end func(run.EndLoad)) {
	for client.Sleep(ctx, 100*time.Millisecond) == nil {
		if lost, over := b.spent(counts()); over {
			end(run.EndLoad{Kind: record.KindAborted, Why: fmt.Sprintf("%d requests are lost, and the budget (--abort-after) is %d", lost, b.most)})
			return
		}
	}
}

// complete is p with what the target's Deployment says of its pods.
func (v *deploymentView) complete(p *plan.Plan) *plan.Plan {
	q := *p
	q.Steps = slices.Clone(p.Steps)
	for i, s := range q.Steps {
		if a, ok := s.Action.(plan.RestoreReplicas); ok {
			q.Steps[i].Action = plan.Scale{Workload: a.Workload, Replicas: v.replicas()}
		}
	}
	q.Workloads, q.Control.Workloads = slices.Clone(p.Workloads), slices.Clone(p.Control.Workloads)
	for i := range q.Workloads {
		if q.Workloads[i].Name == v.Metadata.Name {
			q.Workloads[i].Replicas = v.replicas()
			q.Workloads[i].Labels = v.Spec.Template.Metadata.Labels
			q.Control.Workloads[i].Replicas = v.replicas()
		}
	}
	return &q
}

// CheckRate refuses a load above the cap.
func CheckRate(p *plan.Plan, most float64) error {
	if r := p.TotalRate(); r > most {
		return fmt.Errorf("the load is %g/s in all, and the cap is %g/s\n  --max-rate %g allows it", r, most, r)
	}
	return nil
}

// CheckAllowed refuses what would be written to a cluster without having been
// allowed: changes allows all, load the load pod alone.
func CheckAllowed(p *plan.Plan, inCluster, changes, load bool) error {
	if w := p.TargetChanges(); len(w) > 0 && !changes {
		return fmt.Errorf("this would change Deployment %s/%s (%s), which needs --allow-changes\n  --observe only watches", p.Target.Namespace, p.Target.Deployment, join(w))
	}
	if inCluster && !changes && !load {
		return errors.New("a load pod would be made in the cluster, in a namespace of its own, which needs --allow-load (or --allow-changes)\n  without --in-cluster the load is sent from this machine")
	}
	return nil
}

var _ run.Runtime = (*Attached)(nil)
