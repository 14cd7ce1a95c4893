package control

import (
	"cmp"
	"fmt"
	"slices"

	"time"

	"zeroloss/loadgen/record"
)

// ObservedCluster is the plane of a run in a real cluster, whose own controllers and
// kubelets decide about pods. It decides only what they do not: when CronHPA
// scales, what a step does, whom a kill takes. Of the pods it keeps what it is
// told, and writes that down in the words of [SimulatedControlPlane], so that a report reads
// both alike.
//
// As Plane, it is pure, and one loop owns it.
type ObservedCluster struct {
	workloads    []Workload
	cronHPA      *cronHPA
	pods         []*observedPod // by first sight
	drains       []*nodeDrain
	rulesVersion map[string]int // version in force, by workload; 0 is the plan's own

	now      time.Duration
	ops      Op
	shutDown bool
	out      []Action
}

// observedPod is a pod as the cluster tells of it.
type observedPod struct {
	PodState
	order    int
	node     string // "" until it has one
	endpoint bool
	evicted  bool // taken by a kill: gone, whatever the cluster still says
	exited   bool // its present incarnation has ended
}

// NewObservedCluster is a plane that has not seen anything yet. Its errors are those
// of the configuration: a workload named twice, a schedule.
func NewObservedCluster(cfg Config) (*ObservedCluster, error) {
	c := &ObservedCluster{rulesVersion: map[string]int{}}
	for _, w := range cfg.Workloads {
		if w.Name == "" || c.workload(w.Name) != nil {
			return nil, fmt.Errorf("reading workload %q: the name is missing, or given twice", w.Name)
		}
		c.workloads = append(c.workloads, w)
	}
	var err error
	c.cronHPA, err = newCronHPA(cfg)
	return c, err
}

