package observe

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/loadgen/record"
)

// olderThan reports whether a Kubernetes Event last happened before t. One that
// gives no time is not.
func olderThan(e *corev1.Event, t time.Time) bool {
	at := e.LastTimestamp.Time
	if at.IsZero() {
		at = e.EventTime.Time
	}
	return !at.IsZero() && at.Before(t.Truncate(time.Second)) // the API's times are whole seconds
}

// recordKind returns what a Kubernetes Event is for the record, or "" if it adds
// nothing to what the pod itself shows.
func recordKind(e *corev1.Event) record.Kind {
	if e.InvolvedObject.Kind != "Pod" {
		return ""
	}
	switch e.Reason {
	case "FailedPreStopHook":
		return record.KindHookFailed
	case "Unhealthy":
		return record.KindProbeFailed
	}
	return ""
}

// CreationFailure returns why the pods of a Deployment or Job are not even
// created, or "".
func CreationFailure(e *corev1.Event) string {
	if e.Reason == "FailedCreate" && slices.Contains([]string{"ReplicaSet", "Deployment", "Job"}, e.InvolvedObject.Kind) {
		return e.Message
	}
	return ""
}
