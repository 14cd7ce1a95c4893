package control

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// evictAgain is kubectl's: so long after a budget has refused.
	evictAgain = 5 * time.Second
	// evictFor is how long a budget may refuse before the drain gives up.
	evictFor = 2 * time.Minute
)

// drain empties a node as kubectl drain does: it is cordoned, then all pods of
// the run that it carries are evicted at once, and those that a
// PodDisruptionBudget refuses are asked for again and again.
//
//	cordon ─▶ evict each ─┬─ accepted ──────────▶ gone
//	             ▲        └─ refused, 5 s later ─┐
//	             └───────────────────────────────┘ 2 min at most
type drain struct {
	workload string
	node     string
	op       Op // of the cordon, while it is awaited
	pods     []*eviction
	over     bool
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
func (c *Cluster) drain(workload string) {
	d := &drain{workload: workload, node: c.busiest(workload)}
	d.op = c.act(Action{Kind: Cordon, Workload: workload, Node: d.node})
	c.drains = append(c.drains, d)
}

func (c *Cluster) busiest(workload string) string {
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

func (c *Cluster) onCordoned(e Event) {
	for _, d := range c.drains {
		if d.op == 0 || d.op != e.Op {
			continue
		}
		d.op = 0
		if e.Err != "" {
			d.over = true // the runtime ends the run
			continue
		}
		n := 0
		for _, p := range c.pods {
			if p.node == d.node && !p.exited {
				n++
			}
		}
		c.note(record.Event{Kind: record.KindNodeCordoned, Workload: d.workload, Peer: d.node, N: int64(n), Text: fmt.Sprintf("%s carries %d pods of this run", d.node, n)})
	}
}

func (c *Cluster) onEvicted(e Event) {
	for _, d := range c.drains {
		for _, x := range d.pods {
			if x.op != 0 && x.op == e.Op {
				c.answered(x, e)
			}
		}
	}
}

// answered takes in what came of one request.
func (c *Cluster) answered(x *eviction, e Event) {
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
		c.tell(p, record.KindEvicted, text, int64(x.refused))
		return
	}
	x.refused++
	c.tell(p, record.KindEvictionRefused, e.Err, int64(x.refused))
	if x.due = c.now + evictAgain; x.due > x.began+evictFor {
		x.done = true
		c.tell(p, record.KindEvictionRefused, fmt.Sprintf("given up after %v: the node is not drained", waited), int64(x.refused))
	}
}

// proceed asks for what is not asked for yet, and says when nothing is left.
func (c *Cluster) proceed() {
	for _, d := range c.drains {
		if d.op != 0 || d.over || c.down {
			continue
		}
		for _, p := range c.pods {
			if p.node == d.node && !p.Terminating && !p.evicted && !d.asked(p.Instance.Pod) {
				d.pods = append(d.pods, &eviction{pod: p.Instance, began: c.now, due: c.now})
			}
		}
		for _, x := range d.pods {
			c.ask(d, x)
		}
		c.finish(d)
	}
}

func (d *drain) asked(pod string) bool {
	return slices.ContainsFunc(d.pods, func(x *eviction) bool { return x.pod.Pod == pod })
}

func (c *Cluster) ask(d *drain, x *eviction) {
	if x.done || x.op != 0 || x.due > c.now {
		return
	}
	p := c.byName(x.pod.Pod)
	if p == nil || p.Terminating {
		x.done = true // somebody else has taken it
		return
	}
	x.pod = p.Instance // its container may have been started again meanwhile
	x.op = c.act(Action{Kind: Evict, Pod: p.Instance, Workload: p.Workload, Node: d.node})
}

// finish tells of a node that carries nothing of the run any more.
func (c *Cluster) finish(d *drain) {
	if slices.ContainsFunc(d.pods, func(x *eviction) bool { return !x.done }) ||
		slices.ContainsFunc(c.pods, func(p *sighted) bool { return p.node == d.node }) {
		return
	}
	d.over = true
	refused := 0
	for _, x := range d.pods {
		refused = max(refused, x.refused)
	}
	text := d.node + " carries no pod of this run any more"
	if refused > 0 {
		text += fmt.Sprintf("; a budget had refused %d times", refused)
	}
	c.note(record.Event{Kind: record.KindNodeDrained, Workload: d.workload, Peer: d.node, N: int64(len(d.pods)), Text: text})
}

// nextEviction is the earliest that is to be asked for again.
func (c *Cluster) nextEviction(dl *deadline) {
	for _, d := range c.drains {
		for _, x := range d.pods {
			if !x.done && x.op == 0 && !d.over && !c.down {
				dl.at(x.due)
			}
		}
	}
}
