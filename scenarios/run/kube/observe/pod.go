package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// defaultContainer is the annotation that names the container of a pod that is
// the service, where it is not the first one. kubectl goes by it, and injectors
// of sidecars set it.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// serviceStatus returns the status of the container that serves and is not a
// sidecar, or nil while the kubelet has not reported one. It goes by name:
// container statuses come in another order than the containers of the spec.
func serviceStatus(p *corev1.Pod) *corev1.ContainerStatus {
	name := ""
	for i, c := range p.Spec.Containers {
		if i == 0 || c.Name == p.Annotations[defaultContainer] {
			name = c.Name
		}
	}
	i := slices.IndexFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Status.ContainerStatuses[i]
}

// Restarts returns how often the service's container was restarted.
func Restarts(p *corev1.Pod) int {
	if c := serviceStatus(p); c != nil {
		return int(c.RestartCount)
	}
	return 0
}

// Running reports whether the service's container is running.
func Running(p *corev1.Pod) bool {
	c := serviceStatus(p)
	return c != nil && c.State.Running != nil
}

// Instance returns the pod's present incarnation, counted from 1.
func Instance(p *corev1.Pod) record.Instance {
	return record.Instance{Pod: p.Name, Incarnation: 1 + Restarts(p)}
}

// Finished reports whether no container of the pod will run any more: the pod
// was evicted or has done its work, and is only kept to be looked at.
func Finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}

// Ready reports whether the pod is ready.
func Ready(p *corev1.Pod) bool { return conditionTrue(p, corev1.PodReady) }

// Scheduled reports whether a node has been chosen for the pod.
func Scheduled(p *corev1.Pod) bool { return conditionTrue(p, corev1.PodScheduled) }

func conditionTrue(p *corev1.Pod, kind corev1.PodConditionType) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == kind && c.Status == corev1.ConditionTrue
	})
}

// Observations returns the control plane's events for a pod of workload as it
// now is. They may be sent again and again: the control plane notes changes.
func Observations(p *corev1.Pod, workload string) []control.Event {
	i := Instance(p)
	out := []control.Event{control.PodObserved{Pod: record.Instance{Pod: i.Pod, Incarnation: 1}, Workload: workload, UID: string(p.UID), Node: p.Spec.NodeName}}
	if p.DeletionTimestamp != nil {
		out = append(out, control.DeletionObserved{Pod: i})
	}
	c := serviceStatus(p)
	if c == nil {
		return out
	}
	if t := c.LastTerminationState.Terminated; t != nil && i.Incarnation > 1 {
		out = append(out, exited(record.Instance{Pod: i.Pod, Incarnation: i.Incarnation - 1}, t))
	}
	switch {
	case c.State.Terminated != nil:
		out = append(out, exited(i, c.State.Terminated))
	case c.State.Running != nil:
		out = append(out, control.ContainerRunning{Pod: i}, control.ReadinessObserved{Pod: i, Ready: Ready(p)})
	}
	return out
}

func exited(i record.Instance, t *corev1.ContainerStateTerminated) control.Event {
	return control.ContainerExited{Pod: i, ExitCode: int(t.ExitCode), Reason: exitReason(t)}
}

// exitReason returns why a container exited, if that says more than its exit code.
func exitReason(t *corev1.ContainerStateTerminated) string {
	reason := t.Reason
	if reason == "Completed" || reason == "Error" {
		reason = ""
	}
	return strings.Trim(reason+": "+t.Message, ": ")
}

// StartupProblem returns why the pod cannot start, or "" if it still may, or
// has. While patience is true, conditions that may resolve themselves
// (unscheduled, first pull error) are ignored.
func StartupProblem(p *corev1.Pod, patience bool) string {
	if !patience && p.DeletionTimestamp == nil {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				return "it cannot be scheduled: " + c.Message
			}
		}
	}
	if p.Status.Phase == corev1.PodFailed {
		return strings.Trim("it failed: "+cmp.Or(p.Status.Message, p.Status.Reason), ": ")
	}
	for _, c := range p.Status.ContainerStatuses {
		w := c.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			return w.Reason + ": " + w.Message
		case "ErrImagePull", "ImagePullBackOff":
			if !patience || w.Reason == "ImagePullBackOff" {
				return "its image cannot be pulled: " + w.Message
			}
		case "CrashLoopBackOff":
			return "its container keeps crashing" + lastExit(&c)
		}
	}
	return ""
}

// Stopped returns how a pod that has to last for the whole run has stopped, or
// "" if it has not.
func Stopped(p *corev1.Pod) string {
	for _, c := range p.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil {
			return "ended" + exitOf(t)
		}
		if c.RestartCount > 0 {
			return "ended" + lastExit(&c)
		}
	}
	if p.DeletionTimestamp != nil {
		return "was deleted"
	}
	return ""
}

func lastExit(c *corev1.ContainerStatus) string {
	if t := c.LastTerminationState.Terminated; t != nil {
		return exitOf(t)
	}
	return ""
}

func exitOf(t *corev1.ContainerStateTerminated) string {
	return fmt.Sprintf(" (exit code %d, %s)", t.ExitCode, cmp.Or(t.Reason, "no reason given"))
}
