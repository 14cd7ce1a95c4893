package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/render"
)

func TestLossLimit(t *testing.T) {
	counts := []run.StreamCount{
		{Stream: "a", OK: 100, Failed: map[record.Class]uint64{record.Refused: 2, record.EOF: 1}},
		{Stream: "b", Failed: map[record.Class]uint64{record.WrongBody: 1}},
	}
	for most, want := range map[int]bool{0: false, 3: true, 4: true, 5: false} {
		lost, got := lossLimit{most}.reached(counts)
		require.EqualValues(t, 4, lost)
		require.Equal(t, want, got, most)
	}
	var ended run.EndLoad
	lossLimit{4}.watch(t.Context(), func() []run.StreamCount { return counts }, func(e run.EndLoad) { ended = e })
	require.Equal(t, run.EndLoad{Payload: record.Aborted{}, Why: "4 requests are lost; the limit (--abort-after) is 4"}, ended)
}

// TestPodsOfOthersAreNotReported, neither leftovers nor those of a canary.
func TestPodsOfOthersAreNotReported(t *testing.T) {
	yes := true
	set := func(name, deployment string) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment, Controller: &yes},
		}}}
	}
	c, _ := clienttest.New(t, set("orders-1", "orders"), set("orders-canary-1", "orders-canary"))
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}
	ownership, err := observe.NewPodOwnership(c, "shop", d)
	require.NoError(t, err)
	var sent []control.Event
	r := observe.NewReporter("shop", nil, func(e control.Event) { sent = append(sent, e) })
	pods := &targetPods{ctx: t.Context(), ownership: ownership, workload: "orders", reporter: r}
	pod := func(name, set string, phase corev1.PodPhase) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "orders"}, OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set, UID: types.UID("uid-" + set), Controller: &yes},
			}},
			Status: corev1.PodStatus{Phase: phase},
		}
	}
	for _, p := range []*corev1.Pod{pod("leftover", "orders-1", corev1.PodFailed), pod("canary", "orders-canary-1", corev1.PodRunning)} {
		require.NoError(t, pods.onPod(p))
		r.PodDeleted(p)
	}
	require.Empty(t, sent)
	require.NoError(t, pods.onPod(pod("own", "orders-1", corev1.PodRunning)))
	require.NotEmpty(t, sent)
}

// TestALoadPodAlone is all that a run on a target puts into a cluster.
func TestALoadPodAlone(t *testing.T) {
	p := &plan.Plan{
		Target: &plan.Target{Namespace: "shop", Deployment: "orders"}, Workloads: []plan.Workload{{Name: "orders", External: true}},
		Streams: []traffic.Stream{{Name: "a", Rate: 30}},
	}
	r, err := render.Render(p, []byte("# none\n"), render.Options{Run: "r1", Image: "zeroloss:1"})
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
