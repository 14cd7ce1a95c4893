package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// stage is the namespace of one run.
type stage struct {
	o         Options
	p         *plan.Plan
	api       *api
	out       run.Sink
	tell      func(format string, args ...any)
	image     string
	namespace string
	made      bool        // the namespace is there, and ours
	drained   string      // the node that the plan's drains empty; "" if there are none
	cordoned  atomic.Bool // it is, or may be

	rendered *render.Objects
	urls     map[string]string // of Services that streams go to by themselves
	target   string            // base URL of the entry; "": a pod's address, once there is one
}

// prepare applies all but the demo services, and waits until it is ready.
func (s *stage) prepare(ctx context.Context) error {
	var err error
	if s.p.HasDrain() {
		if s.drained, err = s.api.drainable(ctx); err != nil {
			return err
		}
	}
	o := render.Options{
		Run: s.o.Run, Image: s.image, RegistryImage: s.o.RegistryImage, Free: s.api.freeResources(ctx), LoadPods: s.o.LoadPods, DrainedNode: s.drained,
	}
	r, err := render.Render(s.p, s.o.Manifests, o)
	if err != nil {
		return err
	}
	if err := s.claim(ctx, r.Namespace); err != nil {
		return err
	}
	address := map[string]string{}
	for _, svc := range r.Services {
		got, err := s.apply(ctx, svc)
		if err != nil {
			return err
		}
		address[got.GetName()], _, _ = unstructured.NestedString(got.Object, "spec", "clusterIP") // "" falls back on the name
	}
	// By address: a name would be looked up by each pod that starts, through
	// a DNS server that may itself only just be starting.
	o.LoadHost, o.RegistryHost = known(address[render.LoadPod]), known(address[render.RegistryName(s.p)])
	if s.rendered, err = render.Render(s.p, s.o.Manifests, o); err != nil {
		return err
	}
	s.target, s.urls = entryURL(s.p, address), serviceURLs(s.p, address)
	for _, x := range s.rendered.Others {
		if err := s.applyPatiently(ctx, x); err != nil {
			return err
		}
	}
	for _, x := range s.rendered.Base() {
		if err := s.applyPatiently(ctx, x); err != nil {
			return err
		}
	}
	if err := s.tellAdjustments(); err != nil {
		return err
	}
	s.tell("waiting for the load pod, and the registry if there is one, in namespace %s", s.namespace)
	return s.await(ctx)
}

// tellAdjustments puts them into the run directory's plan, from which reports list
// them. The plan itself is not ours to change.
func (s *stage) tellAdjustments() error {
	for _, x := range s.rendered.Adjustments {
		s.tell("%s: %s", x.Object, x.Text)
	}
	p := *s.p
	p.Corrections = append(slices.Clone(p.Corrections), s.rendered.Findings(rundir.ManifestsFile)...)
	if err := s.o.Dir.WritePlan(&p); err != nil {
		return fmt.Errorf("writing down the adjustments: %w", err)
	}
	return nil
}

// known is an address, if it is one.
func known(ip string) string {
	if ip == "None" {
		return ""
	}
	return ip
}

// entryURL is where the load goes: the entry's Service; "" if it has none.
func entryURL(p *plan.Plan, address map[string]string) string {
	for _, svc := range p.Services {
		if svc.Name == p.Entry.Service && svc.Target == p.Entry.Port && known(address[svc.Name]) != "" {
			return fmt.Sprintf("http://%s:%d", address[svc.Name], svc.Port)
		}
	}
	return ""
}

// apply applies an object as render prints it.
func (s *stage) apply(ctx context.Context, o render.Object) (*unstructured.Unstructured, error) {
	m, err := render.Manifest(o)
	if err != nil {
		return nil, err
	}
	return s.api.Apply(ctx, m)
}

