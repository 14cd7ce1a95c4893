package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/rundir"
)

// deploymentView is what matters of a target's Deployment.
type deploymentView struct {
	Metadata struct{ Namespace, Name string }
	Spec     struct {
		Replicas *int
		Selector metav1.LabelSelector
		Strategy struct {
			Type          string
			RollingUpdate *struct{ MaxUnavailable *intstr.IntOrString }
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
		}
	}
	Status struct{ ReadyReplicas int }

	rollout rolloutView // as it is; decoded apart
}

func (v *deploymentView) replicas() int {
	if v.Spec.Replicas == nil {
		return 1
	}
	return *v.Spec.Replicas
}

// deployment reads one; the error says that it is not there, and which are.
func (a *api) deployment(ctx context.Context, namespace, name string) (*deploymentView, error) {
	u, err := a.In(deployments, namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		var there []string
		if all, lerr := a.In(deployments, namespace).List(ctx, metav1.ListOptions{Limit: 20}); lerr == nil {
			for _, d := range all.Items {
				there = append(there, d.GetName())
			}
		}
		return nil, fmt.Errorf("%w: namespace %q has no Deployment %q\n  it has: %s", run.ErrEnvironment, namespace, name, client.OrNone(there))
	}
	if err != nil {
		return nil, a.Explain("reading Deployment "+name, err)
	}
	var v deploymentView
	return &v, errors.Join(decodeInto(u, &v), decodeInto(u, &v.rollout))
}

// fit says why a target cannot be measured; nil if it can.
func (v *deploymentView) fit(p *plan.Plan) error {
	if _, err := metav1.LabelSelectorAsSelector(&v.Spec.Selector); err != nil {
		return fmt.Errorf("reading the selector of Deployment %s: %w", v.Metadata.Name, err)
	}
	ns, name := v.Metadata.Namespace, v.Metadata.Name
	if v.Status.ReadyReplicas == 0 {
		return fmt.Errorf("of Deployment %s/%s no pod is ready (%d wanted)\n  look: kubectl -n %s get pods", ns, name, v.replicas(), ns)
	}
	if v.rollout.Spec.Paused && !p.Target.Observe { // who observes may be about to see it resumed
		return fmt.Errorf("the rollouts of Deployment %s/%s are paused: none that the run began would come about\n  kubectl -n %s rollout resume deployment %s", ns, name, ns, name)
	}
	if why := v.unsettled(); why != "" {
		return fmt.Errorf("of Deployment %s/%s %s: what it would lose is not this release's\n  wait until it is whole: kubectl -n %s rollout status deployment %s", ns, name, why, ns, name)
	}
	return nil
}

// unsettled is why a target is not as it is to be before a release; "" if it is.
func (v *deploymentView) unsettled() string {
	r, want := v.rollout, v.replicas()
	r.Spec.Paused = false
	ok, stuck := r.whole()
	switch s := r.Status; {
	case ok:
		return ""
	case stuck != "":
		return fmt.Sprintf("the last rollout has not come to its end (%s)", stuck)
	case s.UpdatedReplicas == want && s.Replicas == want && s.ReadyReplicas < want:
		return fmt.Sprintf("only %d of %d pods are ready", s.ReadyReplicas, want)
	default:
		return fmt.Sprintf("a rollout is on (%d of %d pods are of its template, %d are there)", s.UpdatedReplicas, want, s.Replicas)
	}
}

// theirs is the target while a run goes on: what is seen of it, and what the
// run has done to it.
type theirs struct {
	view  *deploymentView
	pods  *owned
	since time.Time
	ahead record.Micros // of the record's clock, to this process's

	mu       sync.Mutex
	file     *os.File
	events   *record.EventWriter
	err      error
	template string // as it was last seen, in JSON
	replicas int    // as they were last seen
	ordered  *int   // by this run
}

func newTheirs(a *api, v *deploymentView, dir *rundir.Dir) (*theirs, error) {
	pods, err := a.owned(v.Metadata.Namespace, v.Metadata.Name, &v.Spec.Selector)
	if err != nil {
		return nil, err
	}
	f, err := dir.CreateEvents("target")
	if err != nil {
		return nil, err
	}
	return &theirs{view: v, pods: pods, since: time.Now(), file: f, events: record.NewEventWriter(f), replicas: v.replicas()}, nil
}

