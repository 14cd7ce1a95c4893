package target

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/observe"
)

// CheckRate refuses a load above maxRate requests per second.
func CheckRate(p *plan.Plan, maxRate float64) error {
	if r := p.TotalRate(); r > maxRate {
		return fmt.Errorf("the load is %g/s in all, but at most %g/s are allowed\n  --max-rate %g allows it", r, maxRate, r)
	}
	return nil
}

// CheckAllowed refuses writes to a cluster that the user has not allowed: changes
// allows all that the plan does, load a load pod only.
func CheckAllowed(p *plan.Plan, inCluster, changes, load bool) error {
	if w := p.TargetChanges(); len(w) > 0 && !changes {
		return fmt.Errorf("this would change Deployment %s/%s (%s), which needs --allow-changes\n  --observe only watches", p.Target.Namespace, p.Target.Deployment, strings.Join(w, ", "))
	}
	if inCluster && !changes && !load {
		return errors.New("this would create a load pod in the cluster, in a namespace of its own, which needs --allow-load (or --allow-changes)\n  without --in-cluster the load is sent from this machine")
	}
	return nil
}

// CheckPermissions asks the cluster for the permissions that a run on p's target
// needs.
func CheckPermissions(ctx context.Context, c *client.Client, p *plan.Plan, inCluster bool) error {
	return c.CheckAccess(ctx, Permissions(p, inCluster), "zeroloss attach --rbac prints all that are needed")
}

// Preflight reads p's target, and returns why the run cannot be measured or must
// not be made. Nothing is changed.
func Preflight(ctx context.Context, c *client.Client, p *plan.Plan) (*appsv1.Deployment, error) {
	d := New(c, p.Target)
	got, err := d.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkReady(got, p.Target.Observe); err != nil {
		return nil, fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	var actions []plan.Action
	for _, s := range Complete(p, got).Steps {
		actions = append(actions, s.Action)
	}
	change := NewChange(c, p.Target)
	if change != nil { // which replaces all pods, as a restart does
		actions = append(actions, plan.RolloutRestart{Workload: got.Name})
	}
	if err := d.CheckBudgets(ctx, got, actions...); err != nil {
		return nil, err
	}
	if err := checkNotScaled(got); err != nil {
		return nil, err
	}
	if change != nil {
		if err := change.Check(ctx); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// checkReady returns why a target cannot be measured. A run that only observes may
// begin while its rollouts are paused: someone else may be about to resume them.
func checkReady(d *appsv1.Deployment, observeOnly bool) error {
	if _, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err != nil {
		return fmt.Errorf("reading the selector of Deployment %s: %w", d.Name, err)
	}
	ns, name := d.Namespace, d.Name
	if d.Status.ReadyReplicas == 0 {
		return fmt.Errorf("Deployment %s/%s has no ready pods (0/%d)\n  look: kubectl -n %s get pods", ns, name, observe.Replicas(d), ns)
	}
	if d.Spec.Paused && !observeOnly {
		return fmt.Errorf("Deployment %s/%s is paused, so that a rollout of this run would not start\n  resume it: kubectl -n %s rollout resume deployment %s", ns, name, ns, name)
	}
	if reason := rolloutInProgress(d); reason != "" {
		return fmt.Errorf("Deployment %s/%s: %s, so losses could not be attributed to this release\n  wait for: kubectl -n %s rollout status deployment %s", ns, name, reason, ns, name)
	}
	return nil
}

// rolloutInProgress returns why the target is not ready to be released, or "".
func rolloutInProgress(d *appsv1.Deployment) string {
	resumed := d.DeepCopy()
	resumed.Spec.Paused = false
	complete, failure := observe.RolloutComplete(resumed)
	want := observe.Replicas(d)
	updated, exist, ready := int(d.Status.UpdatedReplicas), int(d.Status.Replicas), int(d.Status.ReadyReplicas)
	switch {
	case complete:
		return ""
	case failure != "":
		return fmt.Sprintf("the last rollout has not completed (%s)", failure)
	case updated == want && exist == want && ready < want:
		return fmt.Sprintf("only %d of %d pods are ready", ready, want)
	default:
		return fmt.Sprintf("a rollout is still in progress (%d of %d pods are updated, %d exist)", updated, want, exist)
	}
}

// Complete returns p with what the target's Deployment says of its pods.
func Complete(p *plan.Plan, d *appsv1.Deployment) *plan.Plan {
	q, replicas := *p, observe.Replicas(d)
	q.Steps = slices.Clone(p.Steps)
	for i, s := range q.Steps {
		if a, ok := s.Action.(plan.RestoreReplicas); ok {
			q.Steps[i].Action = plan.Scale{Workload: a.Workload, Replicas: replicas}
		}
	}
	q.Workloads, q.Control.Workloads = slices.Clone(p.Workloads), slices.Clone(p.Control.Workloads)
	for i := range q.Workloads {
		if q.Workloads[i].Name == d.Name {
			q.Workloads[i].Replicas = replicas
			q.Workloads[i].Labels = d.Spec.Template.Labels
			q.Control.Workloads[i].Replicas = replicas
		}
	}
	return &q
}

// CheckResponses has probe send one request to each place that the load goes to:
// what does not answer now cannot be called lost later.
func CheckResponses(ctx context.Context, streams []traffic.Stream, probe func(context.Context, traffic.Stream) error) error {
	streams, err := run.ResolveHeaders(streams)
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Method != "GET" {
			continue // it may change something, which is not to happen before the run
		}
		if err := probe(ctx, s); err != nil {
			var u *url.Error
			hint := "--ok-status, --ok-json and --ok-match (ok: in a scenario) say which responses are successful"
			if errors.As(err, &u) {
				hint = "the URL has to be reachable from where the load is sent: this machine or, with --in-cluster, a pod"
			}
			return fmt.Errorf("%w: stream %q gets no successful response even before the run: %w\n  %s", run.ErrEnvironment, s.Name, err, hint)
		}
	}
	return nil
}
