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
	ruleTimeout  = 10 * time.Second  // rules that have not reached a container by then did not reach it
	firstBackOff = 10 * time.Second  // before the second restart; the first is at once
	maxBackOff   = 300 * time.Second // kubelet's
	backOffReset = 10 * time.Minute  // running that long forgives earlier crashes
)

// pod is a pod and its one container.
type pod struct {
	w           *workload
	name        string
	uid         string // breaks ties; of a witness, else the name
	node        string // of a witness, else ""
	createdAt   time.Duration
	revision    int // of the template
	incarnation int
	rule        int // version of the rules that its container was last told

	phase     phase
	startOp   Op
	due       time.Duration // starting: given up; waiting: started again
	startedAt time.Duration
	crashes   int // restarts that count for the back-off

	started    bool // startup probe passed
	ready      bool
	readySince time.Duration
	endpoint   bool
	probes     []*prober

	stop     *stop // the container is being stopped
	deleting bool  // and the pod goes with it
	evicted  bool  // killed and not to be restarted: the pod goes with its container
}

func (d *pod) instance() record.Instance {
	return record.Instance{Pod: d.name, Incarnation: d.incarnation}
}

// pending: no container of it has run.
func (d *pod) pending() bool { return d.phase == starting && d.incarnation == 1 }

// active pods are those that count for the replica set.
func (d *pod) active() bool { return !d.deleting && !d.evicted }

func (d *pod) note(p *Plane, kind record.Kind, text string) {
	d.noteN(p, kind, text, 0)
}

func (d *pod) noteN(p *Plane, kind record.Kind, text string, n int64) {
	p.note(record.Event{Kind: kind, Instance: d.instance(), Workload: d.w.spec.Name, Text: text, N: n})
}

func (d *pod) act(p *Plane, a Action) Op {
	a.Pod, a.Workload = d.instance(), d.w.spec.Name
	return p.act(a)
}

// start orders the next incarnation of the container.
func (d *pod) start(p *Plane) {
	d.incarnation++
	d.phase, d.due = starting, p.now+cmp.Or(p.startWithin, startTimeout)
	d.started, d.probes, d.stop = false, nil, nil
	d.rule = d.w.rule
	d.startOp = d.act(p, Action{Kind: Start, Deadline: d.due, N: d.rule, First: !p.zero && d.incarnation == 1})
}

func (d *pod) handle(p *Plane, e Event) {
	switch e.Kind {
	case Started:
		if d.phase == starting && e.Op == d.startOp {
			d.onStarted(p, e)
		}
	case HookDone:
		if d.stop != nil {
			d.stop.onHook(p, d, e)
		}
	case Probed:
		d.onProbed(p, e)
	case Ruled:
		if e.Err != "" {
			d.note(p, record.KindRuleFailed, e.Err)
		}
	case Exited:
		if d.phase == starting || d.phase == running {
			d.onExited(p, e.N, e.Err)
		}
	}
}

func (d *pod) onStarted(p *Plane, e Event) {
	if e.Err != "" {
		d.onExited(p, -1, "it could not be started: "+e.Err)
		return
	}
	d.phase, d.startedAt = running, p.now
	d.note(p, record.KindContainerStarted, "")
	switch {
	case d.stop != nil && p.down: // it may have missed the signal
		d.stop.killSent = false
		d.stop.hurry(p, d)
		return
	case d.stop != nil: // deleted meanwhile
		d.stop.begin(p, d)
		return
	}
	d.tellRule(p)
	if d.w.spec.Startup != nil {
		d.probes = []*prober{newProber(startup, d.w.spec.Startup, p.now)}
		return
	}
	d.onStartedUp(p)
}

// tellRule tells a running container the rules, if it does not know them yet.
func (d *pod) tellRule(p *Plane) {
	if d.phase == running && d.stop == nil && d.rule < d.w.rule {
		d.rule = d.w.rule
		d.act(p, Action{Kind: Rule, N: d.rule, Deadline: p.now + ruleTimeout})
	}
}

