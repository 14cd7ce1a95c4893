package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// look reads a pod as the cluster tells it.
func look(t *testing.T, text string) *podView {
	t.Helper()
	var p podView
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return &p
}

func TestSightings(t *testing.T) {
	const meta = `"metadata":{"name":"b-1","labels":{"zeroloss/workload":"b"}}`
	one, two := record.Instance{Pod: "b-1", Incarnation: 1}, record.Instance{Pod: "b-1", Incarnation: 2}
	seen := control.PodObserved{Pod: one, Workload: "b"}
	tests := map[string]struct {
		pod  string
		want []control.Event
	}{
		"somebody else's": {`{"metadata":{"name":"x"}}`, nil},
		"pending":         {`{` + meta + `}`, []control.Event{seen}},
		"placed": {`{"metadata":{"name":"b-1","uid":"7f","labels":{"zeroloss/workload":"b"}},"spec":{"nodeName":"n1"}}`,
			[]control.Event{control.PodObserved{Pod: one, Workload: "b", UID: "7f", Node: "n1"}}},
		"running": {`{` + meta + `,"status":{"containerStatuses":[{"state":{"running":{}}}]}}`,
			[]control.Event{seen, control.ContainerRunning{Pod: one}, control.ReadinessObserved{Pod: one}}},
		"ready": {`{` + meta + `,"status":{"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"state":{"running":{}}}]}}`,
			[]control.Event{seen, control.ContainerRunning{Pod: one}, control.ReadinessObserved{Pod: one, Ready: true}}},
		"deleted": {`{"metadata":{"name":"b-1","labels":{"zeroloss/workload":"b"},"deletionTimestamp":"2026-01-01T00:00:00Z"},
			"status":{"containerStatuses":[{"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}}`,
			[]control.Event{seen, control.DeletionObserved{Pod: one}, control.ContainerExited{Pod: one}}},
		"started again": {`{` + meta + `,"status":{"containerStatuses":[{"restartCount":1,"state":{"running":{}},
			"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}`,
			[]control.Event{seen, control.ContainerExited{Pod: one, ExitCode: 137, Reason: "OOMKilled"},
				control.ContainerRunning{Pod: two}, control.ReadinessObserved{Pod: two}}},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, look(t, tt.pod).sightings(), name)
	}
}

// TestASidecarIsNotTheService: what is told of containers is sorted by name.
func TestASidecarIsNotTheService(t *testing.T) {
	const sidecar = `{"name":"istio-proxy","restartCount":3,"state":{"terminated":{"exitCode":143}}}`
	const service = `{"name":"orders","restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":2}}}`
	pod := func(annotations, containers, statuses string) *podView {
		return look(t, `{"metadata":{"name":"o","labels":{"zeroloss/workload":"orders"},"annotations":{`+annotations+`}},
			"spec":{"containers":[`+containers+`]},"status":{"containerStatuses":[`+statuses+`]}}`)
	}
	const both = sidecar + "," + service
	one, two := record.Instance{Pod: "o", Incarnation: 1}, record.Instance{Pod: "o", Incarnation: 2}
	want := []control.Event{
		control.PodObserved{Pod: one, Workload: "orders"}, control.ContainerExited{Pod: one, ExitCode: 2},
		control.ContainerRunning{Pod: two}, control.ReadinessObserved{Pod: two},
	}
	require.Equal(t, want, pod(``, `{"name":"orders"},{"name":"istio-proxy"}`, both).sightings(), "the first of the pod")
	require.Equal(t, want, pod(`"kubectl.kubernetes.io/default-container":"orders"`, `{"name":"istio-proxy"},{"name":"orders"}`, both).sightings(), "the one that is named")
	require.Equal(t, want, pod(`"kubectl.kubernetes.io/default-container":"typo"`, `{"name":"orders"},{"name":"istio-proxy"}`, both).sightings(), "one is named that is not there")
	require.Equal(t, want[:1], pod(``, `{"name":"orders"},{"name":"istio-proxy"}`, sidecar).sightings(), "nothing is told of it yet")
}

