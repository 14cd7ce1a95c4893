package kube

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/target"
)

// TestScalingOfATarget is noted on it, unless a PodDisruptionBudget forbids it: then
// nothing is left to restore.
func TestScalingOfATarget(t *testing.T) {
	for allowed, scaled := range map[int32]bool{2: true, 1: false} {
		three := int32(3)
		app := map[string]string{"app": "orders"}
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
		d.Spec.Replicas, d.Spec.Template.Labels = &three, app
		pdb := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
		pdb.Spec.Selector, pdb.Status.DisruptionsAllowed = &metav1.LabelSelector{MatchLabels: app}, allowed
		c, _ := clienttest.New(t, d, pdb)
		a := newActivity(t.Context())
		e := &targetExecutor{
			runActivity: a, target: target.New(c, &plan.Target{Namespace: "shop", Deployment: "orders"}),
			watch: observe.NewDeploymentWatch(d, func(record.Event) {}),
		}
		done := make(chan control.Event, 1)
		e.Execute(t.Context(), control.ScaleWorkload{WorkloadAction: control.WorkloadAction{Workload: "orders"}, Replicas: 1}, func(e control.Event) { done <- e })
		<-done
		a.stop()
		require.Equal(t, scaled, e.scaled.Load())
		got, err := c.Deployments("shop").Get(t.Context(), "orders", metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, scaled, len(got.Annotations) > 0)
		if !scaled {
			require.ErrorContains(t, <-a.failed, "allows 1 (")
			require.EqualValues(t, 3, *got.Spec.Replicas)
		}
	}
}

// TestOwnPods: a pod that cannot start fails the run, but only before the load; the
// end of registry or load pod always does.
func TestOwnPods(t *testing.T) {
	const crashing = `{"metadata":{"name":"orders-1","labels":{"zeroloss/workload":"orders"}},
		"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}`
	const stopped = `{"metadata":{"name":"zeroloss-load"},"status":{"containerStatuses":[{"state":{"terminated":{"exitCode":1,"reason":"Error"}}}]}}`
	for _, x := range []struct {
		pod   string
		begun bool // the load
		want  string
	}{
		{crashing, false, "pod orders-1 does not come up: its container keeps crashing"},
		{crashing, true, ""},
		{stopped, false, "pod zeroloss-load ended (exit code 1, Error) during the run"},
		{stopped, true, "pod zeroloss-load ended (exit code 1, Error) during the run"},
	} {
		c, _ := clienttest.New(t)
		p := &plan.Plan{Entry: plan.Entry{Workload: "orders"}}
		ctx, end := context.WithCancel(t.Context())
		a := newActivity(ctx)
		entry := &entry{plan: p}
		entry.loadBegun.Store(x.begun)
		own := &ownPods{runActivity: a, diagnosis: diagnosis{c, "zeroloss-1"}, plan: p, entry: entry, reporter: observe.NewReporter("zeroloss-1", nil, func(control.Event) {})}
		require.NoError(t, own.onPod(podFrom(t, x.pod)))
		select {
		case err := <-a.failed:
			require.ErrorIs(t, err, run.ErrEnvironment)
			require.ErrorContains(t, err, x.want)
			require.NotEmpty(t, x.want)
		default:
			require.Empty(t, x.want)
		}
		end()
		a.stop()
	}
}
