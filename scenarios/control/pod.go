package control

import (
	"cmp"
	"time"

	"zeroloss/loadgen/record"
)

// A pod's container:
//
//	starting ──Started──▶ running ──Exited──▶ waiting (back-off) ─▶ starting
//	    │                    │                   │
//	    └──── deletion: preStop, TERM, KILL ─────┴──▶ gone
type phase int

const (
	starting phase = iota // StartContainer is ordered
	running
	waiting // for its back-off
	dead    // the pod is removed
)

const (
	startTimeout = 10 * time.Second  // for the outcome of StartContainer
	rulesTimeout = 10 * time.Second  // for the outcome of SendRules
	firstBackOff = 10 * time.Second  // before the second restart; the first is at once
	maxBackOff   = 300 * time.Second // the kubelet's
	backOffReset = 10 * time.Minute  // a container that ran this long has its earlier crashes forgiven
)

// pod is a pod with one container.
type pod struct {
	deployment   *deployment
	name         string
	uid          string // breaks ties; as recorded, else the name
	node         string // as recorded, else ""
	createdAt    time.Duration
	revision     int // of the template
	incarnation  int
	rulesVersion int // that its container was last sent

	phase     phase
	startOp   Op
	deadline  time.Duration // starting: for the outcome; waiting: end of the back-off
	startedAt time.Duration
	crashes   int // that count for the back-off

	started    bool // the startup probe has succeeded
	ready      bool
	readySince time.Duration
	endpoint   bool
	probes     []*prober

	termination *termination // not nil while the container is being stopped
	deleting    bool         // the pod is deleted once its container has exited
	evicted     bool         // killed by a KillStep: the pod goes with its container
}

func (d *pod) instance() record.Instance {
	return record.Instance{Pod: d.name, Incarnation: d.incarnation}
}

// pending reports whether no container of the pod has run.
func (d *pod) pending() bool { return d.phase == starting && d.incarnation == 1 }

// active reports whether the pod counts for its replica set.
func (d *pod) active() bool { return !d.deleting && !d.evicted }

func (d *pod) recordEvent(p *SimulatedControlPlane, what record.Payload, text string) {
	p.recordEvent(record.Event{Instance: d.instance(), Workload: d.deployment.spec.Name, Text: text, Payload: what})
}

// action is the common part of an action on d.
func (d *pod) action(p *SimulatedControlPlane, deadline time.Duration) PodAction {
	return PodAction{Op: p.nextOp(), Pod: d.instance(), Workload: d.deployment.spec.Name, Deadline: deadline}
}

// start starts the next incarnation of the container.
func (d *pod) start(p *SimulatedControlPlane) {
	d.incarnation++
	d.phase, d.deadline = starting, p.now+cmp.Or(p.startTimeout, startTimeout)
	d.started, d.probes, d.termination = false, nil, nil
	d.rulesVersion = d.deployment.rulesVersion
	a := StartContainer{
		PodAction: d.action(p, d.deadline), RulesVersion: d.rulesVersion,
		Initial: !p.timeZeroReached && d.incarnation == 1,
	}
	d.startOp = a.Op
	p.add(a)
}

func (d *pod) onRulesSent(p *SimulatedControlPlane, e RulesSent) {
	if e.Err != "" {
		d.recordEvent(p, record.RuleFailed{}, e.Err)
	}
}

func (d *pod) onContainerExited(p *SimulatedControlPlane, e ContainerExited) {
	if d.phase == starting || d.phase == running {
		d.exit(p, e.ExitCode, e.Reason)
	}
}

func (d *pod) onStarted(p *SimulatedControlPlane, e ContainerStarted) {
	if d.phase != starting || e.Op != d.startOp {
		return
	}
	if e.Err != "" {
		d.exit(p, -1, "could not be started: "+e.Err)
		return
	}
	d.phase, d.startedAt = running, p.now
	d.recordEvent(p, record.ContainerStarted{}, "")
	switch {
	case d.termination != nil && p.shutDown: // the container may have missed the signal
		d.termination.killSent = false
		d.termination.interrupt(p, d)
		return
	case d.termination != nil: // deleted meanwhile
		d.termination.start(p, d)
		return
	}
	d.sendRules(p)
	if d.deployment.spec.Startup != nil {
		d.probes = []*prober{newProber(startup, d.deployment.spec.Startup, p.now)}
		return
	}
	d.onStartedUp(p)
}

// sendRules sends the rules in force to a running container, unless it has
// them.
func (d *pod) sendRules(p *SimulatedControlPlane) {
	if d.phase == running && d.termination == nil && d.rulesVersion < d.deployment.rulesVersion {
		d.rulesVersion = d.deployment.rulesVersion
		p.add(SendRules{PodAction: d.action(p, p.now+rulesTimeout), Version: d.rulesVersion})
	}
}

