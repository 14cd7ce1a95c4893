package control

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// SimulatedControlPlane is the control plane of one run. It is not safe for concurrent use:
// one loop owns it.
type SimulatedControlPlane struct {
	workloads []*deployment
	cronHPA   *cronHPA
	names     podNames

	now time.Duration
	ops Op
	// Of Compare: what Kubernetes decided in the model's place, and its terms.
	recorded      recordedDecisions // nil: there is none
	startTimeout  time.Duration     // 0 is startTimeout
	startInSecond time.Duration     // where in a second of the wall clock the run began

	timeZeroReached bool     // time zero has been
	shutDown        bool     // after Shutdown: nothing is started any more
	out             []Action // of the step under way
}

// NewSimulatedControlPlane is a plane in which nothing has begun. Its errors are the
// configuration's: a schedule, a strategy that can never move.
func NewSimulatedControlPlane(cfg Config) (*SimulatedControlPlane, error) {
	p := &SimulatedControlPlane{names: podNames{rand: rand.New(rand.NewPCG(cfg.Seed, nameStream)), used: map[string]bool{}}}
	for _, w := range cfg.Workloads {
		if err := check(w); err != nil {
			return nil, fmt.Errorf("reading workload %q: %w", w.Name, err)
		}
		if p.deployment(w.Name) != nil {
			return nil, fmt.Errorf("reading workload %q: the name is given twice", w.Name)
		}
		p.workloads = append(p.workloads, newDeployment(w))
	}
	var err error
	p.cronHPA, err = newCronHPA(cfg)
	return p, err
}

func check(w Workload) error {
	switch {
	case w.Name == "":
		return errors.New("it has no name")
	case w.Replicas < 0:
		return fmt.Errorf("replicas is %d; it cannot be negative", w.Replicas)
	case w.MaxSurge < 0 || w.MaxUnavailable < 0:
		return errors.New("maxSurge and maxUnavailable cannot be negative")
	case !w.Recreate && w.MaxSurge == 0 && w.MaxUnavailable == 0:
		return errors.New("maxSurge and maxUnavailable are both 0: a rollout could never move; raise one of them")
	}
	for _, pr := range []*Probe{w.Startup, w.Readiness, w.Liveness} {
		if pr != nil && pr.Period <= 0 {
			return fmt.Errorf("a probe's period is %v; it must be positive", pr.Period)
		}
	}
	return nil
}

// Step takes in what happened at now and returns what is to be done, in
// order: a Note comes before the action it announces. now never goes back (an
// earlier one is taken as the latest seen). An event whose Op or incarnation
// is no longer awaited changes nothing.
func (p *SimulatedControlPlane) Step(now time.Duration, e Event) []Action {
	p.out = nil
	p.runDeadlines(now)
	p.handleEvent(e)
	p.reconcile()
	p.runDeadlines(now) // what the event made due at once
	out := p.out
	p.out = nil
	return out
}

func (p *SimulatedControlPlane) handleEvent(e Event) {
	switch e.Kind {
	case Begin, Tick, Signaled, Acked:
		// Reconciling and expiring, which every step does, is all.
	case Zero, SetBack:
		p.timeZeroReached = true
		if !p.shutDown {
			p.cronHPA.restart(p.now)
		}
	case SetScale, Restart, SetImage, Pause, Resume, KillPod, SetRule:
		p.handleStep(e)
	case Shutdown:
		p.shutdown()
	case Evicted: // from a node of a cluster's, which decided that it may be
		if pod := p.find(e.Pod); pod != nil && e.OK && !p.shutDown {
			pod.delete(p)
		}
	case Started, HookDone, Probed, Ruled, Exited:
		if pod := p.find(e.Pod); pod != nil {
			pod.handle(p, e)
		}
	}
}

// handleStep is a step of the scenario.
func (p *SimulatedControlPlane) handleStep(e Event) {
	w := p.deployment(e.Workload)
	if w == nil || p.shutDown {
		return
	}
	switch e.Kind {
	case SetScale:
		w.scale(p, e.N)
	case Restart:
		w.wanted.restarts++
	case SetImage:
		w.wanted.image = e.Image
	case Pause:
		w.pause()
	case Resume:
		w.resume()
	case KillPod:
		w.kill(p, e.N == 1)
	case SetRule:
		w.setRules(p, e.N)
	}
}

// shutdown tells all containers to go at once: no preStop, no grace.
func (p *SimulatedControlPlane) shutdown() {
	p.shutDown = true
	p.cronHPA.stop()
	for _, w := range p.workloads {
		for _, pod := range slices.Clone(w.pods) {
			pod.shutDown(p)
		}
	}
}

