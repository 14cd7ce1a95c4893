package control

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// ObservedCluster is the control plane of a run in a real cluster, whose own
// controllers and kubelets decide about pods. It decides only what those do
// not: when CronHPA scales, what a step does, which pod a KillStep kills. It
// records what is observed of pods with the same events as a
// [SimulatedControlPlane], so that reports need not tell the two apart.
//
// It is pure, and not safe for concurrent use.
type ObservedCluster struct {
	outputs
	workloads    []Workload
	cronHPA      *cronHPA
	pods         *observedPods
	drainer      *drainer
	rulesVersion map[string]int // in force, by workload; 0: the rules of the plan itself

	now      time.Duration
	shutDown bool
}

// NewObservedCluster returns a control plane that has not observed any pod. It
// returns an error if cfg is invalid: a duplicate workload, a schedule that
// cannot be parsed.
func NewObservedCluster(cfg Config) (*ObservedCluster, error) {
	c := &ObservedCluster{rulesVersion: map[string]int{}}
	for _, w := range cfg.Workloads {
		if w.Name == "" || c.workload(w.Name) != nil {
			return nil, fmt.Errorf("reading workload %q: missing or duplicate name", w.Name)
		}
		c.workloads = append(c.workloads, w)
	}
	c.pods = &observedPods{out: &c.outputs}
	c.drainer = &drainer{out: &c.outputs, pods: c.pods}
	var err error
	c.cronHPA, err = newCronHPA(cfg)
	return c, err
}

// Step handles an event that happened at now and returns the actions that
// follow from it, in order.
func (c *ObservedCluster) Step(now time.Duration, e Event) []Action {
	for { // each deadline at its own time
		d, ok := c.Next()
		if !ok || d > now {
			break
		}
		c.now = max(c.now, d)
		c.cronHPA.fireDue(c, c.now)
		c.continueDrains()
	}
	c.now = max(c.now, now)
	c.handleEvent(e)
	c.continueDrains()
	return c.take()
}

// Next is the earliest deadline: that of CronHPA or of an eviction's retry.
func (c *ObservedCluster) Next() (time.Duration, bool) {
	var d deadline
	c.cronHPA.next(&d)
	if !c.shutDown {
		c.drainer.next(&d)
	}
	return d.when, d.set
}

// Pods lists the pods that exist, by workload and time of observation.
func (c *ObservedCluster) Pods() []PodState {
	var out []PodState
	for _, w := range c.workloads {
		for _, p := range c.pods.all {
			if p.Workload == w.Name {
				out = append(out, p.PodState)
			}
		}
	}
	return out
}

// Empty reports whether all containers have ended.
func (c *ObservedCluster) Empty() bool {
	return !slices.ContainsFunc(c.pods.all, func(p *observedPod) bool { return !p.exited })
}

func (c *ObservedCluster) handleEvent(e Event) {
	switch e := e.(type) {
	case Begin:
		for _, w := range c.workloads {
			c.add(ApplyWorkload{c.action(w.Name)})
		}
	case TimeZero, CycleStart:
		if !c.shutDown {
			c.cronHPA.restart(c.now)
		}
	case StepEvent:
		if !c.shutDown && c.workload(e.workload()) != nil {
			c.handleStep(e)
		}
	case Shutdown:
		c.shutdown()
	case NodeCordoned:
		c.drainer.onNodeCordoned(e)
	case EvictionFinished:
		c.drainer.onEvictionFinished(e, c.now)
	case RulesSent:
		if p := c.pods.find(e.Pod); p != nil && e.Err != "" {
			c.pods.recordEvent(p, record.RuleFailed{}, e.Err)
		}
	case SignalSent:
		if p := c.pods.find(e.Pod); p != nil && c.shutDown && e.Err == "" {
			p.exited = true // it has recorded its end
		}
	case PodObserved:
		if w := c.workload(e.Workload); w != nil && !c.shutDown {
			c.pods.observe(e, w.External)
		}
	case PodObservation:
		c.handleObservation(e)
	case WatchGap:
		if !c.shutDown {
			c.recordEvent(record.Event{Payload: record.WatchGap{Resource: e.Resource, Since: e.Since, Duration: e.Lasted}})
		}
	case Tick, Acknowledged:
		// Every step handles deadlines; there is nothing else to do.
	case ContainerStarted, HookFinished, ProbeFinished:
		// The kubelets start containers, run hooks and probes.
	}
}