func TestTrouble(t *testing.T) {
	tests := []struct {
		pod             string
		early, patience string // what it says at first, and when patience is over
	}{
		{`{"status":{"phase":"Pending"}}`, "", ""},
		{`{"status":{"conditions":[{"type":"PodScheduled","status":"False","message":"0/1 nodes: Insufficient memory"}]}}`, "", "no node takes it: 0/1 nodes: Insufficient memory"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}}`, "", ""},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ErrImagePull","message":"no such host"}}}]}}`, "", "its image cannot be pulled: no such host"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff","message":"no such host"}}}]}}`, "its image cannot be pulled: no such host", "its image cannot be pulled: no such host"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret x not found"}}}]}}`, "CreateContainerConfigError: secret x not found", "CreateContainerConfigError: secret x not found"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":3,"reason":"Error"}}}]}}`,
			"its container ends again and again (exit code 3, Error)", "its container ends again and again (exit code 3, Error)"},
		{`{"status":{"phase":"Failed","reason":"Evicted","message":"low on disk"}}`, "it failed: low on disk", "it failed: low on disk"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.early, look(t, tt.pod).trouble(true), tt.pod)
		require.Equal(t, tt.patience, look(t, tt.pod).trouble(false), tt.pod)
	}
}

func TestOneCause(t *testing.T) {
	gone := fmt.Errorf("%w: the load pod was deleted", run.ErrEnvironment)
	torn := fmt.Errorf("%w: its log could not be fetched", run.ErrEnvironment)
	require.Equal(t, gone, cause(gone, torn), "one clear cause")
	require.ErrorIs(t, cause(nil, torn), torn, "a whole run of which something is missing has failed")
	require.ErrorIs(t, cause(run.ErrInterrupted, torn), torn)
	require.NoError(t, cause(nil, nil))
}

// Registry and load pods are to last for the whole run.
func TestEnded(t *testing.T) {
	for pod, want := range map[string]string{
		`{"status":{"containerStatuses":[{"state":{"running":{}}}]}}`:                                                            "",
		`{"status":{"containerStatuses":[{"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}`:                      "ended (exit code 137, OOMKilled)",
		`{"status":{"containerStatuses":[{"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]}}`: "ended (exit code 1, no reason given)",
		`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"containerStatuses":[{"state":{"running":{}}}]}}`:    "was deleted",
	} {
		require.Equal(t, want, look(t, pod).ended(), pod)
	}
}

func TestWaiting(t *testing.T) {
	now := time.Unix(1000, 0)
	w := waiting{began: now, running: map[string]time.Time{}}
	running := look(t, `{"metadata":{"name":"n"},"status":{"containerStatuses":[{"state":{"running":{}}}]}}`)
	pulling := look(t, `{"metadata":{"name":"p"},"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}}`)
	require.Empty(t, w.trouble(running, now))
	require.Empty(t, w.trouble(running, now.Add(readyFor)))
	require.Contains(t, w.trouble(running, now.Add(readyFor+1)), "is not ready after 1m30s")
	require.Empty(t, w.trouble(pulling, now.Add(baseFor)))
	require.Contains(t, w.trouble(pulling, now.Add(baseFor+1)), "does not run after 5m0s")
}

func TestShifted(t *testing.T) {
	text := `{"at":1000,"kind":"push","since":500}` + "\n" + `torn` + "\n"
	require.Equal(t, `{"at":990,"kind":"push","since":490}`+"\n"+`torn`+"\n", string(shifted([]byte(text), -10)))
}

// namespaceOf is one as it may be found in a cluster.
func namespaceOf(name string, labels, notes map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("v1")
	u.SetKind("Namespace")
	u.SetName(name)
	u.SetLabels(labels)
	u.SetAnnotations(notes)
	return u
}

