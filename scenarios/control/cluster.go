package control

import (
	"cmp"
	"fmt"
	"slices"

	"time"

	"zeroloss/loadgen/record"
)

// Cluster is the plane of a run in a real cluster, whose own controllers and
// kubelets decide about pods. It decides only what they do not: when CronHPA
// scales, what a step does, whom a kill takes. Of the pods it keeps what it is
// told, and writes that down in the words of [Plane], so that a report reads
// both alike.
//
// As Plane, it is pure, and one loop owns it.
type Cluster struct {
	workloads []Workload
	cron      *autoscaler
	pods      []*sighted // by first sight
	drains    []*drain
	rules     map[string]int // version in force, by workload; 0 is the plan's own

	now  time.Duration
	ops  Op
	down bool
	out  []Action
}

// sighted is a pod as the cluster tells of it.
type sighted struct {
	PodState
	order    int
	node     string // "" until it has one
	endpoint bool
	evicted  bool // taken by a kill: gone, whatever the cluster still says
	exited   bool // its present incarnation has ended
}

// NewCluster is a plane that has not seen anything yet. Its errors are those
// of the configuration: a workload named twice, a schedule.
func NewCluster(cfg Config) (*Cluster, error) {
	c := &Cluster{rules: map[string]int{}}
	for _, w := range cfg.Workloads {
		if w.Name == "" || c.workload(w.Name) != nil {
			return nil, fmt.Errorf("reading workload %q: the name is missing, or given twice", w.Name)
		}
		c.workloads = append(c.workloads, w)
	}
	var err error
	c.cron, err = newAutoscaler(cfg)
	return c, err
}

// Step takes in what happened at now and returns what is to be done, in order.
func (c *Cluster) Step(now time.Duration, e Event) []Action {
	c.out = nil
	for { // as Plane: each deadline at its own time
		d, ok := c.Next()
		if !ok || d > now {
			break
		}
		c.now = max(c.now, d)
		c.cron.expire(c, c.now)
		c.proceed()
	}
	c.now = max(c.now, now)
	c.handle(e)
	c.proceed()
	out := c.out
	c.out = nil
	return out
}

// Next is the earliest deadline: CronHPA's, or that of an eviction which is
// asked for again.
func (c *Cluster) Next() (time.Duration, bool) {
	var d deadline
	c.cron.next(&d)
	c.nextEviction(&d)
	return d.when, d.set
}