// runDeadlines lives through the deadlines up to now, each at its own time: what is
// due at 10 s is not done as of 12 s because the caller was late.
func (p *SimulatedControlPlane) runDeadlines(now time.Duration) {
	for {
		d, ok := p.Next()
		if !ok || d > now {
			break
		}
		p.now = max(p.now, d)
		p.handleDeadlines()
		p.reconcile()
	}
	p.now = max(p.now, now)
}

// handleDeadlines lets all that owns a deadline act on those that have come.
func (p *SimulatedControlPlane) handleDeadlines() {
	p.cronHPA.fireDue(p, p.now)
	for _, w := range p.workloads {
		for _, pod := range slices.Clone(w.pods) {
			pod.handleDeadlines(p)
		}
	}
}

func (p *SimulatedControlPlane) reconcile() {
	if p.shutDown {
		return
	}
	for _, w := range p.workloads {
		w.reconcile(p)
	}
}

// Next is the earliest deadline that the plane owns; false if there is none.
// Whoever drives it steps it with a Tick at that time.
func (p *SimulatedControlPlane) Next() (time.Duration, bool) {
	var d deadline
	p.cronHPA.next(&d)
	for _, w := range p.workloads {
		w.next(p, &d)
	}
	return d.when, d.set
}

// Empty says that no pod is left.
func (p *SimulatedControlPlane) Empty() bool {
	return !slices.ContainsFunc(p.workloads, func(w *deployment) bool { return len(w.pods) > 0 })
}

// PodState is what the plane knows of a pod, for those who wait for it.
type PodState struct {
	Instance    record.Instance
	Workload    string
	Running     bool
	Ready       bool
	Terminating bool
}

// Pods lists all pods, by workload and age.
func (p *SimulatedControlPlane) Pods() []PodState {
	var out []PodState
	for _, w := range p.workloads {
		for _, pod := range w.pods {
			out = append(out, PodState{
				Instance: pod.instance(), Workload: w.spec.Name, Running: pod.phase == running,
				Ready: pod.ready, Terminating: !pod.active(),
			})
		}
	}
	return out
}

func (p *SimulatedControlPlane) deployment(name string) *deployment {
	i := slices.IndexFunc(p.workloads, func(w *deployment) bool { return w.spec.Name == name })
	if i < 0 {
		return nil
	}
	return p.workloads[i]
}

// find is the pod whose present incarnation is i: anything said of an earlier
// one is stale.
func (p *SimulatedControlPlane) find(i record.Instance) *pod {
	for _, w := range p.workloads {
		for _, pod := range w.pods {
			if pod.instance() == i {
				return pod
			}
		}
	}
	return nil
}

// addAction orders a, under a fresh Op, which it returns.
func (p *SimulatedControlPlane) addAction(a Action) Op {
	p.ops++
	a.Op = p.ops
	p.out = append(p.out, a)
	return a.Op
}

// rescale is the autoscaler's wish.
func (p *SimulatedControlPlane) scale(workload string, n int) {
	if w := p.deployment(workload); w != nil {
		w.scale(p, n)
	}
}

func (p *SimulatedControlPlane) recordEvent(e record.Event) {
	p.addAction(Action{Kind: Note, Pod: e.Instance, Workload: e.Workload, Note: &e})
}

// name is a pod's, which none has had.
func (p *SimulatedControlPlane) name(workload string) string {
	if p.recorded != nil {
		if name := p.recorded.nextPodName(workload); name != "" {
			p.names.used[name] = true
			return name
		}
	}
	return p.names.next(workload)
}

// deadline collects the earliest of some times.
type deadline struct {
	when time.Duration
	set  bool
}

func (d *deadline) at(t time.Duration) {
	if !d.set || t < d.when {
		d.when, d.set = t, true
	}
}

// podNames makes pod names, each once.
type podNames struct {
	rand *rand.Rand
	used map[string]bool
}

const (
	nameStream   = 0x706f646e616d6573 // "podnames": keeps the sequence apart from others of the same seed
	nameAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	nameLength   = 5
)

// next is "<workload>-<5 characters>", as Kubernetes' own names look.
func (n *podNames) next(workload string) string {
	for {
		b := make([]byte, nameLength)
		for i := range b {
			b[i] = nameAlphabet[n.rand.IntN(len(nameAlphabet))]
		}
		name := workload + "-" + string(b)
		if !n.used[name] {
			n.used[name] = true
			return name
		}
	}
}
