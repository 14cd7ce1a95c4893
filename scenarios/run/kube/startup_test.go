package kube

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

// podFrom reads a pod as the API serves it.
func podFrom(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	var p corev1.Pod
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return &p
}

func TestReadiness(t *testing.T) {
	now := time.Unix(1000, 0)
	r := readiness{began: now, running: map[string]time.Time{}}
	running := podFrom(t, `{"metadata":{"name":"n"},"status":{"containerStatuses":[{"state":{"running":{}}}]}}`)
	pulling := podFrom(t, `{"metadata":{"name":"p"},"status":{"containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]}}`)
	require.Empty(t, r.problem(running, now))
	require.Empty(t, r.problem(running, now.Add(readyTimeout)))
	require.Contains(t, r.problem(running, now.Add(readyTimeout+1)), "is not ready after 1m30s")
	require.Empty(t, r.problem(pulling, now.Add(imagePullTimeout)))
	require.Contains(t, r.problem(pulling, now.Add(imagePullTimeout+1)), "does not run after 5m0s")
}

// TestSchedulingWatch: a pod that waits too long is looked at again, once.
func TestSchedulingWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var again []string
		lookAgain := func(pod string) { again = append(again, pod) }
		var w schedulingWatch
		waiting := podFrom(t, `{"metadata":{"name":"a"}}`)
		placed := podFrom(t, `{"metadata":{"name":"a"},"status":{"conditions":[{"type":"PodScheduled","status":"True"}]}}`)
		require.True(t, w.patient(waiting, lookAgain))
		time.Sleep(schedulingTimeout + time.Second)
		require.False(t, w.patient(waiting, lookAgain))
		require.Equal(t, []string{"a"}, again)
		require.True(t, w.patient(placed, lookAgain))
	})
}
