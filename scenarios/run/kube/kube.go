package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"zeroloss/scenarios/control"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/kindcluster"
	"zeroloss/scenarios/run/kube/loadpods"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// Options is what the runtime needs. Dir, Manifests and Run are required.
type Options struct {
	Dir       *rundir.Dir // the run's directory, created and locked
	Manifests []byte      // as the plan was made from them
	Run       string      // id of the run: a DNS label, used once

	// Which cluster: that of a kubeconfig's Context, or, where that is "",
	// kind's Cluster ([kindcluster.DefaultName]), which is created if it does not
	// exist, and then deleted at the end.
	Context    string
	Kubeconfig string // "" is the usual one
	Cluster    string
	NodeImage  string // of a kind cluster that is created; "" is kind's own default

	// Image is zeroloss' own, in a registry that the nodes can pull from. ""
	// is Binary (this executable) in an image that is loaded into the nodes of a
	// kind cluster.
	Image         string
	Binary        string
	RegistryImage string // "" is RegistryImage

	// LoadPods is how many pods share the load; 0 is as many as its rate needs.
	LoadPods int

	// Keep does not delete namespace and cluster at the end.
	Keep bool
}

// CheckRun refuses an id of which no namespace's name can be made.
func CheckRun(id string) error {
	if why := validation.IsDNS1123Label(owner.NamespacePrefix + id); len(why) > 0 {
		return fmt.Errorf("run id %q: namespace %q: %s", id, owner.NamespacePrefix+id, strings.Join(why, "; "))
	}
	return nil
}

// New is the runtime. Its Run may be called once.
func New(o Options) run.Runtime { return &cluster{o: o} }

// cluster is one, as a runtime.
type cluster struct {
	o Options
}

const (
	// startupTimeout is how long the demo services may take to come up: the images
	// are there, but all start at once, on few processors.
	startupTimeout = 90 * time.Second
	// loadLead is how long before time zero the load is started.
	loadLead = time.Second
	// cleanupTimeout bounds each part of the clean-up.
	cleanupTimeout = 30 * time.Second
)

// teller returns a function that tells the user what a run does before it begins.
func teller(out run.Sink) func(format string, args ...any) {
	return func(format string, args ...any) {
		out.Progress(run.Progress{Phase: "starting", Note: fmt.Sprintf(format, args...)})
	}
}

// Run implements run.Runtime.
func (r *cluster) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	// Wrong input first, before anything is started.
	if _, err := render.Render(p, r.o.Manifests, render.Options{Run: r.o.Run}); err != nil {
		return err
	}
	tell := teller(out)
	built := r.build()
	conn, err := connect(ctx, r.o, p, tell)
	if err != nil {
		return interrupted(ctx, err)
	}
	ns := &runNamespace{name: owner.NamespacePrefix + r.o.Run, keep: r.o.Keep, tell: tell}
	var d *deployment
	release := func() error { return errors.Join(d.uncordon(), ns.release()) }
	defer func() {
		err = errors.Join(err, conn.release(context.WithoutCancel(ctx), r.o.Keep, ns, release, tell))
	}()
	if ns.c, err = client.New(conn.config); err != nil {
		return err
	}
	if conn.kind != nil { // at once: the namespace shows other runs that the cluster is in use
		if err := ns.create(ctx, r.o.Run); err != nil {
			return interrupted(ctx, err)
		}
	}
	image, err := r.images(ctx, conn, built, p.UsesRegistry(), tell)
	if err != nil {
		return interrupted(ctx, err)
	}
	if conn.kind != nil && conn.kind.Owned() { // it may just have been created
		if err := conn.kind.AwaitNodes(ctx, ns.c); err != nil {
			return interrupted(ctx, err)
		}
	}
	if d, err = deploy(ctx, ns.c, ns, p, r.o, image); err != nil {
		return interrupted(ctx, err)
	}
	return d.run(ctx, r.o.Dir, out)
}

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
	err = run.DirectOn(ctx, d.plan, run.Options{ControlPlane: plane, StartupTimeout: startupTimeout, LoadLead: loadLead}, func(in run.Inbox) (run.Components, error) {
		if err := pods.RecordClocks(out); err != nil {
			return run.Components{}, err
		}
		logs.Start(a.ctx, in.Observed, a.fail)
		reporter := observe.NewReporter(d.namespace.name, d.plan.Streams, in.Control)
		own := &ownPods{activity: a, diagnosis: diagnosis{d.c, d.namespace.name}, plan: d.plan, reporter: reporter, entry: entry}
		w := &watcher{activity: a, c: d.c, namespace: d.namespace.name, send: in.Control}
		w.start(reporter, own.onPod, own.onEvent)
		e := &executor{
			activity: a, c: d.c, namespace: d.namespace.name, plan: d.plan, objects: d.objects, drained: d.drained,
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

// uncordon uncordons the node that the run has drained, if any.
func (d *deployment) uncordon() error {
	if d == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), cleanupTimeout)
	defer stop()
	return d.drained.Uncordon(ctx)
}

// interrupted makes an error that the end of ctx has caused an interruption: it is
// no failure of the environment.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, run.ErrInterrupted) {
		return fmt.Errorf("%w: %s", run.ErrInterrupted, err)
	}
	return err
}

// build starts to build the image of this program; nil if another one is named.
func (r *cluster) build() <-chan built {
	if r.o.Image != "" || r.o.Context != "" {
		return nil
	}
	c := make(chan built, 1)
	go func() {
		img, err := image.Build(image.Options{Binary: r.o.Binary})
		c <- built{img, err}
	}()
	return c
}

type built struct {
	*image.Image
	err error
}

// images loads the images into the nodes and returns the name of zeroloss' own.
func (r *cluster) images(ctx context.Context, conn *connection, own <-chan built, registers bool, tell func(string, ...any)) (string, error) {
	if conn.kind == nil {
		if r.o.Image == "" {
			return "", fmt.Errorf("%w: nothing can be loaded into the nodes of context %q\n  put the image where they can pull it: zeroloss image --push REF; then run with --image REF", run.ErrEnvironment, r.o.Context)
		}
		return r.o.Image, nil
	}
	tell("loading images into the nodes")
	reg := cmp.Or(r.o.RegistryImage, render.RegistryImage)
	if archive, ok := kindcluster.EngineImage(ctx, reg); ok && registers {
		if err := conn.kind.LoadImage(ctx, reg, archive); err != nil {
			return "", err
		}
	}
	if own == nil {
		return r.o.Image, nil
	}
	select {
	case b := <-own:
		if b.err != nil {
			return "", fmt.Errorf("%w: %w", run.ErrEnvironment, b.err)
		}
		ref := b.Ref()
		return ref, conn.kind.LoadImage(ctx, ref, func(w io.Writer) error { return image.WriteTar(w, ref, b.Image) })
	case <-ctx.Done():
		return "", fmt.Errorf("%w: while the image was built", run.ErrInterrupted)
	}
}
