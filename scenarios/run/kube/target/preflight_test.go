package target

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

func attachedPlan(steps ...plan.Step) *plan.Plan {
	return &plan.Plan{
		Target:    &plan.Target{Namespace: "shop", Deployment: "orders"},
		Workloads: []plan.Workload{{Name: "orders", External: true}},
		Control:   control.Config{Workloads: []control.Workload{{Name: "orders", External: true}}},
		Streams:   []traffic.Stream{{Name: "a", Rate: 30}, {Name: "b", Rate: 20}},
		Steps:     steps,
	}
}

func TestNothingIsWrittenUnlessAllowed(t *testing.T) {
	restart := plan.Step{Action: plan.RolloutRestart{Workload: "orders"}}
	back := plan.Step{Action: plan.RestoreReplicas{Workload: "orders"}}
	cases := map[string]struct {
		steps              []plan.Step
		pod, changes, load bool
		want               string
	}{
		"observe":                    {want: ""},
		"restart":                    {steps: []plan.Step{restart}, want: "would change Deployment shop/orders (restart), which needs --allow-changes"},
		"scale":                      {steps: []plan.Step{{Action: plan.Scale{Replicas: 1}}, back}, want: "(scale to 1 replicas, scale back)"},
		"restart, allowed":           {steps: []plan.Step{restart}, changes: true},
		"restart, the load is":       {steps: []plan.Step{restart}, load: true, want: "--allow-changes"},
		"a load pod":                 {pod: true, want: "needs --allow-load"},
		"a load pod, allowed":        {pod: true, load: true},
		"a load pod, all is allowed": {pod: true, changes: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := CheckAllowed(attachedPlan(c.steps...), c.pod, c.changes, c.load)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

func TestRateIsCapped(t *testing.T) {
	require.NoError(t, CheckRate(attachedPlan(), 50))
	require.EqualError(t, CheckRate(attachedPlan(), 49), "the load is 50/s in all, but at most 49/s are allowed\n  --max-rate 50 allows it")
}

// orders is Deployment shop/orders after a rollout, with so many pods ready.
func orders(replicas, ready int32) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	d.Spec.Replicas = &replicas
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}
	d.Status = appsv1.DeploymentStatus{Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: ready, AvailableReplicas: ready}
	return d
}

func TestATargetHasToBeReady(t *testing.T) {
	require.NoError(t, checkReady(orders(3, 3), false))
	require.ErrorContains(t, checkReady(orders(3, 0), false), "Deployment shop/orders has no ready pods (0/3)")
	require.ErrorContains(t, checkReady(orders(0, 0), false), "has no ready pods (0/0)")
	require.ErrorContains(t, checkReady(orders(3, 2), false), "only 2 of 3 pods are ready")
}

// TestATargetInARollout has as many ready pods as it wants, and is not complete.
func TestATargetInARollout(t *testing.T) {
	read := func(spec, status string) *appsv1.Deployment {
		var d appsv1.Deployment
		require.NoError(t, json.Unmarshal([]byte(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders", "namespace": "shop", "generation": 2},
			"spec": {"replicas": 3, "selector": {}`+spec+`}, "status": {`+status+`}}`), &d))
		return &d
	}
	const complete = `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`
	require.NoError(t, checkReady(read("", complete), false))
	for status, says := range map[string]string{
		`"observedGeneration": 2, "replicas": 4, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3`: "Deployment shop/orders: a rollout is still in progress (2 of 3 pods are updated, 4 exist), so losses could not be attributed to this release\n  wait for: kubectl -n shop rollout status deployment orders",
		`"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`: "a rollout is still in progress",
		`"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 2`: "a rollout is still in progress",
		complete + `, "conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]`:          "the last rollout has not completed (timed out)",
	} {
		for _, observeOnly := range []bool{false, true} {
			require.ErrorContains(t, checkReady(read("", status), observeOnly), says)
		}
	}
	paused := read(`, "paused": true`, complete)
	require.ErrorContains(t, checkReady(paused, false), "is paused, so that a rollout of this run would not start\n  resume it: kubectl -n shop rollout resume deployment orders")
	require.NoError(t, checkReady(paused, true), "someone else may be about to resume it")
	require.ErrorContains(t, checkReady(read(`, "paused": true`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3`), true), "a rollout is still in progress (1 of 3")
}

func TestAPlanIsCompletedByItsTarget(t *testing.T) {
	p := attachedPlan(plan.Step{Action: plan.Scale{Replicas: 1}}, plan.Step{Action: plan.RestoreReplicas{}})
	q := Complete(p, orders(4, 4))
	require.Equal(t, 4, q.Workloads[0].Replicas)
	require.Equal(t, 4, q.Control.Workloads[0].Replicas)
	require.Equal(t, []plan.Action{plan.Scale{Replicas: 1}, plan.Scale{Replicas: 4}}, []plan.Action{q.Steps[0].Action, q.Steps[1].Action})
	require.Zero(t, p.Workloads[0].Replicas, "the plan itself is another's")
	require.Equal(t, plan.RestoreReplicas{}, p.Steps[1].Action)
}

func TestCheckResponses(t *testing.T) {
	var asked []string
	streams := []traffic.Stream{{Name: "a", Method: "GET"}, {Name: "order", Method: "POST"}, {Name: "b", Method: "GET"}}
	err := CheckResponses(t.Context(), streams, func(_ context.Context, s traffic.Stream) error {
		asked = append(asked, s.Name)
		if s.Name == "b" {
			return errors.New("answered 503 Service Unavailable")
		}
		return nil
	})
	require.Equal(t, []string{"a", "b"}, asked, "a POST may change something")
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, `stream "b" gets no successful response even before the run: answered 503`)
}

// TestPermissions: a run that only observes needs to write nothing.
func TestPermissions(t *testing.T) {
	writes := func(p *plan.Plan, pod bool) (out []string) {
		for _, r := range Permissions(p, pod) {
			if r.Verb != "list" && r.Verb != "watch" && r.Verb != "get" {
				out = append(out, r.String())
			}
		}
		return out
	}
	require.Empty(t, writes(attachedPlan(), false))
	require.Contains(t, Permissions(attachedPlan(), false), client.Permission{Group: "apps", Resource: "replicasets", Verb: "get", Namespace: "shop"})
	require.Equal(t, []string{"patch deployments.apps in namespace shop"}, writes(attachedPlan(plan.Step{Action: plan.RolloutRestart{}}), false))
	require.Equal(t, []string{"patch deployments.apps in namespace shop", "patch deployments/scale.apps in namespace shop"}, writes(attachedPlan(plan.Step{Action: plan.Scale{}}, plan.Step{Action: plan.Scale{}}), false))
	require.Contains(t, writes(attachedPlan(), true), "create namespaces in the cluster")
	text, err := RBAC(attachedPlan(), false)
	require.NoError(t, err)
	require.NotContains(t, text, "ClusterRole")
	require.NotContains(t, text, "patch")
	text, err = RBAC(attachedPlan(), true)
	require.NoError(t, err)
	require.Contains(t, text, "kind: ClusterRole")
}

func TestPermissionsOfAChange(t *testing.T) {
	p := attachedPlan()
	p.Target.Change = json.RawMessage(`{"spec":{}}`)
	permissions := Permissions(p, false)
	for _, verb := range []string{"patch", "update"} {
		require.Contains(t, permissions, client.Permission{Group: "apps", Resource: "deployments", Verb: verb, Namespace: "shop"})
	}
	require.Contains(t, permissions, client.Permission{Group: "policy", Resource: "poddisruptionbudgets", Verb: "list", Namespace: "shop"})
	require.ErrorContains(t, CheckAllowed(p, false, false, true), "patch its pods and revert the patch")
	require.NoError(t, CheckAllowed(p, false, true, false))
}

func pdb(allowed, healthy, desired int32) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	b.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}
	b.Status = policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, CurrentHealthy: healthy, DesiredHealthy: desired}
	return b
}

func TestPodDisruptionBudgets(t *testing.T) {
	restart := plan.RolloutRestart{}
	to := func(n int) plan.Action { return plan.Scale{Replicas: n} }
	cases := map[string]struct {
		budget *policyv1.PodDisruptionBudget
		action plan.Action
		want   string
	}{
		"restart, one may go":      {pdb(1, 3, 2), restart, ""},
		"restart, none may go":     {pdb(0, 3, 3), restart, `a restart takes up to 1 of its pods away at once, but PodDisruptionBudget "orders" allows 0 now (3 healthy of 3 needed)`},
		"scale within":             {pdb(2, 3, 1), to(1), ""},
		"scale below minAvailable": {pdb(1, 3, 2), to(1), `scaling from 3 to 1 takes 2 of its pods away, but PodDisruptionBudget "orders" allows 1 (3 healthy of 2 needed)`},
		"scale out":                {pdb(0, 3, 3), to(5), ""},
		"scale to what there is":   {pdb(0, 3, 3), to(3), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, refusedBy(c.budget, c.action, orders(3, 3))) })
	}
	// How many pods a restart takes away at once is the strategy's.
	for strategy, most := range map[string]int32{
		`{}`:                   1,
		`{"type": "Recreate"}`: 10,
		`{"type": "RollingUpdate", "rollingUpdate": {}}`:                        2,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}`:     1,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 4}}`:     4,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "59%"}}`: 5,
	} {
		d := orders(10, 10)
		require.NoError(t, json.Unmarshal([]byte(strategy), &d.Spec.Strategy))
		if strategy == `{}` {
			*d.Spec.Replicas = 3
		}
		require.EqualValues(t, most, maxUnavailable(d), strategy)
		require.Empty(t, refusedBy(pdb(most, 10, 10-most), restart, d))
		require.Contains(t, refusedBy(pdb(most-1, 10, 11-most), restart, d), "a restart takes up to")
	}
	b := pdb(0, 1, 1)
	require.True(t, selects(b, map[string]string{"app": "orders", "x": "y"}))
	require.False(t, selects(b, map[string]string{"app": "orders-2"}))
	b.Spec.Selector = nil
	require.False(t, selects(b, map[string]string{"app": "orders"}), "one without a selector applies to none")
	b.Spec.Selector = &metav1.LabelSelector{}
	require.True(t, selects(b, map[string]string{"app": "orders"}), "an empty one applies to all")
}