// onStartedUp is when readiness and liveness begin to be probed.
func (d *pod) onStartedUp(p *Plane) {
	d.started, d.probes = true, nil
	if pr := d.w.spec.Readiness; pr != nil {
		d.probes = append(d.probes, newProber(readiness, pr, d.startedAt, p.now))
	} else {
		d.setReady(p, true)
	}
	if pr := d.w.spec.Liveness; pr != nil {
		d.probes = append(d.probes, newProber(liveness, pr, d.startedAt, p.now))
	}
}

func (d *pod) setReady(p *Plane, on bool) {
	if on == d.ready {
		return
	}
	d.ready = on
	if on {
		d.readySince = p.now
		d.note(p, record.KindPodReady, "")
	} else {
		d.note(p, record.KindPodNotReady, "")
	}
	d.setEndpoint(p, on && d.active())
}

func (d *pod) setEndpoint(p *Plane, on bool) {
	if on == d.endpoint || d.w.spec.NoService {
		return
	}
	d.endpoint = on
	kind := record.KindEndpointRemoved
	if on {
		kind = record.KindEndpointAdded
	}
	d.note(p, kind, "")
	d.act(p, Action{Kind: SetEndpoint, On: on})
}

// onExited is the end of an incarnation: the pod goes, or starts again.
func (d *pod) onExited(p *Plane, code int, text string) {
	if d.stop != nil {
		d.stop.abandon(p, d, "the container exited")
	}
	d.noteN(p, record.KindContainerExited, text, int64(code))
	d.setReady(p, false)
	d.probes = nil
	if !d.active() || p.down {
		d.gone(p)
		return
	}
	d.stop = nil
	if d.phase == running && p.now-d.startedAt >= backOffReset {
		d.crashes = 0
	}
	d.phase, d.due = waiting, p.now+backOff(d.crashes)
	d.crashes++
	if d.due <= p.now {
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

// gone takes the pod out of the world. Its name and address are never used
// again.
func (d *pod) gone(p *Plane) {
	d.setEndpoint(p, false)
	d.act(p, Action{Kind: Remove})
	d.phase, d.stop = dead, nil
	d.w.remove(d)
}

// delete begins the pod's deletion. The endpoint's removal and kubelet's work
// start at the same moment.
func (d *pod) delete(p *Plane) {
	if !d.active() {
		return
	}
	d.note(p, record.KindPodDeleted, "")
	d.deleting = true
	d.setEndpoint(p, false)
	if d.phase == waiting {
		d.gone(p)
		return
	}
	if d.stop != nil { // liveness is restarting it: that stop goes on
		return
	}
	d.stop = &stop{graceEnds: p.now + d.w.spec.Grace}
	if d.phase == running {
		d.stop.begin(p, d)
	}
}

// restart stops the container so that it starts again in its pod.
func (d *pod) restart(p *Plane) {
	if d.stop != nil {
		return
	}
	d.stop = &stop{graceEnds: p.now + d.w.spec.Grace}
	d.stop.begin(p, d)
}

// crash kills the container without warning; evict: the pod is lost with it.
func (d *pod) crash(p *Plane, evict bool) {
	d.evicted = evict
	if d.stop == nil {
		d.stop = &stop{graceEnds: p.now}
	}
	d.stop.kill(p, d, "step")
}

// leave is the end of the run for this pod.
func (d *pod) leave(p *Plane) {
	if d.phase == waiting {
		d.gone(p)
		return
	}
	if d.stop == nil {
		d.stop = &stop{}
	}
	d.stop.hurry(p, d)
}

func (d *pod) expire(p *Plane) {
	if d.stop != nil {
		d.stop.expire(p, d)
	}
	switch {
	case d.phase == starting && d.due <= p.now:
		// Its outcome is lost. Whatever came up of it must not stay.
		d.act(p, Action{Kind: Signal, Sig: "KILL"})
		d.onExited(p, -1, "no outcome of its start was told")
	case d.phase == waiting && d.due <= p.now:
		d.start(p)
	case d.phase == running:
		d.expireProbes(p)
	}
}

func (d *pod) next(p *Plane, dl *deadline) {
	switch d.phase {
	case starting, waiting:
		dl.at(d.due)
	case running:
		for _, pr := range d.probes {
			dl.at(pr.deadline())
		}
	}
	if d.stop != nil {
		d.stop.next(d, dl)
	}
}
