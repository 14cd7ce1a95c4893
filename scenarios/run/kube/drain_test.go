package kube

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// nodeOf is one as it may be found; taint "" is none.
func nodeOf(name string, cordoned bool, taint string, notes map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
	u.SetAPIVersion("v1")
	u.SetKind("Node")
	u.SetName(name)
	u.SetAnnotations(notes)
	spec := u.Object["spec"].(map[string]any)
	if cordoned {
		spec["unschedulable"] = true
	}
	if taint != "" {
		spec["taints"] = []any{map[string]any{"key": taint, "effect": "NoSchedule"}}
	}
	return u
}

func landOf(nodes_ ...runtime.Object) *api {
	return fakeAPI(fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{nodes: "NodeList"}, nodes_...))
}

// cordons tells which nodes take no pods.
func cordons(t *testing.T, a *api) map[string]bool {
	t.Helper()
	all, err := a.nodes(t.Context())
	require.NoError(t, err)
	out := map[string]bool{}
	for _, v := range all {
		out[v.Metadata.Name] = v.Spec.Unschedulable
	}
	return out
}

func TestDrainableChoosesAWorker(t *testing.T) {
	head := nodeOf("z-head", false, "", nil)
	head.SetLabels(map[string]string{controlPlane: ""})
	a := landOf(head, nodeOf("a", false, "", nil), nodeOf("b", false, "", nil), nodeOf("c", true, "", nil))
	name, err := a.drainable(t.Context())
	require.NoError(t, err)
	require.Equal(t, "b", name)
}

func TestDrainableNeedsTwo(t *testing.T) {
	_, err := landOf(nodeOf("head", false, controlPlane, nil), nodeOf("a", false, "", nil), nodeOf("b", true, "", nil)).drainable(t.Context())
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "1 of 3 nodes take pods (b is cordoned, head is tainted "+controlPlane+"): what is evicted would have nowhere to go\n  use a cluster")
}

// What is cordoned is given back; what somebody else has cordoned, or has taken
// over, is not touched.
func TestCordon(t *testing.T) {
	a := landOf(nodeOf("a", false, "", nil), nodeOf("b", true, "", nil))
	require.NoError(t, a.cordon(t.Context(), "a", "r1"))
	v, err := a.node(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, map[string]string{drainMark: "r1", owner.Annotation: owner.Self()}, v.Metadata.Annotations)
	require.ErrorContains(t, a.cordon(t.Context(), "b", "r1"), "node b has been cordoned by somebody else")
	require.ErrorContains(t, a.cordon(t.Context(), "a", "r2"), "by somebody else")

	require.NoError(t, a.uncordon(t.Context(), "b", "r1"))
	require.NoError(t, a.uncordon(t.Context(), "a", "r2"))
	require.Equal(t, map[string]bool{"a": true, "b": true}, cordons(t, a))
	require.NoError(t, a.uncordon(t.Context(), "a", "r1"))
	require.Equal(t, map[string]bool{"a": false, "b": true}, cordons(t, a))
	v, err = a.node(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, v.Metadata.Annotations)
}

func TestCleanUncordonsWhatACrashLeft(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	mark := func(harness string) map[string]string {
		return map[string]string{drainMark: "r1", owner.Annotation: harness}
	}
	self := strconv.Itoa(os.Getpid())
	for all, want := range map[bool]map[string]bool{
		false: {"dead": false, "alive": true, "elsewhere": true, "users": true, "open": false},
		true:  {"dead": false, "alive": true, "elsewhere": false, "users": true, "open": false},
	} {
		a := landOf(nodeOf("dead", true, "", mark(host+"/0")), nodeOf("alive", true, "", mark(host+"/"+self)),
			nodeOf("elsewhere", true, "", mark("elsewhere/1")), nodeOf("users", true, "", nil), nodeOf("open", false, "", nil))
		var said []string
		require.NoError(t, a.cleanNodes(t.Context(), CleanOptions{All: all, Say: func(s string) { said = append(said, s) }}, host))
		require.Equal(t, want, cordons(t, a))
		require.Contains(t, said, "node dead: uncordoned")
		require.Contains(t, said, "node alive: left cordoned, process "+self+" works with it")
	}
}

func TestTheStepDrainsOnlyTheChosenNode(t *testing.T) {
	s := &stage{o: Options{Run: "r1"}, api: landOf(nodeOf("a", false, "", nil), nodeOf("b", false, "", nil)), drained: "a"}
	require.ErrorContains(t, s.cordon(t.Context(), "b", ""), "none of its pods is on a node")
	require.ErrorContains(t, s.cordon(t.Context(), "b", "b"), "its pods are on b, and not on a")
	require.NoError(t, s.uncordon(), "nothing was cordoned")
	require.NoError(t, s.cordon(t.Context(), "b", "a"))
	require.NoError(t, s.cordon(t.Context(), "b", "a"), "a second step of the same run")
	require.Equal(t, map[string]bool{"a": true, "b": false}, cordons(t, s.api))
	require.NoError(t, s.uncordon())
	require.Equal(t, map[string]bool{"a": false, "b": false}, cordons(t, s.api))
}

// An eviction is asked for once; a refusal has the budget's words, and anything
// else ends the run.
func TestEvict(t *testing.T) {
	var asked []string
	answers := map[string]struct {
		code int
		body string
	}{
		"ok":   {http.StatusCreated, `{"kind":"Status","apiVersion":"v1","status":"Success"}`},
		"gone": {http.StatusNotFound, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`},
		"kept": {http.StatusTooManyRequests, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"Cannot evict",
			"details":{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget b needs 1 healthy pods and has 1 currently"}]}}`},
		"torn": {http.StatusInternalServerError, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500,"message":"two budgets"}`},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		for name, x := range answers {
			if r.URL.Path == "/api/v1/namespaces/ns/pods/"+name+"/eviction" {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Retry-After", "10")
				w.WriteHeader(x.code)
				_, _ = w.Write([]byte(x.body))
			}
		}
	}))
	defer server.Close()
	a, err := newAPI(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	require.NoError(t, a.evict(t.Context(), "ns", "ok"))
	require.NoError(t, a.evict(t.Context(), "ns", "gone"))
	err = a.evict(t.Context(), "ns", "kept")
	require.ErrorIs(t, err, errRefused)
	require.EqualError(t, err, "refused by a budget: The disruption budget b needs 1 healthy pods and has 1 currently")
	err = a.evict(t.Context(), "ns", "torn")
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.False(t, errors.Is(err, errRefused))
	require.Len(t, asked, 4, "once each: %v", asked)
}
