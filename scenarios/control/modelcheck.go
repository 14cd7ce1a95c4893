package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// modelCheck runs a SimulatedControlPlane on what was observed of a cluster.
type modelCheck struct {
	plane               *SimulatedControlPlane
	observed            *observation
	queue               []TimedEvent // by time
	end                 time.Duration
	modelled            decisionTimes // decisions of the model
	workloadOfPod       map[string]string
	deletionDifferences []Difference // in the order of deletion
	namesUsed           map[string]bool
}

// forever is longer than any run.
const forever = 1000 * time.Hour

func newModelCheck(cfg Config, s *observation, o RecordedRun) (*modelCheck, error) {
	p, err := NewSimulatedControlPlane(cfg)
	if err != nil {
		return nil, err
	}
	d := &modelCheck{plane: p, observed: s, modelled: decisionTimes{}, workloadOfPod: map[string]string{}, namesUsed: map[string]bool{}}
	// A start that takes long is the cluster's latency, and no decision.
	p.recorded, p.startTimeout = d, forever
	p.startInSecond = time.Duration(o.Start%1e6) * time.Microsecond
	for _, in := range o.Inputs {
		switch e := in.Event.(type) {
		case Begin, TimeZero, CycleStart, StepEvent, NodeCordoned, EvictionFinished:
			d.enqueue(in.At, e)
		case Shutdown:
			if d.end == 0 {
				d.end = in.At
			}
		case PodObserved, PodObservation, WatchGap: // observations: respond replays them as outcomes
		case Tick, ContainerStarted, HookFinished, ProbeFinished, SignalSent, Acknowledged, RulesSent: // outcomes of the cluster's own actions
		}
	}
	if d.end == 0 && len(o.Inputs) > 0 {
		d.end = o.Inputs[len(o.Inputs)-1].At
	}
	return d, nil
}

func (d *modelCheck) enqueue(at time.Duration, e Event) {
	i, _ := slices.BinarySearchFunc(d.queue, at, func(x TimedEvent, at time.Duration) int {
		if x.At <= at { // after events of the same time
			return -1
		}
		return 1
	})
	d.queue = slices.Insert(d.queue, i, TimedEvent{At: at, Event: e})
}

// run runs the simulation until the end of the run.
func (d *modelCheck) run() {
	for {
		next, ok := d.plane.Next()
		in := TimedEvent{At: next, Event: Tick{}}
		if len(d.queue) > 0 && (!ok || d.queue[0].At <= next) {
			in, ok = d.queue[0], true
			d.queue = d.queue[1:]
		}
		if !ok || in.At >= d.end {
			return
		}
		for _, a := range d.plane.Step(in.At, in.Event) {
			d.respond(d.plane.now, a)
		}
	}
}

// respond enqueues the outcome that an action of the model had in the cluster.
func (d *modelCheck) respond(now time.Duration, a Action) {
	switch a := a.(type) {
	case RecordEvent:
		if a.Event.Kind() != record.KindContainerStarted {
			d.modelled.add(now, a.Event)
		}
	case StartContainer:
		d.modelled.add(now, record.Event{Payload: record.ContainerStarted{}, Instance: a.Pod})
		if at, ok := d.observed.firstTime(record.KindContainerStarted, a.Pod); ok {
			d.enqueue(max(now, at), OutcomeOf(a, nil))
			d.enqueueExit(max(now, at), a.Pod)
		}
	case RunProbe:
		e := ProbeFinished{Outcome: a.outcome(), Success: d.observed.probeSucceedsAt(a.Pod, a.Probe, now)}
		if d.restartsOnFailure(a) {
			e.Success = true // the cluster would have restarted the container
		}
		d.enqueue(now, e)
	case RunHook:
		if at, ok := d.observed.hookEnd(a.Hook, a.Pod, now); ok {
			d.enqueue(at, OutcomeOf(a, nil))
		}
	case AbandonHook, SendRules, SendSignal, SetEndpoint, RemovePod: // their outcomes change nothing
	case ApplyWorkload, ScaleWorkload, RestartWorkload, SetImage, PauseRollout, ResumeRollout, CordonNode, EvictPod:
		// Only an ObservedCluster has these.
	}
}

