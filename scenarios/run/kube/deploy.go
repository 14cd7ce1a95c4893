package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// deployment is a run's objects in its namespace, but for the demo services, which
// the run itself applies.
type deployment struct {
	c         *client.Client
	namespace *runNamespace
	plan      *plan.Plan
	objects   *render.Objects
	drained   *drain.Node       // nil if the plan drains none
	addresses map[string]string // of Services, by name
}

// loadPods returns how many pods share the load.
func (d *deployment) loadPods() int {
	_, n := d.objects.LoadPods()
	return n
}

// deploy creates the namespace and applies all but the demo services. It returns
// when the registry and the load pods are ready.
func deploy(ctx context.Context, c *client.Client, ns *runNamespace, p *plan.Plan, o Options, image string) (*deployment, error) {
	d := &deployment{c: c, namespace: ns, plan: p, addresses: map[string]string{}}
	ro := render.Options{Run: o.Run, Image: image, RegistryImage: o.RegistryImage, Free: freeResources(ctx, c), LoadPods: o.LoadPods}
	if p.HasDrain() {
		var err error
		if d.drained, err = drain.Choose(ctx, c, o.Run); err != nil {
			return nil, err
		}
		ro.DrainedNode = d.drained.Name
	}
	first, err := render.Render(p, o.Manifests, ro)
	if err != nil {
		return nil, err
	}
	if err := ns.create(ctx, o.Run); err != nil {
		return nil, err
	}
	for _, s := range first.Services {
		got, err := apply(ctx, c, s)
		if err != nil {
			return nil, err
		}
		d.addresses[got.GetName()], _, _ = unstructured.NestedString(got.Object, "spec", "clusterIP") // "" falls back on the name
	}
	// By address: each pod that starts would look up a name, at a DNS server that
	// may only just be starting itself.
	ro.LoadHost, ro.RegistryHost = clusterIP(d.addresses[render.LoadPod]), clusterIP(d.addresses[render.RegistryName(p)])
	if d.objects, err = render.Render(p, o.Manifests, ro); err != nil {
		return nil, err
	}
	base := d.objects.Base()
	var objects []render.Object
	for _, o := range d.objects.Others {
		objects = append(objects, o)
	}
	for _, o := range append(objects, base...) {
		if err := applyToNewNamespace(ctx, c, o); err != nil {
			return nil, err
		}
	}
	if err := d.recordAdjustments(o.Dir); err != nil {
		return nil, err
	}
	ns.logf("waiting for the load pod, and the registry if there is one, in namespace %s", ns.name)
	return d, diagnosis{c, ns.name}.waitReady(ctx, len(base)-1+d.loadPods())
}

// recordAdjustments adds what was changed in the manifests to the plan in the run
// directory, from which reports list it. The plan itself stays as it is.
func (d *deployment) recordAdjustments(dir *rundir.Dir) error {
	for _, x := range d.objects.Adjustments {
		d.namespace.logf("%s: %s", x.Object, x.Text)
	}
	p := *d.plan
	p.Corrections = append(slices.Clone(p.Corrections), d.objects.Findings(rundir.ManifestsFile)...)
	if err := dir.WritePlan(&p); err != nil {
		return fmt.Errorf("recording the adjustments of the manifests: %w", err)
	}
	return nil
}

// applyToNewNamespace applies an object, and waits for the ServiceAccount that
// Kubernetes itself puts into a new namespace.
func applyToNewNamespace(ctx context.Context, c *client.Client, o render.Object) error {
	ctx, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	for {
		_, err := apply(ctx, c, o)
		if err == nil || !strings.Contains(err.Error(), "serviceaccount") {
			return err
		}
		if ctxtime.Sleep(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

// apply applies an object as render prints it.
func apply(ctx context.Context, c *client.Client, o render.Object) (*unstructured.Unstructured, error) {
	m, err := render.Manifest(o)
	if err != nil {
		return nil, err
	}
	return c.Apply(ctx, m)
}
