package control

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// evictionRetryInterval is kubectl's wait after a budget has refused an
	// eviction.
	evictionRetryInterval = 5 * time.Second
	// evictionTimeout is how long a budget may refuse before the drain gives up.
	evictionTimeout = 2 * time.Minute
)

// drainer drains nodes of a cluster as kubectl drain does: it cordons a node,
// evicts all pods of the run on it at once, and repeats the evictions that a
// PodDisruptionBudget refuses.
//
//	cordon ─▶ evict each ─┬─ accepted ──────────▶ gone
//	             ▲        └─ refused, 5 s later ─┐
//	             └───────────────────────────────┘ 2 min at most
type drainer struct {
	out    *outputs
	pods   *observedPods
	drains []*nodeDrain
}

type nodeDrain struct {
	workload  string
	node      string
	cordonOp  Op // 0: the node is cordoned
	evictions []*eviction
	finished  bool
}

// eviction of one pod.
type eviction struct {
	pod     record.Instance
	op      Op            // 0: no answer is awaited
	due     time.Duration // of the next request
	began   time.Duration
	refused int  // times
	done    bool // accepted, given up, or the pod is gone
}

// start drains the node with the most pods of a workload; of several, that of
// the pod that was observed first.
func (r *drainer) start(workload string) {
	d := &nodeDrain{workload: workload, node: r.nodeWithMostPods(workload), cordonOp: r.out.nextOp()}
	r.out.add(CordonNode{WorkloadAction: WorkloadAction{Op: d.cordonOp, Workload: workload}, Node: d.node})
	r.drains = append(r.drains, d)
}

func (r *drainer) nodeWithMostPods(workload string) string {
	count := map[string]int{}
	best := ""
	for _, p := range r.pods.all {
		if p.Workload == workload && p.node != "" && !p.Terminating && !p.evicted {
			count[p.node]++
		}
	}
	for _, p := range r.pods.all { // by time of observation
		if p.Workload == workload && count[p.node] > count[best] {
			best = p.node
		}
	}
	return best
}

func (r *drainer) onNodeCordoned(e NodeCordoned) {
	for _, d := range r.drains {
		if d.cordonOp == 0 || d.cordonOp != e.Op {
			continue
		}
		d.cordonOp = 0
		if e.Err != "" {
			d.finished = true // the runtime ends the run
			continue
		}
		n := 0
		for _, p := range r.pods.all {
			if p.node == d.node && !p.exited {
				n++
			}
		}
		r.out.recordEvent(record.Event{
			Workload: d.workload, Payload: record.NodeCordoned{Node: d.node, Pods: n},
			Text: fmt.Sprintf("%s carries %d pods of this run", d.node, n),
		})
	}
}

func (r *drainer) onEvictionFinished(e EvictionFinished, now time.Duration) {
	for _, d := range r.drains {
		for _, x := range d.evictions {
			if x.op != 0 && x.op == e.Op {
				x.op = 0
				r.handleAnswer(x, e, now)
			}
		}
	}
}

func (r *drainer) handleAnswer(x *eviction, e EvictionFinished, now time.Duration) {
	p := r.pods.byName(x.pod.Pod)
	if p == nil {
		x.done = true
		return
	}
	waited := (now - x.began).Round(100 * time.Millisecond)
	if e.Accepted {
		x.done = true
		text := ""
		if x.refused > 0 {
			text = fmt.Sprintf("its budget had refused %d times over %v", x.refused, waited)
		}
		r.pods.recordEvent(p, record.Evicted{Refusals: x.refused}, text)
		return
	}
	x.refused++
	r.pods.recordEvent(p, record.EvictionRefused{Refusals: x.refused}, e.Err)
	if x.due = now + evictionRetryInterval; x.due > x.began+evictionTimeout {
		x.done = true
		r.pods.recordEvent(p, record.EvictionRefused{Refusals: x.refused}, fmt.Sprintf("given up after %v: the node is not drained", waited))
	}
}

// proceed requests the evictions that are due, and finishes the drains of nodes
// that carry no pod of the run anymore.
func (r *drainer) proceed(now time.Duration) {
	for _, d := range r.drains {
		if d.cordonOp != 0 || d.finished {
			continue
		}
		for _, p := range r.pods.all {
			if p.node == d.node && !p.Terminating && !p.evicted && !d.evicts(p.Instance.Pod) {
				d.evictions = append(d.evictions, &eviction{pod: p.Instance, began: now, due: now})
			}
		}
		for _, x := range d.evictions {
			r.request(d, x, now)
		}
		r.finishIfEmpty(d)
	}
}

func (d *nodeDrain) evicts(pod string) bool {
	return slices.ContainsFunc(d.evictions, func(x *eviction) bool { return x.pod.Pod == pod })
}

func (r *drainer) request(d *nodeDrain, x *eviction, now time.Duration) {
	if x.done || x.op != 0 || x.due > now {
		return
	}
	p := r.pods.byName(x.pod.Pod)
	if p == nil || p.Terminating {
		x.done = true // deleted by someone else
		return
	}
	a := EvictPod{PodAction: r.pods.action(p), Node: d.node}
	x.pod, x.op = p.Instance, a.Op // the container may have been started again
	r.out.add(a)
}

func (r *drainer) finishIfEmpty(d *nodeDrain) {
	if slices.ContainsFunc(d.evictions, func(x *eviction) bool { return !x.done }) ||
		slices.ContainsFunc(r.pods.all, func(p *observedPod) bool { return p.node == d.node }) {
		return
	}
	d.finished = true
	refused := 0
	for _, x := range d.evictions {
		refused = max(refused, x.refused)
	}
	text := d.node + " carries no pod of this run any more"
	if refused > 0 {
		text += fmt.Sprintf("; a budget had refused %d times", refused)
	}
	r.out.recordEvent(record.Event{Workload: d.workload, Payload: record.NodeDrained{Node: d.node, Evicted: len(d.evictions)}, Text: text})
}

// next adds the times at which evictions are retried.
func (r *drainer) next(dl *deadline) {
	for _, d := range r.drains {
		for _, x := range d.evictions {
			if !x.done && x.op == 0 && !d.finished {
				dl.add(x.due)
			}
		}
	}
}
