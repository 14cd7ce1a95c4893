package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"zeroloss/scenarios/image"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
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
	// kind's Cluster (DefaultCluster), which is made if it is not there, and
	// deleted again then.
	Context    string
	Kubeconfig string // "" is the usual one
	Cluster    string
	NodeImage  string // of a cluster that is made; "" is kind's own default

	// Image is zeroloss' own, in a registry that the nodes can pull from. ""
	// is Binary (this executable) in an image that is loaded into the nodes,
	// which only kind's have a way for.
	Image         string
	Binary        string
	RegistryImage string // "" is RegistryImage

	// LoadPods is how many pods share the load; 0 is as many as its rate needs.
	LoadPods int

	// Keep leaves namespace and cluster as they are at the end.
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
	// upFor is how long the demo services have to come up: images are there,
	// but all start at once, on few processors.
	upFor = 90 * time.Second
	// lead is what the load has to start before time zero.
	lead = time.Second
	// baseFor is how long the images of registry and load pod may take to
	// come, readyFor how long these may run before they are ready.
	baseFor  = 5 * time.Minute
	readyFor = 90 * time.Second
	// tidyFor bounds the clean-up.
	tidyFor = 30 * time.Second
	// lastLogs bounds the wait for what the load pod still has.
	lastLogs = 10 * time.Second
)

// Run implements run.Runtime.
func (r *cluster) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	// Wrong input first, before anything is started.
	if _, err := render.Render(p, r.o.Manifests, render.Options{Run: r.o.Run}); err != nil {
		return err
	}
	tell := func(format string, args ...any) {
		out.Progress(run.Progress{Phase: "starting", Note: fmt.Sprintf(format, args...)})
	}
	built := r.build()
	where, err := r.reach(ctx, p, tell)
	if err != nil {
		return r.interrupted(ctx, err)
	}
	s := &stage{o: r.o, p: p, out: out, tell: tell, namespace: owner.NamespacePrefix + r.o.Run}
	defer func() { err = errors.Join(err, r.leave(where, s, tell)) }()
	if s.image, err = r.images(ctx, where, built, p.UsesRegistry(), tell); err != nil {
		return r.interrupted(ctx, err)
	}
	if s.api, err = newAPI(where.config); err != nil {
		return err
	}
	if where.marked() {
		if err := where.awaitNodes(ctx, s.api); err != nil {
			return r.interrupted(ctx, err)
		}
	}
	if err := s.prepare(ctx); err != nil {
		return r.interrupted(ctx, err)
	}
	return s.play(ctx)
}

// interrupted tells a failure from the end of ctx that caused it.
func (r *cluster) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, run.ErrInterrupted) {
		// It is no failure of the environment: that was its consequence.
		return fmt.Errorf("%w: %s", run.ErrInterrupted, err)
	}
	return err
}

// reach finds or makes the cluster.
func (r *cluster) reach(ctx context.Context, p *plan.Plan, tell func(string, ...any)) (*reach, error) {
	if r.o.Context != "" {
		return ofContext(r.o.Kubeconfig, r.o.Context)
	}
	m, err := userMarks()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	k, err := newKind(cmp.Or(r.o.Cluster, DefaultCluster), m)
	if err != nil {
		return nil, err
	}
	k.workers = workers(p)
	tmp, err := os.MkdirTemp("", "zeroloss-")
	if err != nil {
		return nil, fmt.Errorf("%w: making a temporary directory: %w", run.ErrEnvironment, err)
	}
	defer os.RemoveAll(tmp)
	return k.open(ctx, r.o.NodeImage, tmp, tell)
}

// workers is how many nodes a cluster that is made has beside its control
// plane. A drain needs one to empty, and one for what was on it.
func workers(p *plan.Plan) int {
	if p.HasDrain() {
		return 2
	}
	return 0
}

// build makes the image of this program meanwhile; nil if another is named.
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

// images brings the images to the nodes and returns the name of our own.
func (r *cluster) images(ctx context.Context, where *reach, own <-chan built, registers bool, tell func(string, ...any)) (string, error) {
	if where.kind == nil {
		if r.o.Image == "" {
			return "", fmt.Errorf("%w: nothing can be loaded into the nodes of context %q\n  put the image where they can pull it: zeroloss image --push REF; then run with --image REF", run.ErrEnvironment, r.o.Context)
		}
		return r.o.Image, nil
	}
	tell("loading images into the nodes")
	reg := cmp.Or(r.o.RegistryImage, render.RegistryImage)
	if archive, ok := fromEngine(ctx, reg); ok && registers {
		if err := where.kind.load(ctx, reg, archive); err != nil {
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
		return ref, where.kind.load(ctx, ref, func(w io.Writer) error { return image.WriteTar(w, ref, b.Image) })
	case <-ctx.Done():
		return "", fmt.Errorf("%w: while the image was built", run.ErrInterrupted)
	}
}
