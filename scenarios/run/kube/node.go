package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// node carries out what the plane orders, and tells it what the cluster does.
type node struct {
	stage  *stage
	client *collect.Client
	inbox  run.Inbox
	theirs *theirs // what a run attaches to; nil: all pods are the run's own
	failed chan<- error
	over   context.Context // ends with the run
	busy   sync.WaitGroup
	up     atomic.Bool // the load has begun: what ends from now on is the ledger's matter

	mu        sync.Mutex // held while the plane is told, so that it hears of a pod before it hears about it
	endpoints *endpoints
	told      map[string]bool            // of pods: that they are endpoints
	unplaced  map[string]time.Time       // since when no node takes a pod
	byIP      map[string]record.Instance // foreign pods, by address
	placed    map[string]bool            // foreign pods whose address was told
	counted   map[string]int             // Kubernetes Events seen, by name
	early     map[string][]eventView     // those of pods that were not seen yet, by pod
	entryIP   string                     // of the oldest pod of the entry that is ready
	current   map[string]record.Instance // by pod
}

// newNode is that of a run, until over ends; t is what it attaches to, or nil.
func newNode(over context.Context, s *stage, t *theirs, failed chan<- error) *node {
	n := &node{
		stage: s, theirs: t, failed: failed, over: over, told: map[string]bool{},
		unplaced: map[string]time.Time{}, byIP: map[string]record.Instance{}, placed: map[string]bool{},
		counted: map[string]int{}, early: map[string][]eventView{}, current: map[string]record.Instance{},
	}
	n.endpoints = newEndpoints(namedServices(s.p.Streams, n.where()))
	return n
}

// Execute implements run.Node.
func (n *node) Execute(ctx context.Context, a control.Action, done func(control.Event)) {
	n.busy.Go(func() {
		err := n.do(ctx, a)
		// That rules do not arrive or an eviction is refused does not end the run.
		if _, rules := a.(control.SendRules); err != nil && !rules && !errors.Is(err, errRefused) {
			n.fail(err)
		}
		done(control.OutcomeOf(a, err))
	})
}

func (n *node) do(ctx context.Context, a control.Action) error {
	s := n.stage
	if n.theirs != nil {
		if err := n.mark(ctx, a); err != nil {
			return err
		}
	}
	switch a := a.(type) {
	case control.ApplyWorkload:
		return n.apply(ctx, a.Workload)
	case control.ScaleWorkload:
		return s.api.Scale(ctx, n.where(), a.Workload, a.Replicas)
	case control.RestartWorkload:
		return s.api.Restart(ctx, n.where(), a.Workload, time.Now())
	case control.SetImage:
		return s.api.reimage(ctx, s.namespace, a.Workload, a.Image)
	case control.PauseRollout:
		return s.api.SetPaused(ctx, s.namespace, a.Workload, true)
	case control.ResumeRollout:
		return s.api.SetPaused(ctx, s.namespace, a.Workload, false)
	case control.CordonNode:
		return s.cordon(ctx, a.Workload, a.Node)
	case control.EvictPod:
		return s.api.evict(ctx, s.namespace, a.Pod.Pod)
	case control.SendSignal:
		return n.signal(ctx, a)
	case control.SendRules:
		return n.rule(ctx, a)
	case control.RecordEvent, control.StartContainer, control.RunHook, control.AbandonHook, control.RunProbe, control.SetEndpoint, control.RemovePod:
		return fmt.Errorf("%T is not an action on a cluster", a)
	}
	return nil
}

// apply applies the manifest of a workload; a target exists already.
func (n *node) apply(ctx context.Context, workload string) error {
	if n.theirs != nil {
		return nil
	}
	d, ok := n.stage.rendered.Workload(workload)
	if !ok {
		return fmt.Errorf("applying workload %q: it is in no manifest", workload)
	}
	_, err := n.stage.apply(ctx, d)
	return err
}

const (
	ruleEvery = 200 * time.Millisecond // a container that has just started does not listen yet
	ruleFor   = 9 * time.Second
)