// claim makes the namespace; one that is there already is refused.
func (s *stage) claim(ctx context.Context, ns *corev1.Namespace) error {
	ns = ns.DeepCopy()
	ns.Annotations = map[string]string{owner.Annotation: owner.Self()}
	// Not by ctx: a request that is given up may have been carried out.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer stop()
	_, err := s.api.Namespaces().Create(ctx, ns, metav1.CreateOptions{FieldManager: manager})
	if err != nil {
		return s.api.unclaimed(s.namespace, err)
	}
	s.made = true
	return nil
}

// unclaimed says why a namespace could not be made. It is the first thing that
// a run does in a cluster.
func (a *api) unclaimed(name string, err error) error {
	switch {
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("%w: namespace %q exists already, and is not this run's: nothing in it was touched\n  choose another --run-id; or see whose it is: kubectl get namespace %s --show-labels", run.ErrEnvironment, name, name)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: creating namespace %s: %w\n  what answers at %s is no Kubernetes API server; is this the right context?", run.ErrEnvironment, name, err, a.Host)
	}
	return a.Explain("creating namespace "+name, err)
}

// applyPatiently waits for what Kubernetes itself puts into a new namespace.
func (s *stage) applyPatiently(ctx context.Context, o render.Object) error {
	ctx, stop := context.WithTimeout(ctx, 15*time.Second)
	defer stop()
	for {
		_, err := s.apply(ctx, o)
		if err == nil || !strings.Contains(err.Error(), "serviceaccount") {
			return err
		}
		if client.Sleep(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

// await returns when the registry's pod and the load pod are ready. One that
// cannot get ready is an error with its reason.
func (s *stage) await(ctx context.Context) error {
	w := waiting{began: time.Now(), running: map[string]time.Time{}}
	_, want := s.rendered.LoadPods()
	want += len(s.rendered.Base()) - 1 // the registry, if anybody registers
	for {
		all, err := s.api.In(pods, s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return s.api.Explain("listing pods", err)
		}
		ready := 0
		for i := range all.Items {
			var p podView
			if err := decodeInto(&all.Items[i], &p); err != nil {
				return err
			}
			if p.ready() {
				ready++
			} else if why := w.trouble(&p, time.Now()); why != "" {
				return fmt.Errorf("%w\n  to look at it, run again with --keep", s.failure(ctx, &p, "does not come up: "+why+s.unhealthy(ctx, p.Metadata.Name)))
			}
		}
		switch {
		case ready >= want:
			return nil
		case len(all.Items) < want && time.Since(w.began) > unscheduledPatience:
			return fmt.Errorf("%w: registry and load have %d of %d pods after %v: %s", run.ErrEnvironment, len(all.Items), want, unscheduledPatience, s.refusals(ctx))
		}
		if err := client.Sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%w: while the registry came up", run.ErrInterrupted)
		}
	}
}

// waiting is the patience with pods that are to become ready.
type waiting struct {
	began   time.Time
	running map[string]time.Time // since when a pod's container runs
}

// trouble is why p will not get ready; "" while it may.
func (w *waiting) trouble(p *podView, now time.Time) string {
	name := p.Metadata.Name
	if c := p.service(); c != nil && c.State.Running != nil {
		if w.running[name].IsZero() {
			w.running[name] = now
		}
		if now.Sub(w.running[name]) > readyFor {
			return fmt.Sprintf("it runs, and is not ready after %v", readyFor)
		}
	}
	if now.Sub(w.began) > baseFor {
		return fmt.Sprintf("it does not run after %v", baseFor)
	}
	return p.trouble(now.Sub(w.began) < unscheduledPatience)
}

// unhealthy is what a pod's probe has said last, as the cluster's events tell.
func (s *stage) unhealthy(ctx context.Context, pod string) string {
	all, err := s.api.In(k8sEvents, s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	said := ""
	for i := range all.Items {
		var e eventView
		if decodeInto(&all.Items[i], &e) == nil && e.InvolvedObject.Name == pod && e.Reason == "Unhealthy" {
			said = "; " + strings.TrimSpace(e.Message)
		}
	}
	return said
}

// failure is what is wrong with a pod, with the end of its log.
func (s *stage) failure(ctx context.Context, p *podView, why string) error {
	c := p.service()
	restarted := c != nil && c.RestartCount > 0
	said := s.api.LogTail(ctx, s.namespace, p.Metadata.Name, restarted)
	if said != "" {
		said = "\n  its log ends: " + strings.ReplaceAll(said, "\n", "\n    ")
	}
	return fmt.Errorf("%w: pod %s %s%s", run.ErrEnvironment, p.Metadata.Name, why, said)
}

// refusals is why pods are not even created, as the cluster's events tell.
func (s *stage) refusals(ctx context.Context) string {
	all, err := s.api.In(k8sEvents, s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "and its events cannot be read: " + err.Error()
	}
	for i := range all.Items {
		var e eventView
		if decodeInto(&all.Items[i], &e) == nil && e.refusal() != "" {
			return e.refusal()
		}
	}
	return "no reason is given"
}

// play carries the plan out.
func (s *stage) play(ctx context.Context) error {
	plane, err := control.NewObservedCluster(s.p.Control)
	if err != nil {
		return fmt.Errorf("directing %q: %w", s.p.Scenario, err)
	}
	shards, err := s.shards(ctx)
	if err != nil {
		return err
	}
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	failed := make(chan error, 1)
	c := newCopiers(s.o.Dir, shards)
	n := newNode(over, s, nil, failed)
	n.client = shards[0].client
	l := &load{plan: s.p, shards: shards, target: n.entry, urls: s.urls}
	err = run.DirectOn(ctx, s.p, run.Options{ControlPlane: plane, StartupTimeout: upFor, LoadLead: lead}, func(in run.Inbox) (run.Components, error) {
		if err := s.tellClocks(shards); err != nil {
			return run.Components{}, err
		}
		n.inbox = in
		c.begin(over, in.Observed, n.fail)
		n.watch()
		return run.Components{Executor: n, Load: l, Sink: c[0].sink(s.out), Failed: failed, LoadProgress: l.latest}, nil
	})
	end()
	n.busy.Wait()
	return cause(err, c.finish(context.WithoutCancel(ctx)))
}

// cause is err, if the environment has failed: that not all could be fetched
// then follows from it, and the torn logs tell. Else it is both.
func cause(err, fetching error) error {
	if errors.Is(err, run.ErrEnvironment) {
		return err
	}
	return errors.Join(err, fetching)
}

// clockRounds is how often the load pod's clock is asked.
const clockRounds = 9

// tellClocks keeps how far the clocks are from each other, and how sure that is.
func (s *stage) tellClocks(shards []*shard) error {
	err := s.out.Event(clockEvent(shards[0].clock))
	for _, x := range shards[1:] {
		err = errors.Join(err, s.out.Event(x.clockEvent()))
	}
	return err
}

func clockEvent(o record.Offset) record.Event {
	return record.Event{
		At: record.At(time.Now()), Kind: record.KindClockOffset, N: int64(o.Ahead), Data: mustJSON(o),
		Text: fmt.Sprintf("the harness's, within %d µs of the load pod's", o.Within),
	}
}

// leave removes the namespace, or says that it is kept. It has a deadline of
// its own: it is done after an interruption too.
func (s *stage) leave() error {
	if !s.made {
		return nil
	}
	return errors.Join(s.uncordon(), s.vacate())
}

func (s *stage) vacate() error {
	if s.o.Keep {
		s.tell("kept namespace %s: kubectl delete namespace %s", s.namespace, s.namespace)
		return s.keep()
	}
	ctx, stop := context.WithTimeout(context.Background(), tidyFor)
	defer stop()
	return s.api.removeNamespace(ctx, s.namespace)
}

// keep takes the namespace out of what clean looks for.
func (s *stage) keep() error {
	ctx, stop := context.WithTimeout(context.Background(), tidyFor)
	defer stop()
	patch := []byte(`{"metadata":{"annotations":{"` + owner.KeptAnnotation + `":"true"}}}`)
	_, err := s.api.Resource(namespaces).Patch(ctx, s.namespace, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return s.api.Explain("marking namespace "+s.namespace+" as kept", err)
}