func (c *ObservedCluster) handleStep(e StepEvent) {
	switch e := e.(type) {
	case ScaleStep:
		c.scale(e.Workload, e.Replicas)
	case RestartStep:
		c.add(RestartWorkload{c.action(e.Workload)})
	case ImageStep:
		c.add(SetImage{WorkloadAction: c.action(e.Workload), Image: e.Image})
	case PauseStep:
		c.add(PauseRollout{c.action(e.Workload)})
	case ResumeStep:
		c.add(ResumeRollout{c.action(e.Workload)})
	case DrainStep:
		c.drainer.start(e.Workload)
	case KillStep:
		c.kill(e.Workload, e.Evict)
	case RulesStep:
		c.rulesVersion[e.Workload] = max(c.rulesVersion[e.Workload], e.Version)
		for _, p := range c.pods.all {
			if p.Workload == e.Workload && p.Running {
				c.sendRules(p)
			}
		}
	}
}

// handleObservation handles an observation of a pod. After Shutdown only the
// end of a container matters.
func (c *ObservedCluster) handleObservation(e PodObservation) {
	if c.shutDown {
		switch e.(type) {
		case ContainerExited, PodGone:
			if p := c.pods.find(e.instance()); p != nil {
				p.exited = true
			}
		case ContainerRunning, ReadinessObserved, EndpointObserved, DeletionObserved, AddressObserved, KubernetesEvent:
		}
		return
	}
	if started := c.pods.update(e); started != nil {
		c.sendRules(started)
	}
}

// sendRules sends the rules in force to a pod whose container runs. Its
// Deployment knows only the rules that the run began with: to change them there
// would start a rollout.
func (c *ObservedCluster) sendRules(p *observedPod) {
	if n := c.rulesVersion[p.Workload]; n > 0 && !p.Terminating && !p.evicted {
		c.add(SendRules{PodAction: c.pods.action(p), Version: n})
	}
}

// scale implements scaler.
func (c *ObservedCluster) scale(workload string, n int) {
	if c.workload(workload) == nil {
		return
	}
	n = max(0, n)
	c.recordEvent(record.Event{Workload: workload, Payload: record.Scaled{Replicas: n}})
	c.add(ScaleWorkload{WorkloadAction: c.action(workload), Replicas: n})
}

func (c *ObservedCluster) kill(workload string, evict bool) {
	p := c.pods.podToKill(workload)
	if p == nil {
		return
	}
	p.evicted = evict
	c.pods.recordEvent(p, record.KillSent{}, "step")
	c.add(SendSignal{PodAction: c.pods.action(p), Signal: SignalKill, Evict: evict})
}

// shutdown interrupts all containers, so that each records its end. External
// pods record nothing, and are not ended.
func (c *ObservedCluster) shutdown() {
	c.shutDown = true
	c.cronHPA.stop()
	for _, p := range c.pods.all {
		if p.external {
			p.exited = true
		}
		if !p.exited {
			c.add(SendSignal{PodAction: c.pods.action(p), Signal: SignalInterrupt})
		}
	}
}

func (c *ObservedCluster) continueDrains() {
	if !c.shutDown {
		c.drainer.proceed(c.now)
	}
}

func (c *ObservedCluster) action(workload string) WorkloadAction {
	return WorkloadAction{Op: c.nextOp(), Workload: workload}
}

func (c *ObservedCluster) workload(name string) *Workload {
	i := slices.IndexFunc(c.workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &c.workloads[i]
}