// rule tells a pod changed rules, again and again until it has acknowledged
// them or is gone.
func (n *node) rule(ctx context.Context, a control.SendRules) error {
	i := slices.IndexFunc(n.stage.p.Workloads, func(w plan.Workload) bool { return w.Name == a.Workload })
	o, ok := n.stage.p.OnlineUnder(a.Workload, a.Version)
	if i < 0 || !ok {
		return fmt.Errorf("rules of version %d are not in the plan", a.Version)
	}
	rules := settings.Rules{Schema: settings.RulesSchema, Version: a.Version, Warmup: o.Warmup}
	ctx, stop := context.WithTimeout(ctx, ruleFor)
	defer stop()
	for {
		err := n.stage.api.Post(ctx, n.stage.namespace, a.Pod.Pod, n.stage.p.Workloads[i].Settings.AdminPort, settings.RulesPath, rules.JSON())
		if err == nil {
			return nil
		}
		now, _ := n.instance(a.Pod.Pod)
		if client.Sleep(ctx, ruleEvery) != nil || now != a.Pod {
			return fmt.Errorf("telling %s the rules of version %d: %w", a.Pod, a.Version, err)
		}
	}
}

// signal is a word to the service itself: a container's first process cannot
// be killed from within, and the cluster's own ways of ending it all begin
// with TERM. It dies as by KILL: without a word, its sockets closed by the
// kernel.
func (n *node) signal(ctx context.Context, a control.SendSignal) error {
	if a.Signal == control.SignalInterrupt {
		n.up.Store(true) // whatever ends from now on is meant to
		return n.environment(n.client.Say(ctx, a.Pod, record.Leave))
	}
	if err := n.client.Say(ctx, a.Pod, record.Die); err != nil {
		return n.environment(err)
	}
	if !a.Evict {
		return nil
	}
	return n.stage.api.DeletePod(ctx, n.stage.namespace, a.Pod.Pod)
}

func (n *node) environment(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
}

// fail ends the run: what happened makes it worthless.
func (n *node) fail(err error) {
	if n.over.Err() != nil {
		return
	}
	select {
	case n.failed <- err:
	default: // one reason is enough
	}
}

// watch tells the plane of the cluster until the run is over.
func (n *node) watch() {
	n.follow(pods, n.seePod, n.losePod)
	n.follow(slices1, n.seeSlice, n.loseSlice)
	n.follow(k8sEvents, n.seeEvent, func(*unstructured.Unstructured) {})
	n.busy.Go(func() { client.Heartbeat(n.over, n.gaps("its API server"), n.stage.api.Ping) })
}

func (n *node) follow(gvr schema.GroupVersionResource, see func(*unstructured.Unstructured) error, gone func(*unstructured.Unstructured)) {
	r := client.NewReflector(n.stage.api.Client, gvr.Resource, n.stage.api.In(gvr, n.where()),
		client.Handler[*unstructured.Unstructured]{OnObject: see, OnGone: gone}, n.gaps(gvr.Resource))
	n.busy.Go(func() {
		if err := r.Run(n.over); err != nil {
			n.fail(err)
		}
	})
}

// gaps tells the plane of outages of what is watched.
func (n *node) gaps(what string) *client.GapTracker {
	return client.NewGapTracker(func(since time.Time, lasted time.Duration) {
		n.inbox.Control(control.WatchGap{Resource: what, Since: record.At(since), Lasted: lasted.Truncate(time.Microsecond)})
	})
}

func (n *node) seePod(u *unstructured.Unstructured) error {
	var p podView
	if err := decodeInto(u, &p); err != nil {
		n.fail(err)
		return nil
	}
	if n.theirs != nil {
		if mine, err := n.theirs.claim(n.over, &p); err != nil || !mine {
			return err
		}
	}
	if p.Metadata.Labels[owner.WorkloadLabel] == "" {
		n.seeBase(&p)
		return nil
	}
	n.meet(&p)
	if n.theirs != nil {
		return nil // how theirs come up is what is measured
	}
	if why := p.trouble(n.patience(&p)); why != "" && !n.up.Load() {
		n.fail(n.stage.failure(n.over, &p, "does not come up: "+why))
	}
	return nil
}

// meet tells the plane of a pod as it now is, and, when it is first seen, what
// was told about it before.
func (n *node) meet(p *podView) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := p.Metadata.Name
	_, known := n.current[name]
	n.current[name] = p.instance()
	if p.Metadata.Labels[owner.WorkloadLabel] == n.stage.p.Entry.Workload && p.ready() && n.entryIP == "" {
		n.entryIP = p.Status.PodIP
	}
	for _, e := range append(p.sightings(), n.address(p)...) {
		n.inbox.Control(e)
	}
	if known {
		return
	}
	n.endpoints.meet(name, p.Metadata.Labels[owner.WorkloadLabel])
	n.tellEndpoints(nil)
	for _, e := range n.early[name] {
		n.remark(&e)
	}
	delete(n.early, name)
}

