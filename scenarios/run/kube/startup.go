package kube

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/observe"
)

const (
	// imagePullTimeout is how long the images of registry and load pods may take to
	// be pulled, readyTimeout how long these may run before they are ready.
	imagePullTimeout = 5 * time.Minute
	readyTimeout     = 90 * time.Second
	// schedulingTimeout is how long a pod may wait for a node: another pod may be
	// about to make room.
	schedulingTimeout = 20 * time.Second
)

// diagnosis says what is wrong with pods of a namespace.
type diagnosis struct {
	c         *client.Client
	namespace string
}

// podFailed is the error about a pod, with the end of its log.
func (d diagnosis) podFailed(ctx context.Context, p *corev1.Pod, reason string) error {
	log := d.c.LogTail(ctx, d.namespace, p.Name, observe.Restarts(p) > 0)
	if log != "" {
		log = "\n  its log ends: " + strings.ReplaceAll(log, "\n", "\n    ")
	}
	return fmt.Errorf("%w: pod %s %s%s", run.ErrEnvironment, p.Name, reason, log)
}

// lastProbeFailure returns what a pod's probe has last failed with, after "; ", or
// "".
func (d diagnosis) lastProbeFailure(ctx context.Context, pod string) string {
	all, err := d.c.Events(d.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	message := ""
	for _, e := range all.Items {
		if e.InvolvedObject.Name == pod && e.Reason == "Unhealthy" {
			message = "; " + strings.TrimSpace(e.Message)
		}
	}
	return message
}

// creationFailure returns why pods are not even created.
func (d diagnosis) creationFailure(ctx context.Context) string {
	all, err := d.c.Events(d.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "reading the namespace's Events: " + err.Error()
	}
	for i := range all.Items {
		if reason := observe.CreationFailure(&all.Items[i]); reason != "" {
			return reason
		}
	}
	return "no reason is given"
}

// waitReady returns when the pods of registry and load, count in all, are ready.
// One that cannot become ready is an error with the reason.
func (d diagnosis) waitReady(ctx context.Context, count int) error {
	r := readiness{began: time.Now(), running: map[string]time.Time{}}
	for {
		all, err := d.c.Pods(d.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return d.c.Explain("listing pods", err)
		}
		ready := 0
		for i := range all.Items {
			p := &all.Items[i]
			if observe.Ready(p) {
				ready++
			} else if reason := r.problem(p, time.Now()); reason != "" {
				return fmt.Errorf("%w\n  to look at it, run again with --keep", d.podFailed(ctx, p, "does not come up: "+reason+d.lastProbeFailure(ctx, p.Name)))
			}
		}
		switch {
		case ready >= count:
			return nil
		case len(all.Items) < count && time.Since(r.began) > schedulingTimeout:
			return fmt.Errorf("%w: registry and load have %d of %d pods after %v: %s", run.ErrEnvironment, len(all.Items), count, schedulingTimeout, d.creationFailure(ctx))
		}
		if err := ctxtime.Sleep(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("%w: while registry and load pod came up", run.ErrInterrupted)
		}
	}
}

// readiness is the patience with pods that are to become ready.
type readiness struct {
	began   time.Time
	running map[string]time.Time // since when a pod's container runs
}

// problem returns why p will not become ready, or "" while it may.
func (r *readiness) problem(p *corev1.Pod, now time.Time) string {
	if observe.Running(p) {
		if r.running[p.Name].IsZero() {
			r.running[p.Name] = now
		}
		if now.Sub(r.running[p.Name]) > readyTimeout {
			return fmt.Sprintf("it runs, and is not ready after %v", readyTimeout)
		}
	}
	if now.Sub(r.began) > imagePullTimeout {
		return fmt.Sprintf("it does not run after %v", imagePullTimeout)
	}
	return observe.StartupProblem(p, now.Sub(r.began) < schedulingTimeout)
}

// schedulingWatch knows how long pods have waited for a node.
type schedulingWatch struct {
	mu    sync.Mutex
	since map[string]time.Time // by pod
}

// patient reports whether p may wait longer for a node. The scheduler does not
// repeat itself: the first time for a pod, again is called once the time is up.
func (w *schedulingWatch) patient(p *corev1.Pod, again func(pod string)) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if observe.Scheduled(p) {
		delete(w.since, p.Name)
		return true
	}
	since, ok := w.since[p.Name]
	if !ok {
		since = time.Now()
		if w.since == nil {
			w.since = map[string]time.Time{}
		}
		w.since[p.Name] = since
		again(p.Name)
	}
	return time.Since(since) < schedulingTimeout
}
