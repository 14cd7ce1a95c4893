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
	starting phase = iota // Start is ordered
	running
	waiting // for its back-off
	dead    // the pod is out of the world
)

const (
	startTimeout = 10 * time.Second  // a Start whose outcome is not told by then is lost
	rulesTimeout = 10 * time.Second  // rules that have not reached a container by then did not reach it
	firstBackOff = 10 * time.Second  // before the second restart; the first is at once
	maxBackOff   = 300 * time.Second // kubelet's
	backOffReset = 10 * time.Minute  // running that long forgives earlier crashes
)

// pod is a pod and its one container.
type pod struct {
	deployment   *deployment
	name         string
	uid          string // breaks ties; of a witness, else the name
	node         string // of a witness, else ""
	createdAt    time.Duration
	revision     int // of the template
	incarnation  int
	rulesVersion int // version of the rules that its container was last told

	phase     phase
	startOp   Op
	deadline  time.Duration // starting: given up; waiting: started again
	startedAt time.Duration
	crashes   int // restarts that count for the back-off

	started    bool // startup probe passed
	ready      bool
	readySince time.Duration
	endpoint   bool
	probes     []*prober

	termination *termination // the container is being stopped
	deleting    bool         // and the pod goes with it
	evicted     bool         // killed and not to be restarted: the pod goes with its container
}

func (d *pod) instance() record.Instance {
	return record.Instance{Pod: d.name, Incarnation: d.incarnation}
}

// pending: no container of it has run.
func (d *pod) pending() bool { return d.phase == starting && d.incarnation == 1 }

// active pods are those that count for the replica set.
func (d *pod) active() bool { return !d.deleting && !d.evicted }

func (d *pod) recordEvent(p *SimulatedControlPlane, what record.Payload, text string) {
	p.recordEvent(record.Event{Instance: d.instance(), Workload: d.deployment.spec.Name, Text: text, Payload: what})
}

// action is what an action on d now has in common with others.
func (d *pod) action(p *SimulatedControlPlane, deadline time.Duration) PodAction {
	return PodAction{Op: p.nextOp(), Pod: d.instance(), Workload: d.deployment.spec.Name, Deadline: deadline}
}

// start orders the start of the container's next incarnation.
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
	case d.termination != nil && p.shutDown: // it may have missed the signal
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

// sendRules tells a running container the rules, if it does not know them yet.
func (d *pod) sendRules(p *SimulatedControlPlane) {
	if d.phase == running && d.termination == nil && d.rulesVersion < d.deployment.rulesVersion {
		d.rulesVersion = d.deployment.rulesVersion
		p.add(SendRules{PodAction: d.action(p, p.now+rulesTimeout), Version: d.rulesVersion})
	}
}

// onStartedUp is when readiness and liveness begin to be probed.
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

// exit ends an incarnation: the pod is removed, or starts its container again.
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

// backOff is how long to wait after the n-th crash (from 0): nothing, 10 s,
// 20 s, 40 s … 300 s.
func backOff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(firstBackOff<<min(n-1, 10), maxBackOff)
}

// remove takes the pod out of the world. Its name and address are never used
// again.
func (d *pod) remove(p *SimulatedControlPlane) {
	d.setEndpoint(p, false)
	p.add(RemovePod{d.action(p, 0)})
	d.phase, d.termination = dead, nil
	d.deployment.remove(d)
}

// delete begins the pod's deletion. The endpoint's removal and kubelet's work
// start at the same moment.
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
	if d.termination != nil { // liveness is restarting it: that stop goes on
		return
	}
	d.termination = &termination{graceEnds: p.now + d.deployment.spec.Grace}
	if d.phase == running {
		d.termination.start(p, d)
	}
}

// restart stops the container so that it starts again in its pod.
func (d *pod) restart(p *SimulatedControlPlane) {
	if d.termination != nil {
		return
	}
	d.termination = &termination{graceEnds: p.now + d.deployment.spec.Grace}
	d.termination.start(p, d)
}

// kill kills the container without warning; evict: the pod is lost with it.
func (d *pod) kill(p *SimulatedControlPlane, evict bool) {
	d.evicted = evict
	if d.termination == nil {
		d.termination = &termination{graceEnds: p.now}
	}
	d.termination.kill(p, d, "step")
}

// shutDown is the end of the run for this pod.
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
		// Its outcome is lost. Whatever came up of it must not stay.
		p.add(SendSignal{PodAction: d.action(p, 0), Signal: SignalKill})
		d.exit(p, -1, "no outcome of its start was told")
	case d.phase == waiting && d.deadline <= p.now:
		d.start(p)
	case d.phase == running:
		d.handleProbeDeadlines(p)
	}
}

func (d *pod) next(p *SimulatedControlPlane, dl *deadline) {
	switch d.phase {
	case starting, waiting:
		dl.add(d.deadline)
	case running:
		for _, pr := range d.probes {
			dl.add(pr.deadline())
		}
	}
	if d.termination != nil {
		d.termination.next(d, dl)
	}
}