// patience is how much longer a pod may wait for a node.
func (n *node) patience(p *podView) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.is("PodScheduled") {
		delete(n.unplaced, p.Metadata.Name)
		return true
	}
	since, ok := n.unplaced[p.Metadata.Name]
	if !ok {
		since = time.Now()
		n.unplaced[p.Metadata.Name] = since
		// The scheduler does not repeat itself: look again when it is late.
		n.busy.Go(func() {
			if client.Sleep(n.over, unscheduledPatience+time.Second) != nil {
				return
			}
			u, err := n.stage.api.In(pods, n.stage.namespace).Get(n.over, p.Metadata.Name, metav1.GetOptions{})
			if err == nil {
				_ = n.seePod(u) // the watch tells of it, too
			}
		})
	}
	return time.Since(since) < unscheduledPatience
}

// seeBase watches over registry and load pod, whose end is the run's.
func (n *node) seeBase(p *podView) {
	if why := p.ended(); why != "" {
		n.fail(n.stage.failure(n.over, p, why+" during the run"))
	}
}

func (n *node) losePod(u *unstructured.Unstructured) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := u.GetName()
	if i, ok := n.current[name]; ok {
		n.inbox.Control(control.PodGone{Pod: i})
	}
	delete(n.current, name)
	delete(n.told, name)
	delete(n.early, name)
}

func (n *node) instance(pod string) (record.Instance, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.current[pod]
	return i, ok
}

func (n *node) seeSlice(u *unstructured.Unstructured) error {
	var s sliceView
	if err := decodeInto(u, &s); err != nil {
		n.fail(err)
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tellEndpoints(n.endpoints.take(u.GetName(), &s))
	return nil
}

func (n *node) loseSlice(u *unstructured.Unstructured) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tellEndpoints(n.endpoints.drop(u.GetName()))
}

// tellEndpoints tells the plane which pods are offered: of those that are known,
// the ones that a slice was about, and all of which it is not as it was told.
func (n *node) tellEndpoints(touched []string) {
	for _, pod := range slices.Sorted(maps.Keys(n.current)) {
		on := n.endpoints.offered(pod)
		if on != n.told[pod] || slices.Contains(touched, pod) {
			n.told[pod] = on
			n.inbox.Control(control.EndpointObserved{Pod: n.current[pod], Ready: on})
		}
	}
}

func (n *node) seeEvent(u *unstructured.Unstructured) error {
	var e eventView
	if err := decodeInto(u, &e); err != nil {
		n.fail(err)
		return nil
	}
	if n.theirs != nil && e.before(n.theirs.since) {
		return nil // an event of yesterday's
	}
	if why := e.refusal(); why != "" && !n.up.Load() && n.theirs == nil {
		n.fail(fmt.Errorf("%w: %s %s cannot create its pods: %s", run.ErrEnvironment, e.InvolvedObject.Kind, e.InvolvedObject.Name, why))
		return nil
	}
	if e.kind() != "" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.remark(&e)
	}
	return nil
}

// remark tells the plane of a pod's Event, each time that it happens; one whose
// pod is not known yet is kept until it is.
func (n *node) remark(e *eventView) {
	pod := e.InvolvedObject.Name
	i, ok := n.current[pod]
	if !ok {
		n.early[pod] = append(slices.DeleteFunc(n.early[pod], func(x eventView) bool { return x.Metadata.Name == e.Metadata.Name }), *e)
		return
	}
	before := n.counted[e.Metadata.Name]
	n.counted[e.Metadata.Name] = max(before, e.Count, 1)
	if e.Count > before || before == 0 {
		n.inbox.Control(control.KubernetesEvent{Pod: i, Kind: e.kind(), Count: e.Count, Message: e.Message})
	}
}

// entry is the base URL that the load goes to: the entry's Service, or its
// oldest pod where it has none.
func (n *node) entry() (string, error) {
	n.up.Store(true)
	if n.stage.target != "" || !slices.ContainsFunc(n.stage.p.Streams, func(s traffic.Stream) bool { return !s.External() }) {
		return n.stage.target, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.entryIP == "" {
		return "", fmt.Errorf("%w: the entry %q has neither a Service nor a ready pod", run.ErrEnvironment, n.stage.p.Entry.Workload)
	}
	return "http://" + net.JoinHostPort(n.entryIP, strconv.Itoa(n.stage.p.Entry.Port)), nil
}

var _ run.Executor = (*node)(nil)
