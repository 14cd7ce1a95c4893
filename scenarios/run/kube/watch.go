package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/owner"
)

// namespaceWatcher watches a namespace during a run.
type namespaceWatcher struct {
	*runActivity
	c         *client.Client
	namespace string
	send      func(control.Event)
}

// gaps returns a tracker that reports the watch gaps of what.
func (w *namespaceWatcher) gaps(what string) *client.GapTracker {
	return client.NewGapTracker(func(since time.Time, lasted time.Duration) {
		w.send(control.WatchGap{Resource: what, Since: record.At(since), Lasted: lasted.Truncate(time.Microsecond)})
	})
}

// watch keeps h informed of a resource's objects.
func watch[T metav1.Object, L runtime.Object](w *namespaceWatcher, name string, source client.ListerWatcher[L], h client.Handler[T]) {
	r := client.NewReflector(w.c, name, source, h, w.gaps(name))
	w.wg.Go(func() {
		if err := r.Run(w.ctx); err != nil {
			w.fail(err)
		}
	})
}

// start watches what the reporter reports, and the API server itself.
func (w *namespaceWatcher) start(r *observe.Reporter, onPod func(*corev1.Pod) error, onEvent func(*corev1.Event)) {
	watch(w, "pods", w.c.Pods(w.namespace), client.Handler[*corev1.Pod]{OnObject: onPod, OnGone: r.PodDeleted})
	watch(w, "endpointslices", w.c.EndpointSlices(w.namespace), client.Handler[*discoveryv1.EndpointSlice]{
		OnObject: func(s *discoveryv1.EndpointSlice) error { r.EndpointSlice(s); return nil }, OnGone: r.EndpointSliceDeleted,
	})
	watch(w, "events", w.c.Events(w.namespace), client.Handler[*corev1.Event]{
		OnObject: func(e *corev1.Event) error { onEvent(e); return nil },
	})
	w.wg.Go(func() { client.Heartbeat(w.ctx, w.gaps("its API server"), w.c.Ping) })
}

// ownPods is told of the pods and Events in a run's own namespace: of demo
// services, whose start may fail the run, and of registry and load, whose end does.
type ownPods struct {
	*runActivity
	diagnosis
	plan       *plan.Plan
	reporter   *observe.Reporter
	entry      *entry
	scheduling schedulingWatch
}

func (o *ownPods) onPod(p *corev1.Pod) error {
	workload := p.Labels[owner.WorkloadLabel]
	if workload == "" {
		if reason := observe.Stopped(p); reason != "" {
			o.fail(o.podFailed(o.ctx, p, reason+" during the run"))
		}
		return nil
	}
	o.entry.onPod(p, workload)
	o.reporter.Pod(p, workload, isExternal(o.plan, workload))
	patience := o.scheduling.patient(p, func(pod string) { o.wg.Go(func() { o.lookAgain(pod) }) })
	if reason := observe.StartupProblem(p, patience); reason != "" && !o.entry.loadBegun.Load() {
		o.fail(o.podFailed(o.ctx, p, "does not come up: "+reason))
	}
	return nil
}

// lookAgain looks at a pod when its time to be scheduled is up.
func (o *ownPods) lookAgain(pod string) {
	if ctxtime.Sleep(o.ctx, schedulingTimeout+time.Second) != nil {
		return
	}
	if p, err := o.c.Pods(o.namespace).Get(o.ctx, pod, metav1.GetOptions{}); err == nil {
		_ = o.onPod(p) // the watch tells of it, too
	}
}

func (o *ownPods) onEvent(e *corev1.Event) {
	if reason := observe.CreationFailure(e); reason != "" && !o.entry.loadBegun.Load() {
		o.fail(fmt.Errorf("%w: %s %s cannot create its pods: %s", run.ErrEnvironment, e.InvolvedObject.Kind, e.InvolvedObject.Name, reason))
		return
	}
	o.reporter.Event(e, time.Time{})
}

// targetPods is told of the pods and Events in a target's namespace.
type targetPods struct {
	ctx       context.Context
	ownership *observe.PodOwnership
	workload  string
	reporter  *observe.Reporter
	since     time.Time // Events before it are not the run's
}

// onPod reports the pods that belong to the target. How they come up is what is
// measured.
func (t *targetPods) onPod(p *corev1.Pod) error {
	owns, err := t.ownership.Owns(t.ctx, p)
	if err != nil || !owns {
		return err
	}
	t.reporter.Pod(p, t.workload, true)
	return nil
}

func (t *targetPods) onEvent(e *corev1.Event) { t.reporter.Event(e, t.since) }
