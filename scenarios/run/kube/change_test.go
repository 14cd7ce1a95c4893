package kube

import (
	"encoding/json"
	"testing"
	"zeroloss/scenarios/run/kube/owner"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const orders = `{
 "apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "orders", "namespace": "shop", "resourceVersion": "7", "labels": {"team": "a"}, "annotations": {"note": "b"}},
 "spec": {"replicas": 3, "strategy": {"type": "RollingUpdate"}, "template": {"metadata": {"labels": {"app": "orders"}}, "spec": {"containers": [{"name": "server"}]}}}
}`

func deploymentOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var u unstructured.Unstructured
	require.NoError(t, u.UnmarshalJSON([]byte(text)))
	return &u
}

// marked is the target as a cluster has it after the change: by hand here, as
// the cluster merges the patch.
func markedTarget(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	c := &change{namespace: "shop", name: "orders", patch: json.RawMessage(`{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":60}}}}`)}
	u := deploymentOf(t, orders)
	would := u.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(would.Object, int64(60), "spec", "template", "spec", "terminationGracePeriodSeconds"))
	text, err := c.marked(u, kept(would))
	require.NoError(t, err)
	var patch struct {
		Metadata struct {
			ResourceVersion     string
			Labels, Annotations map[string]string
		}
		Spec map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &patch))
	require.Equal(t, "7", patch.Metadata.ResourceVersion, "over what was read, and nothing newer")
	require.Equal(t, map[string]any{"template": map[string]any{"spec": map[string]any{"terminationGracePeriodSeconds": 60.0}}}, patch.Spec, "the user's words")
	labels, notes := u.GetLabels(), u.GetAnnotations()
	for k, v := range patch.Metadata.Labels {
		labels[k] = v
	}
	for k, v := range patch.Metadata.Annotations {
		notes[k] = v
	}
	would.SetLabels(labels)
	would.SetAnnotations(notes)
	return would
}

func TestAChangeIsTakenBack(t *testing.T) {
	u := markedTarget(t)
	require.Equal(t, "true", u.GetLabels()[changedLabel])
	// Meanwhile the run has restarted it, as kubectl does, and an autoscaler has
	// scaled it: neither is in the way, and the replicas stay.
	require.NoError(t, unstructured.SetNestedField(u.Object, "now", "spec", "template", "metadata", "annotations", restartMark))
	require.NoError(t, unstructured.SetNestedField(u.Object, int64(5), "spec", "replicas"))
	require.NoError(t, unchange(u))

	was := deploymentOf(t, orders)
	require.NoError(t, unstructured.SetNestedField(was.Object, int64(5), "spec", "replicas"))
	require.Equal(t, was.Object, u.Object, "nothing of ours is left in it")
}

func TestWhatSomebodyElseHasChangedStays(t *testing.T) {
	u := markedTarget(t)
	require.NoError(t, unstructured.SetNestedField(u.Object, "theirs", "spec", "template", "metadata", "labels", "version"))
	before := u.DeepCopy()
	require.ErrorIs(t, unchange(u), errSince)
	require.Equal(t, before.Object, u.Object)

	u = markedTarget(t)
	notes := u.GetAnnotations()
	notes[changedSpec] = "{"
	u.SetAnnotations(notes)
	require.ErrorContains(t, unchange(u), "its mark cannot be read")
}

func TestASpecThatCannotBeKeptIsNotChanged(t *testing.T) {
	u := deploymentOf(t, orders)
	require.NoError(t, unstructured.SetNestedField(u.Object, string(make([]byte, longestSpec)), "spec", "template", "metadata", "annotations", "long"))
	_, err := (&change{namespace: "shop", name: "orders", patch: json.RawMessage(`{}`)}).marked(u, kept(u))
	require.ErrorContains(t, err, "it could not be given back after a crash")
}

func TestATargetIsChangedByOneRun(t *testing.T) {
	c := &change{namespace: "shop", name: "orders"}
	require.NoError(t, c.free(deploymentOf(t, orders)))
	require.ErrorContains(t, c.free(markedTarget(t)), "is changed by a run already ("+owner.Self()+")")
}

func TestRollouts(t *testing.T) {
	cases := map[string]struct {
		spec, status string
		ok           bool
		stuck        string
	}{
		"over":              {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`, true, ""},
		"one by default":    {``, `"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1`, true, ""},
		"not seen yet":      {`"replicas": 3`, `"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`, false, ""},
		"an old one":        {`"replicas": 3`, `"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "readyReplicas": 4, "availableReplicas": 4`, false, ""},
		"not ready":         {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 2`, false, ""},
		"not available":     {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 2`, false, ""},
		"past its deadline": {`"replicas": 3`, `"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]`, false, "timed out"},
		"paused":            {`"replicas": 3, "paused": true`, `"observedGeneration": 2`, false, "it is paused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var v rolloutView
			require.NoError(t, json.Unmarshal([]byte(`{"metadata": {"generation": 2}, "spec": {`+c.spec+`}, "status": {`+c.status+`}}`), &v))
			ok, stuck := v.whole()
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.stuck, stuck)
		})
	}
}

func TestAChangeNeedsRightsAndABudget(t *testing.T) {
	p := attachedPlan()
	p.Target.Change = json.RawMessage(`{"spec":{}}`)
	rights := attachRights(p, false)
	for _, verb := range []string{"patch", "update"} {
		require.Contains(t, rights, need("apps", "deployments", verb, "shop"))
	}
	require.Contains(t, rights, need("policy", "poddisruptionbudgets", "list", "shop"))
	require.ErrorContains(t, CheckAllowed(p, false, false, true), "change its pods, and back")
	require.NoError(t, CheckAllowed(p, false, true, false))
}
