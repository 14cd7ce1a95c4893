package control

import (
	"cmp"
	"slices"

	"zeroloss/loadgen/record"
)

// deployment is the state of a Deployment. Its replica sets are the pods of
// each revision.
type deployment struct {
	spec          Workload
	replicas      int
	wanted        template
	revisions     []template // in the order in which they were first rolled out
	revision      int        // index of the current one
	paused        bool
	pausedRollout pausedRollout // while paused
	rulesVersion  int           // in force
	pods          []*pod        // by age; includes terminating ones
}

// template is what a rollout changes of the pod template. A template that
// returns is the revision that it was before, and pods of it stay.
type template struct {
	image    string
	restarts int
}

func newDeployment(w Workload) *deployment {
	t := template{image: w.Image}
	return &deployment{spec: w, replicas: w.Replicas, wanted: t, revisions: []template{t}}
}

// updateRevision makes the wanted template the current revision.
func (w *deployment) updateRevision() {
	if w.revision = slices.Index(w.revisions, w.wanted); w.revision < 0 {
		w.revision = len(w.revisions)
		w.revisions = append(w.revisions, w.wanted)
	}
}

// handleStep handles a step of the scenario about this Deployment.
func (w *deployment) handleStep(p *SimulatedControlPlane, e StepEvent) {
	switch e := e.(type) {
	case ScaleStep:
		w.scale(p, e.Replicas)
	case RestartStep:
		w.wanted.restarts++
	case ImageStep:
		w.wanted.image = e.Image
	case PauseStep:
		w.pause()
	case ResumeStep:
		w.resume()
	case KillStep:
		w.kill(p, e.Evict)
	case RulesStep:
		w.setRules(p, e.Version)
	case DrainStep:
		// The simulation has no nodes.
	}
}

// scale sets the wanted number of pods.
func (w *deployment) scale(p *SimulatedControlPlane, n int) {
	w.replicas = max(0, n)
	p.recordEvent(record.Event{Workload: w.spec.Name, Payload: record.Scaled{Replicas: w.replicas}})
}

// setRules sends newer rules to all pods; later pods start with them.
func (w *deployment) setRules(p *SimulatedControlPlane, version int) {
	w.rulesVersion = max(w.rulesVersion, version)
	for _, d := range w.pods {
		d.sendRules(p)
	}
}

func (w *deployment) createPod(p *SimulatedControlPlane) { w.createPodOf(p, w.revision) }

func (w *deployment) createPodOf(p *SimulatedControlPlane, revision int) {
	d := &pod{deployment: w, createdAt: p.now, revision: revision}
	d.name = p.podName(w.spec.Name)
	d.uid = d.name
	if p.recorded != nil {
		p.recorded.applyRecorded(d)
	}
	w.pods = append(w.pods, d)
	p.recordEvent(record.Event{
		Payload: record.PodCreated{}, Workload: w.spec.Name,
		Instance: record.Instance{Pod: d.name, Incarnation: 1},
	})
	d.start(p)
}

func (w *deployment) remove(d *pod) {
	w.pods = slices.DeleteFunc(w.pods, func(x *pod) bool { return x == d })
}

// podsByRevision are the active pods of the current revision, and of earlier
// ones.
func (w *deployment) podsByRevision() (now, old []*pod) {
	for _, d := range w.pods {
		switch {
		case !d.active():
		case d.revision == w.revision:
			now = append(now, d)
		default:
			old = append(old, d)
		}
	}
	return now, old
}

// reconcile creates and deletes pods to reach the wanted state, as far as the
// strategy allows now.
func (w *deployment) reconcile(p *SimulatedControlPlane) {
	if w.paused {
		w.reconcilePaused(p)
		return
	}
	w.updateRevision()
	now, old := w.podsByRevision()
	if len(old) > 0 || w.recreating() {
		w.rollOut(p, now, old)
		return
	}
	for n := len(now); n < w.replicas; n++ {
		w.createPod(p)
	}
	if surplus := len(now) - w.replicas; surplus > 0 {
		for _, d := range w.selectForDeletion(p, now, surplus) {
			d.delete(p)
		}
	}
}

// kill kills a running pod: the one that a scale-in would delete first among
// the ready ones, as the loss of an unready pod would not matter.
func (w *deployment) kill(p *SimulatedControlPlane, evict bool) {
	var up []*pod
	for _, d := range w.pods {
		if d.active() && d.phase == running && d.termination == nil {
			up = append(up, d)
		}
	}
	if len(up) == 0 {
		return
	}
	order := w.deletionOrder(p, up)
	victim := order[max(slices.IndexFunc(order, func(d *pod) bool { return d.ready }), 0)]
	if p.recorded != nil {
		victim = cmp.Or(p.recorded.podToKill(w, up), victim)
	}
	victim.kill(p, evict)
}

func (w *deployment) next(p *SimulatedControlPlane, dl *deadline) {
	for _, d := range w.pods {
		d.next(dl)
	}
	if !p.shutDown {
		w.nextAvailable(p, dl)
	}
}