// Step takes in what happened at now and returns what is to be done, in order.
func (c *ObservedCluster) Step(now time.Duration, e Event) []Action {
	c.out = nil
	for { // as Plane: each deadline at its own time
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
	out := c.out
	c.out = nil
	return out
}

// Next is the earliest deadline: CronHPA's, or that of an eviction which is
// asked for again.
func (c *ObservedCluster) Next() (time.Duration, bool) {
	var d deadline
	c.cronHPA.next(&d)
	c.nextEvictionRetry(&d)
	return d.when, d.set
}

// Pods lists those that are there, by workload and first sight.
func (c *ObservedCluster) Pods() []PodState {
	var out []PodState
	for _, w := range c.workloads {
		for _, p := range c.pods {
			if p.Workload == w.Name {
				out = append(out, p.PodState)
			}
		}
	}
	return out
}

// Empty says that no container is left to tell of itself.
func (c *ObservedCluster) Empty() bool {
	return !slices.ContainsFunc(c.pods, func(p *observedPod) bool { return !p.exited })
}

func (c *ObservedCluster) handleEvent(e Event) {
	switch e.Kind {
	case Begin:
		for _, w := range c.workloads {
			c.addAction(Action{Kind: Apply, Workload: w.Name})
		}
	case Zero, SetBack:
		if !c.shutDown {
			c.cronHPA.restart(c.now)
		}
	case SetScale, Restart, SetImage, Pause, Resume, KillPod, Drain, SetRule:
		c.handleStep(e)
	case Cordoned:
		c.onCordoned(e)
	case Evicted:
		c.onEvicted(e)
	case Shutdown:
		c.shutdown()
	case Unwatched:
		if !c.shutDown {
			c.recordEvent(record.Event{Kind: record.KindUnwatched, Text: e.Err, Since: e.Since, N: int64(e.N)})
		}
	case Ruled:
		if p := c.find(e.Pod); p != nil && e.Err != "" {
			c.recordPodEvent(p, record.KindRuleFailed, e.Err, 0)
		}
	case Signaled:
		if p := c.find(e.Pod); p != nil && c.shutDown && e.Err == "" {
			p.exited = true // it has told its end
		}
	default:
		c.onObservation(e)
	}
}

func (c *ObservedCluster) handleStep(e Event) {
	if c.shutDown || c.workload(e.Workload) == nil {
		return
	}
	switch e.Kind {
	case SetScale:
		c.scale(e.Workload, e.N)
	case Restart:
		c.addAction(Action{Kind: Rollout, Workload: e.Workload})
	case SetImage:
		c.addAction(Action{Kind: Reimage, Workload: e.Workload, Image: e.Image})
	case Pause, Resume:
		c.addAction(Action{Kind: Hold, Workload: e.Workload, On: e.Kind == Pause})
	case Drain:
		c.drain(e.Workload)
	case KillPod:
		c.kill(e.Workload, e.N == 1)
	case SetRule:
		c.rulesVersion[e.Workload] = max(c.rulesVersion[e.Workload], e.N)
		for _, p := range c.pods {
			if p.Workload == e.Workload && p.Running {
				c.sendRules(p)
			}
		}
	}
}

// sendRules tells a pod that runs the rules in force. Its Deployment knows those
// of the beginning alone: to change it would be a rollout.
func (c *ObservedCluster) sendRules(p *observedPod) {
	if n := c.rulesVersion[p.Workload]; n > 0 && !p.Terminating && !p.evicted {
		c.addAction(Action{Kind: Rule, N: n, Pod: p.Instance, Workload: p.Workload})
	}
}

// scale implements scaler.
func (c *ObservedCluster) scale(workload string, n int) {
	if c.workload(workload) == nil {
		return
	}
	n = max(0, n)
	c.recordEvent(record.Event{Kind: record.KindScaled, Workload: workload, N: int64(n)})
	c.addAction(Action{Kind: Scale, Workload: workload, N: n})
}

// kill takes, among those that are ready, the one that was seen last.
func (c *ObservedCluster) kill(workload string, evict bool) {
	var victim *observedPod
	for _, p := range c.pods {
		if p.Workload != workload || !p.Running || p.Terminating || p.evicted {
			continue
		}
		if victim == nil || cmp.Or(boolCompare(victim.Ready, p.Ready), cmp.Compare(victim.order, p.order)) < 0 {
			victim = p
		}
	}
	if victim == nil {
		return
	}
	victim.evicted = evict
	c.recordPodEvent(victim, record.KindKillSent, "step", 0)
	c.addAction(Action{Kind: Signal, Sig: "KILL", Pod: victim.Instance, Workload: workload, On: evict})
}

// shutdown has all that still runs write its end and go.
func (c *ObservedCluster) shutdown() {
	c.shutDown = true
	c.cronHPA.stop()
	for _, p := range c.pods {
		if w := c.workload(p.Workload); w != nil && w.External {
			p.exited = true // it has nothing to tell, and is not ours to end
		}
		if !p.exited {
			c.addAction(Action{Kind: Signal, Sig: "INT", Pod: p.Instance, Workload: p.Workload})
		}
	}
}

// onObservation takes in what the cluster tells of a pod. What it tells after the end
// is not of this run any more.
func (c *ObservedCluster) onObservation(e Event) {
	if c.shutDown {
		if p := c.find(e.Pod); p != nil && (e.Kind == Exited || e.Kind == PodGone) {
			p.exited = true
		}
		return
	}
	if e.Kind == PodSeen {
		c.addPod(e)
		return
	}
	p := c.find(e.Pod)
	if e.Kind == Started && p == nil {
		p = c.onContainerRestarted(e)
	}
	if p == nil {
		return
	}
	switch e.Kind {
	case Started:
		if !p.Running && !p.exited {
			p.Running = true
			c.recordPodEvent(p, record.KindContainerStarted, "", 0)
			c.sendRules(p)
		}
	case ReadySeen:
		c.setState(p, &p.Ready, e.OK, record.KindPodReady, record.KindPodNotReady)
	case EndpointSeen:
		c.setState(p, &p.endpoint, e.OK, record.KindEndpointAdded, record.KindEndpointRemoved)
	case DeletionSeen:
		if !p.Terminating && !p.evicted {
			p.Terminating = true
			c.recordPodEvent(p, record.KindPodDeleted, "", 0)
		}
	case Exited:
		c.exit(p, e)
	case PodGone:
		c.exit(p, Event{Err: "the pod is gone"})
		c.pods = slices.DeleteFunc(c.pods, func(x *observedPod) bool { return x == p })
	case Remark:
		c.recordPodEvent(p, e.Note, e.Err, int64(e.N))
	}
}

// setState notes a change of a state that is told again and again.
func (c *ObservedCluster) setState(p *observedPod, state *bool, on bool, yes, no record.Kind) {
	if *state == on {
		return
	}
	*state = on
	if on {
		c.recordPodEvent(p, yes, "", 0)
	} else {
		c.recordPodEvent(p, no, "", 0)
	}
}

func (c *ObservedCluster) addPod(e Event) {
	if p := c.byName(e.Pod.Pod); p != nil {
		p.node = cmp.Or(e.Node, p.node)
		return
	}
	if c.workload(e.Workload) == nil {
		return
	}
	p := &observedPod{order: len(c.pods), node: e.Node, PodState: PodState{Instance: e.Pod, Workload: e.Workload}}
	for _, other := range c.pods {
		p.order = max(p.order, other.order+1)
	}
	c.pods = append(c.pods, p)
	c.recordPodEvent(p, record.KindPodCreated, "", 0)
}

// killedCode is the exit code of a container that SIGKILL ended.
const killedCode = 128 + 9

func (c *ObservedCluster) exit(p *observedPod, e Event) {
	if p.exited {
		return
	}
	p.exited, p.Running = true, false
	if e.N == killedCode && !p.evicted {
		c.recordPodEvent(p, record.KindKillSent, "by the kubelet, as its exit code says", 0)
	}
	c.setState(p, &p.Ready, false, record.KindPodReady, record.KindPodNotReady)
	if w := c.workload(p.Workload); w == nil || !w.External { // of those it has to be seen
		c.setState(p, &p.endpoint, false, record.KindEndpointAdded, record.KindEndpointRemoved)
	}
	c.recordPodEvent(p, record.KindContainerExited, e.Err, int64(e.N))
}

// onContainerRestarted is a later incarnation in a pod that is known.
func (c *ObservedCluster) onContainerRestarted(e Event) *observedPod {
	p := c.byName(e.Pod.Pod)
	if p == nil || e.Pod.Incarnation <= p.Instance.Incarnation || p.evicted {
		return nil
	}
	c.exit(p, Event{Err: "its container was started again"})
	p.Instance, p.exited = e.Pod, false
	return p
}

func (c *ObservedCluster) workload(name string) *Workload {
	i := slices.IndexFunc(c.workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &c.workloads[i]
}

func (c *ObservedCluster) find(i record.Instance) *observedPod {
	if p := c.byName(i.Pod); p != nil && p.Instance == i {
		return p
	}
	return nil
}

func (c *ObservedCluster) byName(pod string) *observedPod {
	i := slices.IndexFunc(c.pods, func(p *observedPod) bool { return p.Instance.Pod == pod })
	if i < 0 {
		return nil
	}
	return c.pods[i]
}

func (c *ObservedCluster) addAction(a Action) Op {
	c.ops++
	a.Op = c.ops
	c.out = append(c.out, a)
	return a.Op
}

func (c *ObservedCluster) recordPodEvent(p *observedPod, kind record.Kind, text string, n int64) {
	c.recordEvent(record.Event{Kind: kind, Instance: p.Instance, Workload: p.Workload, Text: text, N: n})
}

// recordEvent implements scaler.
func (c *ObservedCluster) recordEvent(e record.Event) {
	c.addAction(Action{Kind: Note, Pod: e.Instance, Workload: e.Workload, Note: &e})
}
