package observe

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// reporting is a Reporter of namespace shop, and what it has sent since the last call.
func reporting() (*Reporter, func() []control.Event) {
	var sent []control.Event
	r := NewReporter("shop", nil, func(e control.Event) { sent = append(sent, e) })
	return r, func() []control.Event {
		out := sent
		sent = nil
		return out
	}
}

// readyPod is one that runs and is ready.
func readyPod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	return podFrom(t, fmt.Sprintf(`{"metadata":{"name":%q,"uid":%q},"spec":{"containers":[{"name":"server"}]},
		"status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True"}],
		"containerStatuses":[{"name":"server","state":{"running":{}}}]}}`, name, "uid-"+name))
}

// TestPodsMayComeLast: three watches begin at once, and what the others tell of a
// pod is not told again.
func TestPodsMayComeLast(t *testing.T) {
	r, sent := reporting()
	event := &corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "a"}, Reason: "Unhealthy", Message: "probe", Count: 1}
	event.Name = "e"
	r.EndpointSlice(slice("s-1", "orders", "a", "b-"))
	r.Event(event, time.Time{})
	r.Event(event, time.Time{})
	require.Empty(t, sent(), "nothing about a pod that is not known")
	a := record.Instance{Pod: "a", Incarnation: 1}
	r.Pod(readyPod(t, "a"), "orders", true)
	require.Equal(t, []control.Event{
		control.PodObserved{Pod: a, Workload: "orders", UID: "uid-a"}, control.ContainerRunning{Pod: a}, control.ReadinessObserved{Pod: a, Ready: true},
		control.AddressObserved{Pod: a, IP: "10.0.0.1"},
		control.EndpointObserved{Pod: a, Ready: true}, control.KubernetesEvent{Pod: a, Kind: record.KindProbeFailed, Count: 1, Message: "probe"},
	}, sent())
	require.Equal(t, a, r.InstanceAt("10.0.0.1"))
	r.Pod(readyPod(t, "b"), "orders", false)
	require.NotContains(t, sent(), control.EndpointObserved{Pod: record.Instance{Pod: "b", Incarnation: 1}, Ready: true})
	r.EndpointSlice(slice("s-1", "orders", "b-"))
	require.Contains(t, sent(), control.EndpointObserved{Pod: a}, "the first change is its removal")
}

// TestTheControlPlaneNotesTheRemoval, as it knew that the pod was there.
func TestTheControlPlaneNotesTheRemoval(t *testing.T) {
	r, sent := reporting()
	r.EndpointSlice(slice("s-1", "orders", "a"))
	r.Pod(readyPod(t, "a"), "orders", true)
	r.EndpointSlice(slice("s-1", "orders"))
	r.PodDeleted(readyPod(t, "a"))
	plane, err := control.NewObservedCluster(control.Config{Workloads: []control.Workload{{Name: "orders", External: true}}})
	require.NoError(t, err)
	var noted []record.Kind
	for _, e := range sent() {
		for _, a := range plane.Step(0, e) {
			noted = append(noted, a.(control.RecordEvent).Event.Kind())
		}
	}
	require.Contains(t, noted, record.KindEndpointRemoved)
}

// TestAnAddressIsReportedOnce, though a pod that ended keeps one that was given on.
func TestAnAddressIsReportedOnce(t *testing.T) {
	r, sent := reporting()
	r.Pod(readyPod(t, "a"), "orders", true)
	r.Pod(readyPod(t, "b"), "orders", true)
	sent()
	r.Pod(readyPod(t, "a"), "orders", true)
	for _, e := range sent() {
		_, again := e.(control.AddressObserved)
		require.False(t, again)
	}
	require.Equal(t, "b", r.InstanceAt("10.0.0.1").Pod)
}