// onStartedUp starts the readiness and liveness probes.
func (d *pod) onStartedUp(p *SimulatedControlPlane) {
	d.started, d.probes = true, nil
	if pr := d.deployment.spec.Readiness; pr != nil {
		d.probes = append(d.probes, newProber(readiness, pr, d.startedAt, p.now))
	} else {
		d.setReady(p, true)
	}
	if pr := d.deployment.spec.Liveness; pr != nil {
		d.probes = append(d.probes, newProber(liveness, pr, d.startedAt, p.now))
	}
}

func (d *pod) setReady(p *SimulatedControlPlane, on bool) {
	if on == d.ready {
		return
	}
	d.ready = on
	if on {
		d.readySince = p.now
		d.recordEvent(p, record.PodReady{}, "")
	} else {
		d.recordEvent(p, record.PodNotReady{}, "")
	}
	d.setEndpoint(p, on && d.active())
}

func (d *pod) setEndpoint(p *SimulatedControlPlane, on bool) {
	if on == d.endpoint || d.deployment.spec.NoService {
		return
	}
	d.endpoint = on
	if on {
		d.recordEvent(p, record.EndpointAdded{}, "")
	} else {
		d.recordEvent(p, record.EndpointRemoved{}, "")
	}
	p.add(SetEndpoint{PodAction: d.action(p, 0), Ready: on})
}

// exit ends an incarnation: the pod is removed, or its container starts
// again.
func (d *pod) exit(p *SimulatedControlPlane, code int, text string) {
	if d.termination != nil {
		d.termination.abandon(p, d, "the container exited")
	}
	d.recordEvent(p, record.ContainerExited{ExitCode: code}, text)
	d.setReady(p, false)
	d.probes = nil
	if !d.active() || p.shutDown {
		d.remove(p)
		return
	}
	d.termination = nil
	if d.phase == running && p.now-d.startedAt >= backOffReset {
		d.crashes = 0
	}
	d.phase, d.deadline = waiting, p.now+backOff(d.crashes)
	d.crashes++
	if d.deadline <= p.now {
		d.start(p)
	}
}

// backOff is the wait after the n-th crash (from 0): 0, 10 s, 20 s, 40 s …
// 300 s.
func backOff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(firstBackOff<<min(n-1, 10), maxBackOff)
}

// remove removes the pod. Its name and address are never used again.
func (d *pod) remove(p *SimulatedControlPlane) {
	d.setEndpoint(p, false)
	p.add(RemovePod{d.action(p, 0)})
	d.phase, d.termination = dead, nil
	d.deployment.remove(d)
}

// delete deletes the pod. It stops being an endpoint at the same moment as
// the kubelet begins to stop its container.
func (d *pod) delete(p *SimulatedControlPlane) {
	if !d.active() {
		return
	}
	d.recordEvent(p, record.PodDeleted{}, "")
	d.deleting = true
	d.setEndpoint(p, false)
	if d.phase == waiting {
		d.remove(p)
		return
	}
	if d.termination != nil { // a failed liveness probe stops it already
		return
	}
	d.termination = &termination{graceEnds: p.now + d.deployment.spec.Grace}
	if d.phase == running {
		d.termination.start(p, d)
	}
}

// restart stops the container, so that it starts again in its pod.
func (d *pod) restart(p *SimulatedControlPlane) {
	if d.termination != nil {
		return
	}
	d.termination = &termination{graceEnds: p.now + d.deployment.spec.Grace}
	d.termination.start(p, d)
}

// kill kills the container without warning. With evict the pod goes with it.
func (d *pod) kill(p *SimulatedControlPlane, evict bool) {
	d.evicted = evict
	if d.termination == nil {
		d.termination = &termination{graceEnds: p.now}
	}
	d.termination.kill(p, d, "step")
}

// shutDown ends the pod at the end of the run.
func (d *pod) shutDown(p *SimulatedControlPlane) {
	if d.phase == waiting {
		d.remove(p)
		return
	}
	if d.termination == nil {
		d.termination = &termination{}
	}
	d.termination.interrupt(p, d)
}

func (d *pod) handleDeadlines(p *SimulatedControlPlane) {
	if d.termination != nil {
		d.termination.handleDeadlines(p, d)
	}
	switch {
	case d.phase == starting && d.deadline <= p.now:
		// The outcome is lost, and a process may have started.
		p.add(SendSignal{PodAction: d.action(p, 0), Signal: SignalKill})
		d.exit(p, -1, "no outcome of its start was reported")
	case d.phase == waiting && d.deadline <= p.now:
		d.start(p)
	case d.phase == running:
		d.handleProbeDeadlines(p)
	}
}

func (d *pod) next(dl *deadline) {
	switch d.phase {
	case starting, waiting:
		dl.add(d.deadline)
	case running:
		for _, pr := range d.probes {
			dl.add(pr.deadline())
		}
	case dead: // nothing is due
	}
	if d.termination != nil {
		d.termination.next(dl)
	}
}
