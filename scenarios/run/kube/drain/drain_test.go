package drain

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/owner"
)

// nodeOf is a node; taint "" is none.
func nodeOf(name string, cordoned bool, taint string, annotations map[string]string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}
	n.Spec.Unschedulable = cordoned
	if taint != "" {
		n.Spec.Taints = []corev1.Taint{{Key: taint, Effect: corev1.TaintEffectNoSchedule}}
	}
	return n
}

func clusterOf(t *testing.T, nodes ...runtime.Object) *client.Client {
	c, _ := clienttest.New(t, nodes...)
	return c
}

// cordoned tells which nodes are cordoned.
func cordoned(t *testing.T, c *client.Client) map[string]bool {
	t.Helper()
	all, err := c.Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	out := map[string]bool{}
	for _, n := range all.Items {
		out[n.Name] = n.Spec.Unschedulable
	}
	return out
}

func TestChooseTakesAWorker(t *testing.T) {
	head := nodeOf("z-head", false, "", nil)
	head.Labels = map[string]string{controlPlaneLabel: ""}
	c := clusterOf(t, head, nodeOf("a", false, "", nil), nodeOf("b", false, "", nil), nodeOf("c", true, "", nil))
	n, err := Choose(t.Context(), c, "r1")
	require.NoError(t, err)
	require.Equal(t, "b", n.Name)
}

func TestChooseNeedsTwo(t *testing.T) {
	_, err := Choose(t.Context(), clusterOf(t, nodeOf("head", false, controlPlaneLabel, nil), nodeOf("a", false, "", nil), nodeOf("b", true, "", nil)), "r1")
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "and 1 of 3 are (b is cordoned, head is tainted "+controlPlaneLabel+"): evicted pods would have nowhere to go\n  use a cluster")
}

// A node that the run has cordoned is uncordoned; one that someone else has
// cordoned, or has taken over, is not touched.
func TestCordon(t *testing.T) {
	c := clusterOf(t, nodeOf("a", false, "", nil), nodeOf("b", true, "", nil))
	node := func(name, runID string) *Node { return &Node{Name: name, c: c, run: runID} }
	require.NoError(t, node("a", "r1").cordon(t.Context()))
	got, err := c.Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{annotation: "r1", owner.Annotation: owner.Self()}, got.Annotations)
	require.ErrorContains(t, node("b", "r1").cordon(t.Context()), "node b has been cordoned by someone else")
	require.ErrorContains(t, node("a", "r2").cordon(t.Context()), "by someone else")

	require.NoError(t, uncordon(t.Context(), c, "b", "r1"))
	require.NoError(t, uncordon(t.Context(), c, "a", "r2"))
	require.Equal(t, map[string]bool{"a": true, "b": true}, cordoned(t, c))
	require.NoError(t, uncordon(t.Context(), c, "a", "r1"))
	require.Equal(t, map[string]bool{"a": false, "b": true}, cordoned(t, c))
	got, err = c.Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Empty(t, got.Annotations)
}

func TestCleanUncordonsWhatACrashLeft(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	by := func(process string) map[string]string {
		return map[string]string{annotation: "r1", owner.Annotation: process}
	}
	self := strconv.Itoa(os.Getpid())
	for all, want := range map[bool]map[string]bool{
		false: {"dead": false, "alive": true, "elsewhere": true, "users": true, "open": false},
		true:  {"dead": false, "alive": true, "elsewhere": false, "users": true, "open": false},
	} {
		c := clusterOf(t, nodeOf("dead", true, "", by(host+"/0")), nodeOf("alive", true, "", by(host+"/"+self)),
			nodeOf("elsewhere", true, "", by("elsewhere/1")), nodeOf("users", true, "", nil), nodeOf("open", false, "", nil))
		var said []string
		require.NoError(t, Clean(t.Context(), c, CleanOptions{Self: host, All: all, Timeout: time.Minute, Say: func(s string) { said = append(said, s) }}))
		require.Equal(t, want, cordoned(t, c))
		require.Contains(t, said, "node dead: uncordoned")
		require.Contains(t, said, "node alive: left cordoned, process "+self+" works with it")
	}
}

func TestTheStepDrainsOnlyTheChosenNode(t *testing.T) {
	c := clusterOf(t, nodeOf("a", false, "", nil), nodeOf("b", false, "", nil))
	n := &Node{Name: "a", c: c, run: "r1"}
	require.ErrorContains(t, n.Cordon(t.Context(), "b", ""), "none of its pods is on a node")
	require.ErrorContains(t, n.Cordon(t.Context(), "b", "b"), "its pods are on b instead of a")
	require.NoError(t, n.Uncordon(t.Context()), "nothing was cordoned")
	require.NoError(t, n.Cordon(t.Context(), "b", "a"))
	require.NoError(t, n.Cordon(t.Context(), "b", "a"), "a second step of the same run")
	require.Equal(t, map[string]bool{"a": true, "b": false}, cordoned(t, c))
	require.NoError(t, n.Uncordon(t.Context()))
	require.Equal(t, map[string]bool{"a": false, "b": false}, cordoned(t, c))
	require.NoError(t, (*Node)(nil).Uncordon(t.Context()))
}

// An eviction is requested once; a refusal has the budget's words, and anything
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
	c, err := client.New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	require.NoError(t, Evict(t.Context(), c, "ns", "ok"))
	require.NoError(t, Evict(t.Context(), c, "ns", "gone"))
	err = Evict(t.Context(), c, "ns", "kept")
	require.ErrorIs(t, err, ErrRefused)
	require.EqualError(t, err, "refused by a PodDisruptionBudget: The disruption budget b needs 1 healthy pods and has 1 currently")
	err = Evict(t.Context(), c, "ns", "torn")
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.False(t, errors.Is(err, ErrRefused))
	require.Len(t, asked, 4, "once each: %v", asked)
}