// claim marks a pod as the target's, in what is known of it here; false: it is
// somebody else's.
func (t *theirs) claim(ctx context.Context, p *podView) (bool, error) {
	mine, err := t.pods.has(ctx, p)
	if err != nil || !mine {
		return false, err
	}
	if p.Metadata.Labels == nil { // a selector may ask for what is not there
		p.Metadata.Labels = map[string]string{}
	}
	p.Metadata.Labels[owner.WorkloadLabel] = t.view.Metadata.Name
	return true, nil
}

// order keeps the replicas that this run scales the target to.
func (t *theirs) order(replicas int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ordered = &replicas
}

// scaled reports whether this run has scaled the target.
func (t *theirs) scaled() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ordered != nil
}

// write notes what is seen of the target beside its pods.
func (t *theirs) write(e record.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(e)
}

func (t *theirs) put(e record.Event) {
	e.At = record.At(time.Now()) + t.ahead
	if err := t.events.Write(e); err != nil && t.err == nil {
		t.err = err
	}
}

func (t *theirs) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(record.Event{Kind: record.KindEnd})
	return errors.Join(t.err, t.file.Close())
}

// see takes in the Deployment: whoever changes its template begins a rollout,
// whoever changes its replicas scales it.
func (t *theirs) see(u *unstructured.Unstructured) error {
	if u.GetName() != t.view.Metadata.Name {
		return nil
	}
	template, _, _ := unstructured.NestedMap(u.Object, "spec", "template") // it always has one
	text, err := json.Marshal(template)
	var v deploymentView
	if err != nil || decodeInto(u, &v) != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.template != "" && string(text) != t.template {
		t.put(record.Event{Kind: record.KindRolloutSeen, Workload: u.GetName(), Text: "its template has changed"})
	}
	if n := v.replicas(); n != t.replicas {
		if t.ordered == nil || n != *t.ordered { // ours is told already
			t.put(record.Event{Kind: record.KindScaled, Workload: u.GetName(), N: int64(n), Text: "by somebody else"})
		}
		t.replicas = n
	}
	t.template = string(text)
	return nil
}

func (t *theirs) gone(*unstructured.Unstructured) {}

// where is the namespace of the pods that are watched.
func (n *node) where() string {
	if n.theirs != nil {
		return n.theirs.view.Metadata.Namespace
	}
	return n.stage.namespace
}

func join(words []string) string { return strings.Join(words, ", ") }

// allowed asks the budgets again, when it is time: what they allowed before the
// run they may not allow now.
func (n *node) allowed(ctx context.Context, workload string, a plan.Action) error {
	v, err := n.stage.api.deployment(ctx, n.where(), workload)
	if err != nil {
		return err
	}
	return n.stage.api.respectBudgets(ctx, &plan.Plan{Target: &plan.Target{Namespace: n.where()}, Steps: []plan.Step{{Action: a}}}, v)
}

// takes is how many of its pods a restart of the target takes at once, at most:
// all where they are recreated, else what its strategy lets be unavailable
// (25 % of them, rounded down, by default), and one at least, as one goes after
// the other.
func (v *deploymentView) takes() int {
	if v.Spec.Strategy.Type == "Recreate" {
		return v.replicas()
	}
	most := intstr.FromString("25%")
	if r := v.Spec.Strategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		most = *r.MaxUnavailable
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&most, v.replicas(), false)
	if err != nil {
		return v.replicas() // nobody knows
	}
	return max(1, n)
}

// mark keeps what is done to the target, and writes down there, before each
// scaling, what it had and what it is to have.
func (n *node) mark(ctx context.Context, a control.Action) error {
	switch a := a.(type) {
	case control.ScaleWorkload:
		if err := n.allowed(ctx, a.Workload, plan.Scale{Workload: a.Workload, Replicas: a.Replicas}); err != nil {
			return err
		}
		n.theirs.order(a.Replicas)
		return n.stage.api.markScaled(ctx, n.where(), a.Workload, a.Replicas)
	case control.RestartWorkload:
		return n.allowed(ctx, a.Workload, plan.RolloutRestart{Workload: a.Workload})
	default: // no other action changes a target
		return nil
	}
}
