package target

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

const ordersJSON = `{
 "apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "orders", "namespace": "shop", "resourceVersion": "7", "labels": {"team": "a"}, "annotations": {"note": "b"}},
 "spec": {"replicas": 3, "strategy": {"type": "RollingUpdate"}, "template": {"metadata": {"labels": {"app": "orders"}}, "spec": {"containers": [{"name": "server"}]}}}
}`

func deploymentFrom(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	var u unstructured.Unstructured
	require.NoError(t, u.UnmarshalJSON([]byte(text)))
	return &u
}

// changedTarget is the target as a cluster has it after the change; the patch is
// merged by hand.
func changedTarget(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	c := &Change{Deployment: &Deployment{namespace: "shop", name: "orders"}, patch: json.RawMessage(`{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":60}}}}`)}
	u := deploymentFrom(t, ordersJSON)
	changed := u.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(changed.Object, int64(60), "spec", "template", "spec", "terminationGracePeriodSeconds"))
	text, err := c.withNote(u, baseSpec(changed))
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
	changed.SetLabels(labels)
	changed.SetAnnotations(notes)
	return changed
}

func TestRestoreSpec(t *testing.T) {
	u := changedTarget(t)
	require.Equal(t, "true", u.GetLabels()[changedLabel])
	// Meanwhile the run has restarted it, as kubectl does, and an autoscaler has
	// scaled it: neither is in the way, and the replicas stay.
	require.NoError(t, unstructured.SetNestedField(u.Object, "now", "spec", "template", "metadata", "annotations", client.RestartedAtAnnotation))
	require.NoError(t, unstructured.SetNestedField(u.Object, int64(5), "spec", "replicas"))
	require.NoError(t, restoreSpec(u))

	was := deploymentFrom(t, ordersJSON)
	require.NoError(t, unstructured.SetNestedField(was.Object, int64(5), "spec", "replicas"))
	require.Equal(t, was.Object, u.Object, "nothing of ours is left in it")
}

func TestWhatSomeoneElseHasChangedStays(t *testing.T) {
	u := changedTarget(t)
	require.NoError(t, unstructured.SetNestedField(u.Object, "theirs", "spec", "template", "metadata", "labels", "version"))
	before := u.DeepCopy()
	require.ErrorIs(t, restoreSpec(u), errChangedSince)
	require.Equal(t, before.Object, u.Object)

	u = changedTarget(t)
	notes := u.GetAnnotations()
	notes[specAnnotation] = "{"
	u.SetAnnotations(notes)
	require.ErrorContains(t, restoreSpec(u), "reading its annotation zeroloss/spec")
}

func TestASpecThatIsTooLongIsNotChanged(t *testing.T) {
	u := deploymentFrom(t, ordersJSON)
	require.NoError(t, unstructured.SetNestedField(u.Object, string(make([]byte, maxSpec)), "spec", "template", "metadata", "annotations", "long"))
	_, err := (&Change{Deployment: &Deployment{namespace: "shop", name: "orders"}, patch: json.RawMessage(`{}`)}).withNote(u, baseSpec(u))
	require.ErrorContains(t, err, "it could not be restored after a crash")
}

func TestATargetIsChangedByOneRun(t *testing.T) {
	c := &Change{Deployment: &Deployment{namespace: "shop", name: "orders"}}
	require.NoError(t, c.checkUnclaimed(deploymentFrom(t, ordersJSON)))
	require.ErrorContains(t, c.checkUnclaimed(changedTarget(t)), "another run ("+owner.Self()+") has changed Deployment shop/orders")
}
