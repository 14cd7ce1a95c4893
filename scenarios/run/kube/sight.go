package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run/kube/owner"
)

// podView is what matters of a pod.
type podView struct {
	Metadata struct {
		Name, UID         string
		Labels            map[string]string
		Annotations       map[string]string
		OwnerReferences   []metav1.OwnerReference
		DeletionTimestamp *string
	}
	Spec struct {
		NodeName   string
		Containers []struct{ Name string }
	}
	Status struct {
		Phase             string
		Reason, Message   string
		PodIP             string
		Conditions        []condition
		ContainerStatuses []containerView
	}
}

type condition struct {
	Type, Status, Reason, Message string
}

type containerView struct {
	Name             string
	RestartCount     int
	State, LastState struct {
		Waiting    *struct{ Reason, Message string }
		Running    *struct{ StartedAt string }
		Terminated *struct {
			ExitCode        int
			Reason, Message string
		}
	}
}

// mainMark names the container of a pod that is the service, where it is not
// the first one; kubectl goes by it, and injectors of sidecars set it.
const mainMark = "kubectl.kubernetes.io/default-container"

// service is the container that serves, and not a sidecar; nil while nothing is
// told of it. It is found by name: what is told comes in another order than
// that of the pod.
func (p *podView) service() *containerView {
	name := ""
	for i, c := range p.Spec.Containers {
		if i == 0 || c.Name == p.Metadata.Annotations[mainMark] {
			name = c.Name
		}
	}
	i := slices.IndexFunc(p.Status.ContainerStatuses, func(c containerView) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Status.ContainerStatuses[i]
}

// instance is the pod's present incarnation: from 1.
func (p *podView) instance() record.Instance {
	n := 1
	if c := p.service(); c != nil {
		n += c.RestartCount
	}
	return record.Instance{Pod: p.Metadata.Name, Incarnation: n}
}

// over reports whether none of a pod's containers will run any more: it has
// been evicted, or has done its work, and is only still there to be looked at.
func (p *podView) over() bool { return p.Status.Phase == "Failed" || p.Status.Phase == "Succeeded" }

func (p *podView) ready() bool { return p.is("Ready") }

func (p *podView) is(kind string) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status == "True"
		}
	}
	return false
}

// sightings tell the plane of a pod as it now is. They may be told again and
// again: the plane notes changes.
func (p *podView) sightings() []control.Event {
	workload, i := p.Metadata.Labels[owner.WorkloadLabel], p.instance()
	if workload == "" {
		return nil
	}
	out := []control.Event{control.PodObserved{Pod: record.Instance{Pod: i.Pod, Incarnation: 1}, Workload: workload, UID: p.Metadata.UID, Node: p.Spec.NodeName}}
	if p.Metadata.DeletionTimestamp != nil {
		out = append(out, control.DeletionObserved{Pod: i})
	}
	c := p.service()
	if c == nil {
		return out
	}
	if t := c.LastState.Terminated; t != nil && i.Incarnation > 1 {
		out = append(out, control.ContainerExited{Pod: record.Instance{Pod: i.Pod, Incarnation: i.Incarnation - 1}, ExitCode: t.ExitCode, Reason: ending(t.Reason, t.Message)})
	}
	switch {
	case c.State.Terminated != nil:
		out = append(out, control.ContainerExited{Pod: i, ExitCode: c.State.Terminated.ExitCode, Reason: ending(c.State.Terminated.Reason, c.State.Terminated.Message)})
	case c.State.Running != nil:
		out = append(out, control.ContainerRunning{Pod: i}, control.ReadinessObserved{Pod: i, Ready: p.ready()})
	}
	return out
}

// ending is why a container ended, where that says more than its exit code.
func ending(reason, message string) string {
	if reason == "Completed" || reason == "Error" {
		reason = ""
	}
	return strings.Trim(reason+": "+message, ": ")
}

// trouble is why a pod does not come up; "" if it may still, or has. patience
// is over where something may yet come to pass by itself.
func (p *podView) trouble(patience bool) string {
	if !patience && p.Metadata.DeletionTimestamp == nil {
		for _, c := range p.Status.Conditions {
			if c.Type == "PodScheduled" && c.Status == "False" {
				return fmt.Sprintf("no node takes it: %s", c.Message)
			}
		}
	}
	if p.Status.Phase == "Failed" {
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
			return "its container ends again and again" + lastExit(c)
		}
	}
	return ""
}

// ended says that a pod which is to last has not; "" if it has.
func (p *podView) ended() string {
	for _, c := range p.Status.ContainerStatuses {
		if t := c.State.Terminated; t != nil {
			return fmt.Sprintf("ended (exit code %d, %s)", t.ExitCode, cmp.Or(t.Reason, "no reason given"))
		}
		if c.RestartCount > 0 {
			return "ended" + lastExit(c)
		}
	}
	if p.Metadata.DeletionTimestamp != nil {
		return "was deleted"
	}
	return ""
}

func lastExit(c containerView) string {
	if t := c.LastState.Terminated; t != nil {
		return fmt.Sprintf(" (exit code %d, %s)", t.ExitCode, cmp.Or(t.Reason, "no reason given"))
	}
	return ""
}

// eventView is what matters of a Kubernetes Event.
type eventView struct {
	Metadata       struct{ Name, ResourceVersion string }
	InvolvedObject struct{ Kind, Name string }
	Reason         string
	Message        string
	Type           string
	Count          int
	LastTimestamp  string
	EventTime      string
}

// before reports whether an Event is older than t, as far as it tells.
func (e *eventView) before(t time.Time) bool {
	at, err := time.Parse(time.RFC3339, cmp.Or(e.LastTimestamp, e.EventTime))
	return err == nil && at.Before(t.Truncate(time.Second))
}

// kind is what an Event is for the record; "" for those that add nothing.
func (e *eventView) kind() record.Kind {
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

// refusal is why pods of a Deployment or a Job are not even created, or "".
func (e *eventView) refusal() string {
	if e.Reason == "FailedCreate" && slices.Contains([]string{"ReplicaSet", "Deployment", "Job"}, e.InvolvedObject.Kind) {
		return e.Message
	}
	return ""
}

// unscheduledPatience is how long a pod may wait for room: another one may be
// about to make it.
const unscheduledPatience = 20 * time.Second