// What looks like ours is not touched; what is ours is not touched either
// while its process is there, or if it was kept.
func TestCleanTouchesNothingElse(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	ours := func(id string) map[string]string {
		return map[string]string{owner.ManagedByLabel: owner.Name, owner.RunLabel: id}
	}
	dead := map[string]string{owner.Annotation: host + "/0"}
	world := []runtime.Object{
		namespaceOf("zeroloss-1", ours("1"), dead),
		namespaceOf("zeroloss-2", ours("2"), map[string]string{owner.Annotation: host + "/" + strconv.Itoa(os.Getpid())}),
		namespaceOf("zeroloss-3", ours("3"), map[string]string{owner.Annotation: host + "/0", owner.KeptAnnotation: "true"}),
		namespaceOf("zeroloss-4", ours("4"), map[string]string{owner.Annotation: "elsewhere/1"}),
		namespaceOf("zeroloss-5", ours("6"), dead),
		namespaceOf("zeroloss-6", nil, dead),
		namespaceOf("zeroloss-7", map[string]string{owner.ManagedByLabel: owner.Name}, dead),
		namespaceOf("shop", ours("shop"), dead),
		namespaceOf("zeroloss", ours(""), dead),
		namespaceOf("zeroloss-8", map[string]string{owner.ManagedByLabel: "helm", owner.RunLabel: "8"}, dead),
	}
	for all, want := range map[bool][]string{
		false: {"zeroloss-1"},
		true:  {"zeroloss-1", "zeroloss-3", "zeroloss-4"},
	} {
		client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			namespaces: "NamespaceList", deployments: "DeploymentList", pods: "PodList",
		}, world...)
		var said []string
		a := fakeAPI(client)
		require.NoError(t, a.cleanNamespaces(t.Context(), CleanOptions{All: all, Say: func(s string) { said = append(said, s) }}, host))
		left, err := client.Resource(namespaces).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		there := map[string]bool{}
		for _, u := range left.Items {
			there[u.GetName()] = true
		}
		for _, o := range world {
			name := o.(*unstructured.Unstructured).GetName()
			require.Equal(t, !contains(want, name), there[name], "%s, all: %v", name, all)
		}
		require.Contains(t, said, "namespace zeroloss-1: deleted")
		require.Contains(t, said, "namespace zeroloss-2: left alone, process "+strconv.Itoa(os.Getpid())+" works with it")
	}
}

func contains(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

// A namespace that is there already is refused, and left as it is.
func TestClaimRefusesWhatIsThere(t *testing.T) {
	there := namespaceOf("zeroloss-1", nil, nil)
	s := &stage{namespace: "zeroloss-1", api: serverWith(t, there)}
	err := s.claim(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "zeroloss-1"}})
	require.ErrorContains(t, err, `namespace "zeroloss-1" exists already`)
	require.False(t, s.made)
	require.NoError(t, s.leave())
	_, err = s.api.Namespaces().Get(t.Context(), "zeroloss-1", metav1.GetOptions{})
	require.NoError(t, err)
}

// An interruption while the request is on its way does not leave a namespace
// that nobody knows of.
func TestClaimSurvivesAnInterruption(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s := &stage{namespace: "zeroloss-1", api: serverWith(t)}
	require.NoError(t, s.claim(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "zeroloss-1"}}))
	require.True(t, s.made)
}

// What answers at a context's address may be anything.
func TestNoClusterThere(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	defer silent.Close()
	hints := map[string]string{
		web.URL:                               "is no Kubernetes API server",
		secure.URL:                            "is not the cluster that the kubeconfig means",
		"https" + web.URL[len("http"):]:       "is not the cluster that the kubeconfig means",
		"http://127.0.0.1:1":                  "cannot be reached",
		"http://" + silent.Addr().String():    "cannot be reached",
		"http://zeroloss-does-not-exist.test": "cannot be reached",
	}
	for host, want := range hints {
		a, err := newAPI(&rest.Config{Host: host, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		_, err = a.Resource(namespaces).Create(ctx, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "x"}}}, metav1.CreateOptions{})
		stop()
		err = a.unclaimed("x", err)
		require.ErrorIs(t, err, run.ErrEnvironment, host)
		require.ErrorContains(t, err, want, host)
	}
}
