package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// Options is what the runtime needs. Dir, Manifests and Run are required.
type Options struct {
	Dir       *rundir.Dir // the run's directory, created and locked
	Manifests []byte      // those that the plan was compiled from
	Run       string      // id of the run: a DNS label, used once

	// Context of the kubeconfig that names the cluster. If it is "", Cluster names a
	// kind cluster ("": [kindcluster.DefaultName]). It is created if it does not
	// exist, and then deleted at the end.
	Context    string
	Kubeconfig string // "": the usual one
	Cluster    string
	NodeImage  string // of a kind cluster that is created; "": kind's default

	// Image of this program, in a registry that the nodes can pull from. If it is "",
	// an image of Binary ("": this executable) is built and loaded into the nodes,
	// which works with kind only.
	Image         string
	Binary        string
	RegistryImage string // "": [render.RegistryImage]

	// LoadPods is how many pods share the load; 0: as many as its rate needs.
	LoadPods int

	// Keep does not delete the namespace and the cluster at the end.
	Keep bool
}

// CheckRunID refuses an id from which no namespace name can be made.
func CheckRunID(id string) error {
	if why := validation.IsDNS1123Label(owner.NamespacePrefix + id); len(why) > 0 {
		return fmt.Errorf("run id %q: namespace %q: %s", id, owner.NamespacePrefix+id, strings.Join(why, "; "))
	}
	return nil
}

// New returns the runtime. Its Run may be called once.
func New(o Options) run.Runtime { return &clusterRuntime{o: o} }

type clusterRuntime struct{ o Options }

const (
	// startupTimeout is how long the demo services may take to come up: the images
	// are there, but all start at once, on few processors.
	startupTimeout = 90 * time.Second
	// loadLead is how long before time zero the load is started.
	loadLead = time.Second
	// cleanupTimeout bounds each part of the clean-up.
	cleanupTimeout = 30 * time.Second
)

// progressLogger returns a function that tells the user what a run does before it
// begins.
func progressLogger(out run.Sink) func(format string, args ...any) {
	return func(format string, args ...any) {
		out.Progress(run.Progress{Phase: "starting", Note: fmt.Sprintf(format, args...)})
	}
}

// Run implements run.Runtime.
func (r *clusterRuntime) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	// Wrong input first, before anything is started.
	if _, err := render.Render(p, r.o.Manifests, render.Options{Run: r.o.Run}); err != nil {
		return err
	}
	logf := progressLogger(out)
	own := buildOwnImage(r.o)
	conn, err := connect(ctx, r.o, p, logf)
	if err != nil {
		return interrupted(ctx, err)
	}
	ns := &runNamespace{name: owner.NamespacePrefix + r.o.Run, keep: r.o.Keep, logf: logf}
	var d *deployment
	release := func() error { return errors.Join(d.uncordon(ctx), ns.deleteOrKeep(ctx)) }
	defer func() {
		err = errors.Join(err, conn.leave(context.WithoutCancel(ctx), r.o.Keep, ns, release, logf))
	}()
	if ns.c, err = client.New(conn.config); err != nil {
		return err
	}
	if conn.kind != nil { // at once: the namespace shows other runs that the cluster is in use
		if err := ns.create(ctx, r.o.Run); err != nil {
			return interrupted(ctx, err)
		}
	}
	image, err := loadImages(ctx, r.o, conn, own, p.UsesRegistry(), logf)
	if err != nil {
		return interrupted(ctx, err)
	}
	if conn.kind != nil && conn.kind.CreatedByRun() { // it may just have been created
		if err := conn.kind.AwaitNodes(ctx, ns.c); err != nil {
			return interrupted(ctx, err)
		}
	}
	if d, err = deploy(ctx, ns.c, ns, p, r.o, image); err != nil {
		return interrupted(ctx, err)
	}
	return d.run(ctx, r.o.Dir, out)
}

// interrupted makes an error that the end of ctx has caused an interruption: it is
// no failure of the environment.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, run.ErrInterrupted) {
		return fmt.Errorf("%w: %s", run.ErrInterrupted, err) //nolint:errorlint // no longer an ErrEnvironment
	}
	return err
}