// enqueueExit enqueues the end of an incarnation, if it was observed.
func (d *modelCheck) enqueueExit(started time.Duration, i record.Instance) {
	if at, ok := d.observed.firstTime(record.KindContainerExited, i); ok {
		d.enqueue(max(started, at), d.observed.exits[i])
	}
}

// restartsOnFailure reports whether a is a liveness or startup probe.
func (d *modelCheck) restartsOnFailure(a RunProbe) bool {
	w := d.plane.deployment(a.Workload)
	return w != nil && a.Probe != w.spec.Readiness
}

// nextPodName is the name of the next pod that Kubernetes created in a
// workload; "" if there is none.
func (d *modelCheck) nextPodName(workload string) string {
	for _, pod := range d.observed.created[workload] {
		if !d.namesUsed[pod] {
			d.namesUsed[pod] = true
			return pod
		}
	}
	return ""
}

// applyRecorded sets what Kubernetes assigned to a pod.
func (d *modelCheck) applyRecorded(x *pod) {
	d.workloadOfPod[x.name] = x.deployment.spec.Name
	if seen, ok := d.observed.pods[x.name]; ok {
		x.uid, x.node = cmp.Or(seen.UID, x.name), seen.Node
	}
}

func (d *modelCheck) workloadOf(i record.Instance) string {
	return cmp.Or(d.observed.workloadOf(i.Pod), d.workloadOfPod[i.Pod])
}

// podsToDelete are the pods that a scale-in deletes: those that Kubernetes
// deleted if it deleted enough, else own, the model's choice among pods.
func (d *modelCheck) podsToDelete(w *deployment, pods, own []*pod) []*pod {
	var recorded []*pod
	for _, name := range d.observed.deleted {
		i := slices.IndexFunc(pods, func(x *pod) bool { return x.name == name })
		at, _ := d.observed.firstTime(record.KindPodDeleted, record.Instance{Pod: name, Incarnation: incarnation(pods, i)})
		if i >= 0 && len(recorded) < len(own) && at <= d.plane.now+d.tolerance(record.KindPodDeleted, w, d.plane.now) {
			recorded = append(recorded, pods[i])
		}
	}
	if len(recorded) < len(own) {
		return own // the difference in numbers is reported elsewhere
	}
	for _, x := range recorded {
		if slices.Contains(own, x) {
			continue
		}
		for _, y := range own {
			if !slices.Contains(recorded, y) && d.alwaysRanksBefore(y, x) {
				d.deletionDifferences = append(d.deletionDifferences, Difference{
					At: d.plane.now, Workload: w.spec.Name, Pod: x.instance(), Rule: "deletion order: podranking.go",
					Kubernetes: "deleted " + d.describe(x), Model: "deletes " + d.describe(y),
				})
				break
			}
		}
	}
	return recorded
}

func incarnation(pods []*pod, i int) int {
	if i < 0 {
		return 0
	}
	return pods[i].incarnation
}

// alwaysRanksBefore reports whether a is deleted before b whenever, within
// the cluster's latency, Kubernetes decided.
func (d *modelCheck) alwaysRanksBefore(a, b *pod) bool {
	for _, t := range []time.Duration{-relistLatency, 0, relistLatency} {
		for _, shift := range []time.Duration{-relistLatency, 0, relistLatency} {
			r := a.deployment.ranking(d.plane)
			r.now += t
			x := *a
			x.readySince += shift
			if r.compare(&x, b) >= 0 {
				return false
			}
		}
	}
	return true
}

func (d *modelCheck) describe(x *pod) string {
	s := x.name + " (not ready"
	if x.ready {
		s = fmt.Sprintf("%s (ready for %s", x.name, seconds(d.plane.now-x.readySince))
	}
	if x.node != "" {
		s += ", on " + x.node
	}
	return s + ")"
}

// podToKill is the pod that a KillStep killed: the harness chose it, not
// Kubernetes.
func (d *modelCheck) podToKill(w *deployment, up []*pod) *pod {
	names := d.observed.killedBySteps[w.spec.Name]
	for k, name := range names {
		if i := slices.IndexFunc(up, func(x *pod) bool { return x.name == name }); i >= 0 {
			d.observed.killedBySteps[w.spec.Name] = slices.Delete(slices.Clone(names), k, k+1)
			return up[i]
		}
	}
	return nil
}
