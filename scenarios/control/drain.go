package control

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// evictionRetryInterval is kubectl's: so long after a budget has refused.
	evictionRetryInterval = 5 * time.Second
	// evictionTimeout is how long a budget may refuse before the drain gives up.
	evictionTimeout = 2 * time.Minute
)

// nodeDrain empties a node as kubectl drain does: it is cordoned, then all pods of
// the run that it carries are evicted at once, and those that a
// PodDisruptionBudget refuses are asked for again and again.
//
//	cordon ─▶ evict each ─┬─ accepted ──────────▶ gone
//	             ▲        └─ refused, 5 s later ─┐
//	             └───────────────────────────────┘ 2 min at most
type nodeDrain struct {
	workload string
	node     string
	op       Op // of the cordon, while it is awaited
	pods     []*eviction
	finished bool
}

// eviction is of one pod.
type eviction struct {
	pod     record.Instance
	op      Op            // while an answer is awaited
	due     time.Duration // when it is asked for again, if so
	began   time.Duration
	refused int
	done    bool // accepted, given up, or the pod is gone
}

// drain begins with the node that carries most pods of a workload; of two that
// carry as many, that of the pod that was seen first.
func (c *ObservedCluster) drain(workload string) {
	d := &nodeDrain{workload: workload, node: c.nodeWithMostPods(workload)}
	d.op = c.addAction(Action{Kind: Cordon, Workload: workload, Node: d.node})
	c.drains = append(c.drains, d)
}

func (c *ObservedCluster) nodeWithMostPods(workload string) string {
	count := map[string]int{}
	best := ""
	for _, p := range c.pods {
		if p.Workload == workload && p.node != "" && !p.Terminating && !p.evicted {
			count[p.node]++
		}
	}
	for _, p := range c.pods { // by first sight
		if p.Workload == workload && count[p.node] > count[best] {
			best = p.node
		}
	}
	return best
}

func (c *ObservedCluster) onCordoned(e Event) {
	for _, d := range c.drains {
		if d.op == 0 || d.op != e.Op {
			continue
		}
		d.op = 0
		if e.Err != "" {
			d.finished = true // the runtime ends the run
			continue
		}
		n := 0
		for _, p := range c.pods {
			if p.node == d.node && !p.exited {
				n++
			}
		}
		c.recordEvent(record.Event{Kind: record.KindNodeCordoned, Workload: d.workload, Peer: d.node, N: int64(n), Text: fmt.Sprintf("%s carries %d pods of this run", d.node, n)})
	}
}

func (c *ObservedCluster) onEvicted(e Event) {
	for _, d := range c.drains {
		for _, x := range d.pods {
			if x.op != 0 && x.op == e.Op {
				c.onEvictionResult(x, e)
			}
		}
	}
}

// onEvictionResult takes in what came of one request.
func (c *ObservedCluster) onEvictionResult(x *eviction, e Event) {
	x.op = 0
	p := c.byName(x.pod.Pod)
	if p == nil {
		x.done = true
		return
	}
	waited := (c.now - x.began).Round(100 * time.Millisecond)
	if e.OK {
		x.done = true
		text := ""
		if x.refused > 0 {
			text = fmt.Sprintf("its budget had refused %d times over %v", x.refused, waited)
		}
		c.recordPodEvent(p, record.KindEvicted, text, int64(x.refused))
		return
	}
	x.refused++
	c.recordPodEvent(p, record.KindEvictionRefused, e.Err, int64(x.refused))
	if x.due = c.now + evictionRetryInterval; x.due > x.began+evictionTimeout {
		x.done = true
		c.recordPodEvent(p, record.KindEvictionRefused, fmt.Sprintf("given up after %v: the node is not drained", waited), int64(x.refused))
	}
}

// continueDrains asks for what is not asked for yet, and says when nothing is left.
func (c *ObservedCluster) continueDrains() {
	for _, d := range c.drains {
		if d.op != 0 || d.finished || c.shutDown {
			continue
		}
		for _, p := range c.pods {
			if p.node == d.node && !p.Terminating && !p.evicted && !d.hasEviction(p.Instance.Pod) {
				d.pods = append(d.pods, &eviction{pod: p.Instance, began: c.now, due: c.now})
			}
		}
		for _, x := range d.pods {
			c.requestEviction(d, x)
		}
		c.finishDrain(d)
	}
}

func (d *nodeDrain) hasEviction(pod string) bool {
	return slices.ContainsFunc(d.pods, func(x *eviction) bool { return x.pod.Pod == pod })
}

func (c *ObservedCluster) requestEviction(d *nodeDrain, x *eviction) {
	if x.done || x.op != 0 || x.due > c.now {
		return
	}
	p := c.byName(x.pod.Pod)
	if p == nil || p.Terminating {
		x.done = true // somebody else has taken it
		return
	}
	x.pod = p.Instance // its container may have been started again meanwhile
	x.op = c.addAction(Action{Kind: Evict, Pod: p.Instance, Workload: p.Workload, Node: d.node})
}

// finishDrain tells of a node that carries nothing of the run any more.
func (c *ObservedCluster) finishDrain(d *nodeDrain) {
	if slices.ContainsFunc(d.pods, func(x *eviction) bool { return !x.done }) ||
		slices.ContainsFunc(c.pods, func(p *observedPod) bool { return p.node == d.node }) {
		return
	}
	d.finished = true
	refused := 0
	for _, x := range d.pods {
		refused = max(refused, x.refused)
	}
	text := d.node + " carries no pod of this run any more"
	if refused > 0 {
		text += fmt.Sprintf("; a budget had refused %d times", refused)
	}
	c.recordEvent(record.Event{Kind: record.KindNodeDrained, Workload: d.workload, Peer: d.node, N: int64(len(d.pods)), Text: text})
}

// nextEvictionRetry is the earliest that is to be asked for again.
func (c *ObservedCluster) nextEvictionRetry(dl *deadline) {
	for _, d := range c.drains {
		for _, x := range d.pods {
			if !x.done && x.op == 0 && !d.finished && !c.shutDown {
				dl.at(x.due)
			}
		}
	}
}
