package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// RecordedRun is a run in a real cluster, as it was written down.
type RecordedRun struct {
	Inputs         []TimedEvent   // of the run's Cluster: what was asked for, and what was seen
	InstanceEvents []record.Event // what the instances tell of themselves; may be empty
	Start          record.Micros  // when the inputs' offsets began, on the clock of Own
}

// Difference is a decision that Kubernetes took otherwise than a [SimulatedControlPlane] does
// under the same circumstances, or at another time.
type Difference struct {
	At         time.Duration   `json:"at"` // of Kubernetes' decision, or of the model's where Kubernetes took none
	Workload   string          `json:"workload"`
	Pod        record.Instance `json:"pod,omitzero"`
	Kubernetes string          `json:"kubernetes"`
	Model      string          `json:"model"`
	Rule       string          `json:"rule"` // of the model, and its file
}

// What may pass between a cause and its effect in a cluster without being a
// difference of rules. What was measured: kube-controller-manager acts within
// some 100 ms of what it watches, and so does its word reach who watches; the
// kubelet looks at its containers once a second (PLEG), and asks a readiness
// probe at any phase of its period.
const (
	controllerLatency = time.Second     // a controller's act, and its sighting
	relistLatency     = 2 * time.Second // kubelet's: one relist, and the status that it writes
	restartLatency    = 3 * time.Second // the same, and a container's making
)

// Compare feeds what happened in a cluster to a Plane of cfg and lists where
// that decides differently, by time. It is pure.
//
// The Plane is told of the same wishes at the same times, and of the outcomes
// that were seen: when a container ran, when it ended and how, when a probe
// would have passed, when a hook was over. What it makes of them is its own;
// but a pod that it creates takes the name of the next one that Kubernetes
// created, and where both delete, it deletes whom Kubernetes deleted, so that
// one difference does not breed others.
//
// What the record does not show is not compared: that a liveness probe failed
// is known by its restart alone, and a preStop hook's end by TERM.
func Compare(cfg Config, o RecordedRun) ([]Difference, error) {
	s, err := newObservation(cfg, o)
	if err != nil {
		return nil, fmt.Errorf("comparing with Kubernetes: %w", err)
	}
	d, err := newModelCheck(cfg, s, o)
	if err != nil {
		return nil, fmt.Errorf("comparing with Kubernetes: %w", err)
	}
	d.run()
	return d.differences(), nil
}

// decision is one act that can be compared.
type decision struct {
	kind record.Kind
	pod  record.Instance
}

// decisionTimes is when each act took place, in order.
type decisionTimes map[decision][]time.Duration

func (h decisionTimes) add(at time.Duration, e record.Event) {
	m := decision{e.Kind(), e.Instance}
	h[m] = append(h[m], at)
}

// differences holds both histories against each other.
func (d *modelCheck) differences() []Difference {
	out := append(d.deletionDifferences, d.rolloutDifferences()...)
	for _, m := range allDecisions(d.observed.times, d.modelled) {
		theirs, ours := d.observed.times[m], d.modelled[m]
		for i := range max(len(theirs), len(ours)) {
			if x, differs := d.compareTimes(m, nth(theirs, i), nth(ours, i)); differs {
				out = append(out, x)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Pod.String(), b.Pod.String()), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// allDecisions are those of both, sorted.
func allDecisions(a, b decisionTimes) []decision {
	all := map[decision]bool{}
	for _, h := range []decisionTimes{a, b} {
		for m := range h {
			all[m] = true
		}
	}
	var out []decision
	for m := range all {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b decision) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.pod.String(), b.pod.String()))
	})
	return out
}

func nth(all []time.Duration, i int) *time.Duration {
	if i >= len(all) {
		return nil
	}
	return &all[i]
}

// compareTimes is one act: theirs is Kubernetes', ours the model's; nil: it did
// not come to it.
func (d *modelCheck) compareTimes(m decision, theirs, ours *time.Duration) (Difference, bool) {
	r, compared := modelRules[m.kind]
	w := d.plane.deployment(d.workloadOf(m.pod))
	if !compared || w == nil || !d.isComparable(m, theirs, ours) {
		return Difference{}, false
	}
	at := cmp.Or(theirs, ours)
	x := Difference{At: *at, Workload: w.spec.Name, Pod: m.pod, Rule: r.rule, Kubernetes: "no " + r.what, Model: "no " + r.what}
	slack := d.tolerance(m.kind, w, *at)
	if theirs != nil {
		x.Kubernetes = fmt.Sprintf("%s at %s", r.what, seconds(*theirs))
	}
	if ours != nil {
		x.Model = fmt.Sprintf("%s at %s", r.what, seconds(*ours))
	}
	if theirs != nil && ours != nil {
		x.Model += fmt.Sprintf(" (up to %s is the cluster's own latency)", slack)
		return x, max(*theirs-*ours, *ours-*theirs) > slack
	}
	return x, *at+slack < d.end // what the end of the run has cut off is no difference
}

func seconds(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }

// comparable: of a pod that only one of them has, its creation says all; what
// the record cannot show is not compared.
func (d *modelCheck) isComparable(m decision, theirs, ours *time.Duration) bool {
	if at := cmp.Or(theirs, ours); *at >= d.end {
		return false
	}
	created := decision{record.KindPodCreated, record.Instance{Pod: m.pod.Pod, Incarnation: 1}}
	both := len(d.observed.times[created]) > 0 && len(d.modelled[created]) > 0
	if m.kind == record.KindPodCreated {
		return true
	}
	if !both {
		return false
	}
	switch m.kind {
	case record.KindContainerStarted:
		return m.pod.Incarnation > 1 // the first is no decision
	case record.KindTermSent:
		return d.observed.reportsEvents(m.pod) && (theirs != nil || !d.observed.wasKilled(m.pod))
	}
	return true
}

// modelRules says where in the model an act is decided.
var modelRules = map[record.Kind]struct{ what, rule string }{
	record.KindPodCreated:       {"pod created", "how many pods: deployment.go, rollout.go"},
	record.KindPodDeleted:       {"pod deleted", "how many pods: deployment.go, rollout.go"},
	record.KindContainerStarted: {"container started again", "restart back-off: pod.go"},
	record.KindPodReady:         {"ready", "readiness probe: probe.go"},
	record.KindPodNotReady:      {"not ready", "readiness probe: probe.go"},
	record.KindEndpointAdded:    {"endpoint added", "endpoints: pod.go"},
	record.KindEndpointRemoved:  {"endpoint removed", "endpoints: pod.go"},
	record.KindTermSent:         {"TERM", "preStop before TERM: termination.go"},
	record.KindKillSent:         {"KILL", "grace: termination.go"},
}

// tolerance is how far apart the two may be.
func (d *modelCheck) tolerance(kind record.Kind, w *deployment, at time.Duration) time.Duration {
	ready := relistLatency
	if p := w.spec.Readiness; p != nil {
		ready += p.Period
	}
	switch kind {
	case record.KindPodReady, record.KindPodNotReady:
		return ready
	case record.KindEndpointAdded, record.KindEndpointRemoved:
		return ready + controllerLatency
	case record.KindKillSent:
		return relistLatency + controllerLatency
	case record.KindContainerStarted:
		return restartLatency
	}
	within := controllerLatency + d.observed.apiLatency(w.spec.Name, at)
	if d.observed.rolloutRequestedBefore(w.spec.Name, at) {
		within += ready // it waits for a pod to be ready
	}
	return within
}
