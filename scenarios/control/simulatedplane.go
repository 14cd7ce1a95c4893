package control

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// SimulatedControlPlane decides what the controllers and kubelets of
// Kubernetes would decide. It is not safe for concurrent use.
type SimulatedControlPlane struct {
	workloads []*deployment
	cronHPA   *cronHPA
	names     podNames

	outputs
	now time.Duration
	// Set by Compare only.
	recorded      recordedDecisions // replace the model's own decisions; nil: none
	startTimeout  time.Duration     // 0: the constant startTimeout
	startInSecond time.Duration     // the fraction of a wall clock second at which the run began

	timeZeroReached bool
	shutDown        bool // nothing new is started
}

// NewSimulatedControlPlane returns a control plane without pods. It returns an
// error if cfg is invalid: a schedule that cannot be parsed, a strategy under
// which a rollout cannot proceed.
func NewSimulatedControlPlane(cfg Config) (*SimulatedControlPlane, error) {
	p := &SimulatedControlPlane{names: podNames{rand: rand.New(rand.NewPCG(cfg.Seed, nameStream)), used: map[string]bool{}}}
	for _, w := range cfg.Workloads {
		if err := checkWorkload(w); err != nil {
			return nil, fmt.Errorf("reading workload %q: %w", w.Name, err)
		}
		if p.deployment(w.Name) != nil {
			return nil, fmt.Errorf("reading workload %q: duplicate name", w.Name)
		}
		p.workloads = append(p.workloads, newDeployment(w))
	}
	var err error
	p.cronHPA, err = newCronHPA(cfg)
	return p, err
}

func checkWorkload(w Workload) error {
	switch {
	case w.Name == "":
		return errors.New("missing name")
	case w.Replicas < 0:
		return fmt.Errorf("replicas must not be negative, got %d", w.Replicas)
	case w.MaxSurge < 0 || w.MaxUnavailable < 0:
		return fmt.Errorf("maxSurge and maxUnavailable must not be negative, got %d and %d", w.MaxSurge, w.MaxUnavailable)
	case !w.Recreate && w.MaxSurge == 0 && w.MaxUnavailable == 0:
		return errors.New("maxSurge and maxUnavailable are both 0, so a rollout could never proceed; raise one of them")
	}
	for _, pr := range []*Probe{w.Startup, w.Readiness, w.Liveness} {
		if pr != nil && pr.Period <= 0 {
			return fmt.Errorf("the period of a probe must be positive, got %v", pr.Period)
		}
	}
	return nil
}

// Step handles an event that happened at now and returns the actions that
// follow from it, in order. If now is earlier than in a previous call, the
// latest time seen is used. An event about an action or an incarnation that is
// no longer current changes nothing.
func (p *SimulatedControlPlane) Step(now time.Duration, e Event) []Action {
	p.runDeadlines(now)
	p.handleEvent(e)
	p.reconcile()
	p.runDeadlines(now) // those that the event has set to now
	return p.take()
}

func (p *SimulatedControlPlane) handleEvent(e Event) {
	switch e := e.(type) {
	case Begin, Tick, SignalSent, Acknowledged:
		// Every step reconciles and handles deadlines; there is nothing else to do.
	case TimeZero, CycleStart:
		p.timeZeroReached = true
		if !p.shutDown {
			p.cronHPA.restart(p.now)
		}
	case StepEvent:
		if w := p.deployment(e.workload()); w != nil && !p.shutDown {
			w.handleStep(p, e)
		}
	case Shutdown:
		p.shutdown()
	case EvictionFinished: // in a cluster, whose budgets have accepted it
		if pod := p.find(e.Pod); pod != nil && e.Accepted && !p.shutDown {
			pod.delete(p)
		}
	case ContainerStarted:
		p.updatePod(e.Pod, func(d *pod) { d.onStarted(p, e) })
	case HookFinished:
		p.updatePod(e.Pod, func(d *pod) { d.onHookFinished(p, e) })
	case ProbeFinished:
		p.updatePod(e.Pod, func(d *pod) { d.onProbeFinished(p, e) })
	case RulesSent:
		p.updatePod(e.Pod, func(d *pod) { d.onRulesSent(p, e) })
	case ContainerExited:
		p.updatePod(e.Pod, func(d *pod) { d.onContainerExited(p, e) })
	case NodeCordoned, PodObserved, PodObservation, WatchGap:
		// Only an ObservedCluster has nodes and observations.
	}
}

// updatePod calls f with the pod whose current incarnation is i, if there is
// one.
func (p *SimulatedControlPlane) updatePod(i record.Instance, f func(*pod)) {
	if d := p.find(i); d != nil {
		f(d)
	}
}

// shutdown interrupts all containers, without preStop and grace period.
func (p *SimulatedControlPlane) shutdown() {
	p.shutDown = true
	p.cronHPA.stop()
	for _, w := range p.workloads {
		for _, pod := range slices.Clone(w.pods) {
			pod.shutDown(p)
		}
	}
}

// runDeadlines handles the deadlines up to now, each at its own time: what is
// due at 10 s happens at 10 s even if the caller is 2 s late.
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

// handleDeadlines handles all deadlines that have passed.
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

// Next is the time of the earliest deadline; false if there is none. The caller
// sends a Tick at that time.
func (p *SimulatedControlPlane) Next() (time.Duration, bool) {
	var d deadline
	p.cronHPA.next(&d)
	for _, w := range p.workloads {
		w.next(p, &d)
	}
	return d.when, d.set
}

// Empty reports whether no pod is left.
func (p *SimulatedControlPlane) Empty() bool {
	return !slices.ContainsFunc(p.workloads, func(w *deployment) bool { return len(w.pods) > 0 })
}

// PodState is the state of a pod as a control plane knows it.
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

// find is the pod whose current incarnation is i; nil if there is none. Events
// about earlier incarnations are stale.
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

// scale implements scaler.
func (p *SimulatedControlPlane) scale(workload string, n int) {
	if w := p.deployment(workload); w != nil {
		w.scale(p, n)
	}
}

// podName is the name of the next pod.
func (p *SimulatedControlPlane) podName(workload string) string {
	if p.recorded != nil {
		if name := p.recorded.nextPodName(workload); name != "" {
			p.names.used[name] = true
			return name
		}
	}
	return p.names.next(workload)
}
