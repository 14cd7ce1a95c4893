package kube

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"zeroloss/demo-services/registry"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
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
	require.EqualError(t, CheckRate(attachedPlan(), 49), "the load is 50/s in all, and the cap is 49/s\n  --max-rate 50 allows it")
}

func TestBudgetOfLosses(t *testing.T) {
	counts := []run.StreamCount{
		{Stream: "a", OK: 100, Failed: map[record.Class]uint64{record.Refused: 2, record.EOF: 1}},
		{Stream: "b", Failed: map[record.Class]uint64{record.WrongBody: 1}},
	}
	for most, over := range map[int]bool{0: false, 3: true, 4: true, 5: false} {
		lost, got := budget{most}.spent(counts)
		require.EqualValues(t, 4, lost)
		require.Equal(t, over, got, most)
	}
	var ended run.EndLoad
	budget{4}.watch(t.Context(), func() []run.StreamCount { return counts }, func(e run.EndLoad) { ended = e })
	require.Equal(t, run.EndLoad{Kind: record.KindAborted, Why: "4 requests are lost, and the budget (--abort-after) is 4"}, ended)
}

func pdb(allowed, healthy, desired int) budgetView {
	var b budgetView
	b.Metadata.Name = "orders"
	b.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}
	b.Status.DisruptionsAllowed, b.Status.CurrentHealthy, b.Status.DesiredHealthy = allowed, healthy, desired
	return b
}

func TestPodDisruptionBudgets(t *testing.T) {
	restart := plan.Step{Action: plan.RolloutRestart{}}
	to := func(n int) plan.Step { return plan.Step{Action: plan.Scale{Replicas: n}} }
	cases := map[string]struct {
		budget budgetView
		step   plan.Step
		want   string
	}{
		"restart, one may go":      {pdb(1, 3, 2), restart, ""},
		"restart, none may go":     {pdb(0, 3, 3), restart, `a restart takes up to 1 of its pods at once, and PodDisruptionBudget "orders" allows 0 to be taken now (3 healthy of 3 needed)`},
		"scale within":             {pdb(2, 3, 1), to(1), ""},
		"scale below minAvailable": {pdb(1, 3, 2), to(1), `to scale from 3 to 1 takes 2 of its pods, and PodDisruptionBudget "orders" allows 1 (3 healthy of 2 needed)`},
		"scale out":                {pdb(0, 3, 3), to(5), ""},
		"scale to what there is":   {pdb(0, 3, 3), to(3), ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.budget.forbids(c.step, view(3, 3))) })
	}
	// What a restart takes at once is its strategy's.
	for strategy, takes := range map[string]int{
		`{}`:                   1,
		`{"type": "Recreate"}`: 10,
		`{"type": "RollingUpdate", "rollingUpdate": {}}`:                        2,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}`:     1,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 4}}`:     4,
		`{"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "59%"}}`: 5,
	} {
		v := view(10, 10)
		require.NoError(t, json.Unmarshal([]byte(strategy), &v.Spec.Strategy))
		if strategy == `{}` {
			*v.Spec.Replicas = 3
		}
		require.Equal(t, takes, v.takes(), strategy)
		three, one := pdb(takes, 10, 10-takes), pdb(takes-1, 10, 11-takes)
		require.Empty(t, three.forbids(restart, v))
		require.Contains(t, one.forbids(restart, v), "a restart takes up to")
	}
	b := pdb(0, 1, 1)
	require.True(t, b.selects(map[string]string{"app": "orders", "x": "y"}))
	require.False(t, b.selects(map[string]string{"app": "orders-2"}))
	b.Spec.Selector = nil
	require.False(t, b.selects(map[string]string{"app": "orders"}), "one without a selector is for none")
	b.Spec.Selector = &metav1.LabelSelector{}
	require.True(t, b.selects(map[string]string{"app": "orders"}), "an empty one is for all")
}

func view(replicas, ready int) *deploymentView {
	v := &deploymentView{}
	v.Metadata.Namespace, v.Metadata.Name = "shop", "orders"
	v.Spec.Replicas, v.Status.ReadyReplicas = &replicas, ready
	v.rollout.Spec.Replicas = &replicas
	v.rollout.Status.Replicas, v.rollout.Status.UpdatedReplicas = replicas, replicas
	v.rollout.Status.ReadyReplicas, v.rollout.Status.AvailableReplicas = ready, ready
	v.Spec.Selector.MatchLabels = map[string]string{"app": "orders"}
	return v
}