// Pods lists those that are there, by workload and first sight.
func (c *Cluster) Pods() []PodState {
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
func (c *Cluster) Empty() bool {
	return !slices.ContainsFunc(c.pods, func(p *sighted) bool { return !p.exited })
}

func (c *Cluster) handle(e Event) {
	switch e.Kind {
	case Begin:
		for _, w := range c.workloads {
			c.act(Action{Kind: Apply, Workload: w.Name})
		}
	case Zero, SetBack:
		if !c.down {
			c.cron.restart(c.now)
		}
	case SetScale, Restart, SetImage, Pause, Resume, KillPod, Drain, SetRule:
		c.command(e)
	case Cordoned:
		c.onCordoned(e)
	case Evicted:
		c.onEvicted(e)
	case Shutdown:
		c.shutdown()
	case Unwatched:
		if !c.down {
			c.note(record.Event{Kind: record.KindUnwatched, Text: e.Err, Since: e.Since, N: int64(e.N)})
		}
	case Ruled:
		if p := c.find(e.Pod); p != nil && e.Err != "" {
			c.tell(p, record.KindRuleFailed, e.Err, 0)
		}
	case Signaled:
		if p := c.find(e.Pod); p != nil && c.down && e.Err == "" {
			p.exited = true // it has told its end
		}
	default:
		c.see(e)
	}
}

func (c *Cluster) command(e Event) {
	if c.down || c.workload(e.Workload) == nil {
		return
	}
	switch e.Kind {
	case SetScale:
		c.rescale(e.Workload, e.N)
	case Restart:
		c.act(Action{Kind: Rollout, Workload: e.Workload})
	case SetImage:
		c.act(Action{Kind: Reimage, Workload: e.Workload, Image: e.Image})
	case Pause, Resume:
		c.act(Action{Kind: Hold, Workload: e.Workload, On: e.Kind == Pause})
	case Drain:
		c.drain(e.Workload)
	case KillPod:
		c.kill(e.Workload, e.N == 1)
	case SetRule:
		c.rules[e.Workload] = max(c.rules[e.Workload], e.N)
		for _, p := range c.pods {
			if p.Workload == e.Workload && p.Running {
				c.tellRule(p)
			}
		}
	}
}

// tellRule tells a pod that runs the rules in force. Its Deployment knows those
// of the beginning alone: to change it would be a rollout.
func (c *Cluster) tellRule(p *sighted) {
	if n := c.rules[p.Workload]; n > 0 && !p.Terminating && !p.evicted {
		c.act(Action{Kind: Rule, N: n, Pod: p.Instance, Workload: p.Workload})
	}
}

// rescale implements scaler.
func (c *Cluster) rescale(workload string, n int) {
	if c.workload(workload) == nil {
		return
	}
	n = max(0, n)
	c.note(record.Event{Kind: record.KindScaled, Workload: workload, N: int64(n)})
	c.act(Action{Kind: Scale, Workload: workload, N: n})
}

// kill takes, among those that are ready, the one that was seen last.
func (c *Cluster) kill(workload string, evict bool) {
	var victim *sighted
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
	c.tell(victim, record.KindKillSent, "step", 0)
	c.act(Action{Kind: Signal, Sig: "KILL", Pod: victim.Instance, Workload: workload, On: evict})
}

// shutdown has all that still runs write its end and go.
func (c *Cluster) shutdown() {
	c.down = true
	c.cron.stop()
	for _, p := range c.pods {
		if w := c.workload(p.Workload); w != nil && w.External {
			p.exited = true // it has nothing to tell, and is not ours to end
		}
		if !p.exited {
			c.act(Action{Kind: Signal, Sig: "INT", Pod: p.Instance, Workload: p.Workload})
		}
	}
}

// see takes in what the cluster tells of a pod. What it tells after the end
// is not of this run any more.
func (c *Cluster) see(e Event) {
	if c.down {
		if p := c.find(e.Pod); p != nil && (e.Kind == Exited || e.Kind == PodGone) {
			p.exited = true
		}
		return
	}
	if e.Kind == PodSeen {
		c.appear(e)
		return
	}
	p := c.find(e.Pod)
	if e.Kind == Started && p == nil {
		p = c.reborn(e)
	}
	if p == nil {
		return
	}
	switch e.Kind {
	case Started:
		if !p.Running && !p.exited {
			p.Running = true
			c.tell(p, record.KindContainerStarted, "", 0)
			c.tellRule(p)
		}
	case ReadySeen:
		c.toggle(p, &p.Ready, e.OK, record.KindPodReady, record.KindPodNotReady)
	case EndpointSeen:
		c.toggle(p, &p.endpoint, e.OK, record.KindEndpointAdded, record.KindEndpointRemoved)
	case DeletionSeen:
		if !p.Terminating && !p.evicted {
			p.Terminating = true
			c.tell(p, record.KindPodDeleted, "", 0)
		}
	case Exited:
		c.exit(p, e)
	case PodGone:
		c.exit(p, Event{Err: "the pod is gone"})
		c.pods = slices.DeleteFunc(c.pods, func(x *sighted) bool { return x == p })
	case Remark:
		c.tell(p, e.Note, e.Err, int64(e.N))
	}
}

// toggle notes a change of a state that is told again and again.
func (c *Cluster) toggle(p *sighted, state *bool, on bool, yes, no record.Kind) {
	if *state == on {
		return
	}
	*state = on
	if on {
		c.tell(p, yes, "", 0)
	} else {
		c.tell(p, no, "", 0)
	}
}

func (c *Cluster) appear(e Event) {
	if p := c.byName(e.Pod.Pod); p != nil {
		p.node = cmp.Or(e.Node, p.node)
		return
	}
	if c.workload(e.Workload) == nil {
		return
	}
	p := &sighted{order: len(c.pods), node: e.Node, PodState: PodState{Instance: e.Pod, Workload: e.Workload}}
	for _, other := range c.pods {
		p.order = max(p.order, other.order+1)
	}
	c.pods = append(c.pods, p)
	c.tell(p, record.KindPodCreated, "", 0)
}

// killedCode is the exit code of a container that SIGKILL ended.
const killedCode = 128 + 9

func (c *Cluster) exit(p *sighted, e Event) {
	if p.exited {
		return
	}
	p.exited, p.Running = true, false
	if e.N == killedCode && !p.evicted {
		c.tell(p, record.KindKillSent, "by the kubelet, as its exit code says", 0)
	}
	c.toggle(p, &p.Ready, false, record.KindPodReady, record.KindPodNotReady)
	if w := c.workload(p.Workload); w == nil || !w.External { // of those it has to be seen
		c.toggle(p, &p.endpoint, false, record.KindEndpointAdded, record.KindEndpointRemoved)
	}
	c.tell(p, record.KindContainerExited, e.Err, int64(e.N))
}

// reborn is a later incarnation in a pod that is known.
func (c *Cluster) reborn(e Event) *sighted {
	p := c.byName(e.Pod.Pod)
	if p == nil || e.Pod.Incarnation <= p.Instance.Incarnation || p.evicted {
		return nil
	}
	c.exit(p, Event{Err: "its container was started again"})
	p.Instance, p.exited = e.Pod, false
	return p
}

func (c *Cluster) workload(name string) *Workload {
	i := slices.IndexFunc(c.workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &c.workloads[i]
}

func (c *Cluster) find(i record.Instance) *sighted {
	if p := c.byName(i.Pod); p != nil && p.Instance == i {
		return p
	}
	return nil
}

func (c *Cluster) byName(pod string) *sighted {
	i := slices.IndexFunc(c.pods, func(p *sighted) bool { return p.Instance.Pod == pod })
	if i < 0 {
		return nil
	}
	return c.pods[i]
}

func (c *Cluster) act(a Action) Op {
	c.ops++
	a.Op = c.ops
	c.out = append(c.out, a)
	return a.Op
}

func (c *Cluster) tell(p *sighted, kind record.Kind, text string, n int64) {
	c.note(record.Event{Kind: kind, Instance: p.Instance, Workload: p.Workload, Text: text, N: n})
}

// note implements scaler.
func (c *Cluster) note(e record.Event) {
	c.act(Action{Kind: Note, Pod: e.Instance, Workload: e.Workload, Note: &e})
}
