package observe

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// podFrom reads a pod as the API serves it.
func podFrom(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return &p
}

func TestObservations(t *testing.T) {
	const meta = `"metadata":{"name":"b-1"}`
	one, two := record.Instance{Pod: "b-1", Incarnation: 1}, record.Instance{Pod: "b-1", Incarnation: 2}
	seen := control.PodObserved{Pod: one, Workload: "b"}
	tests := map[string]struct {
		pod  string
		want []control.Event
	}{
		"pending": {`{` + meta + `}`, []control.Event{seen}},
		"placed": {`{"metadata":{"name":"b-1","uid":"7f"},"spec":{"nodeName":"n1"}}`,
			[]control.Event{control.PodObserved{Pod: one, Workload: "b", UID: "7f", Node: "n1"}}},
		"running": {`{` + meta + `,"status":{"containerStatuses":[{"state":{"running":{}}}]}}`,
			[]control.Event{seen, control.ContainerRunning{Pod: one}, control.ReadinessObserved{Pod: one}}},
		"ready": {`{` + meta + `,"status":{"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"state":{"running":{}}}]}}`,
			[]control.Event{seen, control.ContainerRunning{Pod: one}, control.ReadinessObserved{Pod: one, Ready: true}}},
		"deleted": {`{"metadata":{"name":"b-1","deletionTimestamp":"2026-01-01T00:00:00Z"},
			"status":{"containerStatuses":[{"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]}}`,
			[]control.Event{seen, control.DeletionObserved{Pod: one}, control.ContainerExited{Pod: one}}},
		"started again": {`{` + meta + `,"status":{"containerStatuses":[{"restartCount":1,"state":{"running":{}},
			"lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}`,
			[]control.Event{seen, control.ContainerExited{Pod: one, ExitCode: 137, Reason: "OOMKilled"},
				control.ContainerRunning{Pod: two}, control.ReadinessObserved{Pod: two}}},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, Observations(podFrom(t, tt.pod), "b"), name)
	}
}

// TestASidecarIsNotTheService: the kubelet sorts container statuses by name.
func TestASidecarIsNotTheService(t *testing.T) {
	const sidecar = `{"name":"istio-proxy","restartCount":3,"state":{"terminated":{"exitCode":143}}}`
	const service = `{"name":"orders","restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":2}}}`
	pod := func(annotations, containers, statuses string) *corev1.Pod {
		return podFrom(t, `{"metadata":{"name":"o","annotations":{`+annotations+`}},
			"spec":{"containers":[`+containers+`]},"status":{"containerStatuses":[`+statuses+`]}}`)
	}
	const both = sidecar + "," + service
	one, two := record.Instance{Pod: "o", Incarnation: 1}, record.Instance{Pod: "o", Incarnation: 2}
	want := []control.Event{
		control.PodObserved{Pod: one, Workload: "orders"}, control.ContainerExited{Pod: one, ExitCode: 2},
		control.ContainerRunning{Pod: two}, control.ReadinessObserved{Pod: two},
	}
	require.Equal(t, want, Observations(pod(``, `{"name":"orders"},{"name":"istio-proxy"}`, both), "orders"), "the first of the pod")
	require.Equal(t, want, Observations(pod(`"kubectl.kubernetes.io/default-container":"orders"`, `{"name":"istio-proxy"},{"name":"orders"}`, both), "orders"), "the one that is named")
	require.Equal(t, want, Observations(pod(`"kubectl.kubernetes.io/default-container":"typo"`, `{"name":"orders"},{"name":"istio-proxy"}`, both), "orders"), "one is named that is not there")
	require.Equal(t, want[:1], Observations(pod(``, `{"name":"orders"},{"name":"istio-proxy"}`, sidecar), "orders"), "it has no status yet")
}

func TestStartupProblem(t *testing.T) {
	tests := []struct {
		pod         string
		early, late string // at first, and once patience is over
	}{
		{`{"status":{"phase":"Pending"}}`, "", ""},
		{`{"status":{"conditions":[{"type":"PodScheduled","status":"False","message":"0/1 nodes: Insufficient memory"}]}}`, "", "it cannot be scheduled: 0/1 nodes: Insufficient memory"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}}`, "", ""},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ErrImagePull","message":"no such host"}}}]}}`, "", "its image cannot be pulled: no such host"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ImagePullBackOff","message":"no such host"}}}]}}`, "its image cannot be pulled: no such host", "its image cannot be pulled: no such host"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret x not found"}}}]}}`, "CreateContainerConfigError: secret x not found", "CreateContainerConfigError: secret x not found"},
		{`{"status":{"containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":3,"reason":"Error"}}}]}}`,
			"its container keeps crashing (exit code 3, Error)", "its container keeps crashing (exit code 3, Error)"},
		{`{"status":{"phase":"Failed","reason":"Evicted","message":"low on disk"}}`, "it failed: low on disk", "it failed: low on disk"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.early, StartupProblem(podFrom(t, tt.pod), true), tt.pod)
		require.Equal(t, tt.late, StartupProblem(podFrom(t, tt.pod), false), tt.pod)
	}
}

// Registry and load pods are to last for the whole run.
func TestStopped(t *testing.T) {
	for pod, want := range map[string]string{
		`{"status":{"containerStatuses":[{"state":{"running":{}}}]}}`:                                                            "",
		`{"status":{"containerStatuses":[{"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}}`:                      "ended (exit code 137, OOMKilled)",
		`{"status":{"containerStatuses":[{"restartCount":1,"state":{"running":{}},"lastState":{"terminated":{"exitCode":1}}}]}}`: "ended (exit code 1, no reason given)",
		`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"containerStatuses":[{"state":{"running":{}}}]}}`:    "was deleted",
	} {
		require.Equal(t, want, Stopped(podFrom(t, pod)), pod)
	}
}

func TestEventsOlderThan(t *testing.T) {
	since := time.Date(2026, 1, 5, 12, 0, 0, 500_000_000, time.UTC)
	for text, old := range map[string]bool{"2026-01-05T11:59:59Z": true, "2026-01-05T12:00:00Z": false, "2026-01-05T12:00:01Z": false, "": false} {
		var at metav1.Time
		if text != "" {
			require.NoError(t, at.UnmarshalQueryParameter(text))
		}
		require.Equal(t, old, olderThan(&corev1.Event{LastTimestamp: at}, since), text)
		require.Equal(t, old, olderThan(&corev1.Event{EventTime: metav1.NewMicroTime(at.Time)}, since), text)
	}
}