func TestATargetHasToBeWhole(t *testing.T) {
	require.NoError(t, view(3, 3).fit(attachedPlan()))
	require.ErrorContains(t, view(3, 0).fit(attachedPlan()), "of Deployment shop/orders no pod is ready (3 wanted)")
	require.ErrorContains(t, view(0, 0).fit(attachedPlan()), "no pod is ready (0 wanted)")
	require.ErrorContains(t, view(3, 2).fit(attachedPlan()), "only 2 of 3 pods are ready")
}

// TestATargetInARollout has all pods ready that are wanted, and is not whole.
func TestATargetInARollout(t *testing.T) {
	read := func(spec, status string) *deploymentView {
		a := shopOf(deploymentOf(t, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders", "namespace": "shop", "generation": 2},
			"spec": {"replicas": 3`+spec+`}, "status": {`+status+`}}`))
		v, err := a.deployment(t.Context(), "shop", "orders")
		require.NoError(t, err)
		return v
	}
	const whole = `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`
	act, observe := attachedPlan(), attachedPlan()
	observe.Target.Observe = true
	require.NoError(t, read("", whole).fit(act))
	for status, says := range map[string]string{
		`"observedGeneration": 2, "replicas": 4, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3`: "of Deployment shop/orders a rollout is on (2 of 3 pods are of its template, 4 are there)",
		`"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`: "a rollout is on",
		`"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 2`: "a rollout is on",
		whole + `, "conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]`:             "the last rollout has not come to its end (timed out)",
	} {
		for _, p := range []*plan.Plan{act, observe} {
			require.ErrorContains(t, read("", status).fit(p), says)
		}
	}
	paused := read(`, "paused": true`, whole)
	require.ErrorContains(t, paused.fit(act), "are paused: none that the run began would come about\n  kubectl -n shop rollout resume deployment orders")
	require.NoError(t, paused.fit(observe), "somebody else may be about to resume it")
	require.ErrorContains(t, read(`, "paused": true`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3`).fit(observe), "a rollout is on (1 of 3")
}

func TestAPlanIsCompletedByItsTarget(t *testing.T) {
	p := attachedPlan(plan.Step{Action: plan.Scale{Replicas: 1}}, plan.Step{Action: plan.RestoreReplicas{}})
	q := view(4, 4).complete(p)
	require.Equal(t, 4, q.Workloads[0].Replicas)
	require.Equal(t, 4, q.Control.Workloads[0].Replicas)
	require.Equal(t, []plan.Action{plan.Scale{Replicas: 1}, plan.Scale{Replicas: 4}}, []plan.Action{q.Steps[0].Action, q.Steps[1].Action})
	require.Zero(t, p.Workloads[0].Replicas, "the plan itself is another's")
	require.Equal(t, plan.RestoreReplicas{}, p.Steps[1].Action)
}

func attached(t *testing.T) (*theirs, func() []record.Event) {
	dir, err := rundir.Create(t.TempDir() + "/run")
	require.NoError(t, err)
	th, err := newTheirs(shopOf(), view(3, 3), dir)
	require.NoError(t, err)
	return th, func() []record.Event {
		require.NoError(t, th.close())
		f, err := os.Open(dir.EventsPath("target"))
		require.NoError(t, err)
		defer f.Close()
		events, tail, err := record.ReadEvents(f)
		require.NoError(t, err)
		require.True(t, tail.Complete)
		require.NoError(t, dir.Close())
		return events
	}
}

// TestWhoChangesATarget: a rollout is one whoever began it; what this run has
// scaled itself is told by its own step.
func TestWhoChangesATarget(t *testing.T) {
	th, events := attached(t)
	see := func(replicas int64, image string) {
		th.see(&unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "orders"},
			"spec":     map[string]any{"replicas": replicas, "template": map[string]any{"image": image}},
		}})
	}
	see(3, "v1")
	see(3, "v1")
	see(3, "v2") // somebody's pipeline
	see(5, "v2") // somebody's autoscaler
	require.False(t, th.scaled())
	th.order(1)
	see(1, "v2") // ours
	th.see(&unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "another"}}})
	require.True(t, th.scaled())

	var kinds []record.Kind
	for _, e := range events() {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []record.Kind{record.KindRolloutSeen, record.KindScaled, record.KindEnd}, kinds)
}

func TestAnEventOfYesterday(t *testing.T) {
	since := time.Date(2026, 1, 5, 12, 0, 0, 500_000_000, time.UTC)
	for at, old := range map[string]bool{"2026-01-05T11:59:59Z": true, "2026-01-05T12:00:00Z": false, "2026-01-05T12:00:01Z": false, "": false} {
		require.Equal(t, old, (&eventView{LastTimestamp: at}).before(since), at)
	}
}

func TestEveryPlaceIsAskedBefore(t *testing.T) {
	var asked []string
	streams := []traffic.Stream{{Name: "a", Method: "GET"}, {Name: "order", Method: "POST"}, {Name: "b", Method: "GET"}}
	err := askAll(t.Context(), streams, func(_ context.Context, s traffic.Stream) error {
		asked = append(asked, s.Name)
		if s.Name == "b" {
			return errors.New("answered 503 Service Unavailable")
		}
		return nil
	})
	require.Equal(t, []string{"a", "b"}, asked, "what a POST does is not done before the time")
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, `stream "b" does not get a good answer even before the run: answered 503`)
}

func TestListChanges(t *testing.T) {
	host := func(ip string, healthy bool) registry.Host {
		return registry.Host{IP: ip, Port: 80, Healthy: healthy, Enabled: true}
	}
	who := func(ip string) record.Instance {
		if ip == "10.0.0.1" {
			return record.Instance{Pod: "orders-1", Incarnation: 1}
		}
		return record.Instance{}
	}
	got := listChanges([]registry.Host{host("10.0.0.1", true), host("10.0.0.2", true)}, []registry.Host{host("10.0.0.1", false), host("10.0.0.2", true), host("10.0.0.3", true)}, who)
	require.Equal(t, []record.Event{
		{Kind: record.KindRegistryChange, Instance: record.Instance{Pod: "orders-1", Incarnation: 1}, Addr: "10.0.0.1:80", Text: "removed"},
		{Kind: record.KindRegistryChange, Addr: "10.0.0.3:80", Text: "added"},
	}, got)
	require.Empty(t, listChanges(nil, nil, who))
}

// TestRightsFollowWhatIsDone: who only watches needs no write at all.
func TestRightsFollowWhatIsDone(t *testing.T) {
	writes := func(p *plan.Plan, pod bool) (out []string) {
		for _, r := range attachRights(p, pod) {
			if r.Verb != "list" && r.Verb != "watch" && r.Verb != "get" {
				out = append(out, r.String())
			}
		}
		return out
	}
	require.Empty(t, writes(attachedPlan(), false))
	require.Contains(t, attachRights(attachedPlan(), false), need("apps", "replicasets", "get", "shop"))
	require.Equal(t, []string{"patch deployments.apps in namespace shop"}, writes(attachedPlan(plan.Step{Action: plan.RolloutRestart{}}), false))
	require.Equal(t, []string{"patch deployments.apps in namespace shop", "patch deployments/scale.apps in namespace shop"}, writes(attachedPlan(plan.Step{Action: plan.Scale{}}, plan.Step{Action: plan.Scale{}}), false))
	require.Contains(t, writes(attachedPlan(), true), "create namespaces in the cluster")
	text, err := AttachRBAC(attachedPlan(), false)
	require.NoError(t, err)
	require.NotContains(t, text, "ClusterRole")
	require.NotContains(t, text, "patch")
	text, err = AttachRBAC(attachedPlan(), true)
	require.NoError(t, err)
	require.Contains(t, text, "kind: ClusterRole")
}

func TestStreamsFindTheirServices(t *testing.T) {
	p := &plan.Plan{Services: []plan.Service{{Name: "a", Port: 80}, {Name: "headless", Port: 80}}}
	urls := serviceURLs(p, map[string]string{"a": "10.96.0.7", "headless": "None"})
	require.Equal(t, map[string]string{"a": "http://10.96.0.7:80"}, urls)
	got, err := directed([]traffic.Stream{{Name: "x", Service: "a"}, {Name: "y"}, {Name: "z", Service: "a", Target: "http://t"}}, urls)
	require.NoError(t, err)
	require.Equal(t, []string{"http://10.96.0.7:80", "", "http://t"}, []string{got[0].Target, got[1].Target, got[2].Target})
	_, err = directed([]traffic.Stream{{Name: "x", Service: "headless"}}, urls)
	require.ErrorContains(t, err, `Service "headless" of stream "x" has no address of its own`)
}

// TestALoadPodAlone is all that a run on a target puts into a cluster.
func TestALoadPodAlone(t *testing.T) {
	r, err := render.Render(attachedPlan(), []byte("# none\n"), render.Options{Run: "r1", Image: "zeroloss:1"})
	require.NoError(t, err)
	var all []string
	for _, o := range r.All() {
		kind := o.GetObjectKind().GroupVersionKind().Kind
		all = append(all, kind+"/"+o.GetName())
		if kind != "Namespace" {
			require.Equal(t, "zeroloss-r1", o.GetNamespace(), "never in the target's")
		}
	}
	require.Equal(t, []string{"Namespace/zeroloss-r1", "Service/zeroloss-load", "Pod/zeroloss-load"}, all)
}
