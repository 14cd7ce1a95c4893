package control

import (
	"cmp"
	"slices"

	"zeroloss/loadgen/record"
)

// observedPods are the pods of a cluster as observed. Changes of their state
// are recorded.
type observedPods struct {
	out *outputs
	all []*observedPod // by time of observation
}

type observedPod struct {
	PodState
	external bool // nothing of zeroloss runs in it
	order    int  // of observation
	node     string
	endpoint bool
	evicted  bool // by a KillStep: gone, whatever the cluster still reports
	exited   bool // its current incarnation has ended
}

// observe adds a pod, or updates its node.
func (o *observedPods) observe(e PodObserved, external bool) {
	if p := o.byName(e.Pod.Pod); p != nil {
		p.node = cmp.Or(e.Node, p.node)
		return
	}
	p := &observedPod{
		PodState: PodState{Instance: e.Pod, Workload: e.Workload},
		external: external, order: len(o.all), node: e.Node,
	}
	for _, other := range o.all {
		p.order = max(p.order, other.order+1)
	}
	o.all = append(o.all, p)
	o.recordEvent(p, record.PodCreated{}, "")
}

// update handles an observation of a known pod. It returns the pod if its
// container has just started.
func (o *observedPods) update(e PodObservation) (started *observedPod) {
	p := o.find(e.instance())
	if _, runs := e.(ContainerRunning); runs && p == nil {
		p = o.restarted(e.instance())
	}
	if p == nil {
		return nil
	}
	switch e := e.(type) {
	case ContainerRunning:
		if p.Running || p.exited {
			return nil
		}
		p.Running = true
		o.recordEvent(p, record.ContainerStarted{}, "")
		return p
	case ReadinessObserved:
		o.setReady(p, e.Ready)
	case EndpointObserved:
		o.setEndpoint(p, e.Ready)
	case DeletionObserved:
		if !p.Terminating && !p.evicted {
			p.Terminating = true
			o.recordEvent(p, record.PodDeleted{}, "")
		}
	case ContainerExited:
		o.exit(p, e.ExitCode, e.Reason)
	case PodGone:
		o.exit(p, 0, "the pod is gone")
		o.all = slices.DeleteFunc(o.all, func(x *observedPod) bool { return x == p })
	case AddressObserved:
		o.recordEvent(p, record.PodAddress{IP: e.IP}, "")
	case KubernetesEvent:
		o.recordEvent(p, e.payload(), e.Message)
	}
	return nil
}

func (o *observedPods) setReady(p *observedPod, on bool) {
	o.set(p, &p.Ready, on, record.PodReady{}, record.PodNotReady{})
}

func (o *observedPods) setEndpoint(p *observedPod, on bool) {
	o.set(p, &p.endpoint, on, record.EndpointAdded{}, record.EndpointRemoved{})
}

// set records a change of a state that may be reported repeatedly.
func (o *observedPods) set(p *observedPod, state *bool, on bool, whenOn, whenOff record.Payload) {
	if *state == on {
		return
	}
	*state = on
	if on {
		o.recordEvent(p, whenOn, "")
	} else {
		o.recordEvent(p, whenOff, "")
	}
}

// killedCode is the exit code of a container that SIGKILL ended.
const killedCode = 128 + 9

func (o *observedPods) exit(p *observedPod, code int, reason string) {
	if p.exited {
		return
	}
	p.exited, p.Running = true, false
	if code == killedCode && !p.evicted {
		o.recordEvent(p, record.KillSent{}, "by the kubelet, as its exit code says")
	}
	o.setReady(p, false)
	if !p.external { // for an external pod the EndpointSlices tell
		o.setEndpoint(p, false)
	}
	o.recordEvent(p, record.ContainerExited{ExitCode: code}, reason)
}

// restarted returns a known pod for its later incarnation i; nil if there is
// none.
func (o *observedPods) restarted(i record.Instance) *observedPod {
	p := o.byName(i.Pod)
	if p == nil || i.Incarnation <= p.Instance.Incarnation || p.evicted {
		return nil
	}
	o.exit(p, 0, "its container was started again")
	p.Instance, p.exited = i, false
	return p
}

// podToKill is the pod of a workload that a KillStep kills: of those that run,
// a ready one, and of those the one that was observed last; nil if there is
// none.
func (o *observedPods) podToKill(workload string) *observedPod {
	var last *observedPod
	for _, p := range o.all {
		if p.Workload != workload || !p.Running || p.Terminating || p.evicted {
			continue
		}
		if last == nil || cmp.Or(boolCompare(last.Ready, p.Ready), cmp.Compare(last.order, p.order)) < 0 {
			last = p
		}
	}
	return last
}

// find is the pod whose current incarnation is i; nil if there is none.
func (o *observedPods) find(i record.Instance) *observedPod {
	if p := o.byName(i.Pod); p != nil && p.Instance == i {
		return p
	}
	return nil
}

func (o *observedPods) byName(pod string) *observedPod {
	i := slices.IndexFunc(o.all, func(p *observedPod) bool { return p.Instance.Pod == pod })
	if i < 0 {
		return nil
	}
	return o.all[i]
}

// action is what an action on p now has in common with others.
func (o *observedPods) action(p *observedPod) PodAction {
	return PodAction{Op: o.out.nextOp(), Pod: p.Instance, Workload: p.Workload}
}

func (o *observedPods) recordEvent(p *observedPod, what record.Payload, text string) {
	o.out.recordEvent(record.Event{Instance: p.Instance, Workload: p.Workload, Text: text, Payload: what})
}
