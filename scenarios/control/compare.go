package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// RecordedRun is a run in a real cluster, as recorded.
type RecordedRun struct {
	Inputs         []TimedEvent   // of the run's ObservedCluster: steps, outcomes and observations
	InstanceEvents []record.Event // events that the instances recorded; may be empty
	Start          record.Micros  // time of the inputs' offset 0, on the clock of InstanceEvents
}

// Difference is a decision of Kubernetes that a [SimulatedControlPlane] takes
// differently under the same circumstances, or at another time.
type Difference struct {
	At         time.Duration   `json:"at"` // time of Kubernetes' decision, or of the model's if Kubernetes took none
	Workload   string          `json:"workload"`
	Pod        record.Instance `json:"pod,omitzero"`
	Kubernetes string          `json:"kubernetes"`
	Model      string          `json:"model"`
	Rule       string          `json:"rule"` // name of the model's rule, and its file
}

// Latencies of a cluster that are no difference in decisions. As measured:
// kube-controller-manager acts within about 100 ms of what it watches, and
// its acts reach other watchers as fast; the kubelet looks at its containers
// once a second (PLEG), and probes readiness at any phase of the period.
const (
	controllerLatency = time.Second     // a controller's action, and its observation
	relistLatency     = 2 * time.Second // the kubelet's relist, and its status update
	restartLatency    = 3 * time.Second // the same, and the creation of a container
)

// Compare replays what happened in a cluster with a SimulatedControlPlane of
// cfg and lists its different decisions, by time. It is pure.
//
// The simulation gets the same steps at the same times, and the outcomes that
// were observed: when a container ran, when and how it ended, when a probe
// would have passed, when a hook was over. It decides for itself; but a pod
// that it creates takes the name of the next pod that Kubernetes created, and
// where both delete pods, it deletes those that Kubernetes deleted, so that
// one difference does not cause others.
//
// What the record does not show is not compared: only a restart shows that a
// liveness probe failed, and only TERM shows that a preStop hook ended.
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

// decision is a decision that can be compared.
type decision struct {
	kind record.Kind
	pod  record.Instance
}

// decisionTimes are the times of each decision, in order.
type decisionTimes map[decision][]time.Duration

func (h decisionTimes) add(at time.Duration, e record.Event) {
	m := decision{e.Kind(), e.Instance}
	h[m] = append(h[m], at)
}

// differences compares the decisions of both.
func (d *modelCheck) differences() []Difference {
	out := slices.Concat(d.deletionDifferences, d.rolloutDifferences())
	for _, m := range allDecisions(d.observed.times, d.modelled) {
		kubernetes, model := d.observed.times[m], d.modelled[m]
		for i := range max(len(kubernetes), len(model)) {
			if x, differs := d.compareTimes(m, nth(kubernetes, i), nth(model, i)); differs {
				out = append(out, x)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Pod.String(), b.Pod.String()), cmp.Compare(a.Rule, b.Rule))
	})
	return out
}

// allDecisions are the decisions in a or b, sorted.
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

// compareTimes compares one decision of Kubernetes with that of the model;
// nil: it did not take it.
func (d *modelCheck) compareTimes(m decision, kubernetes, model *time.Duration) (Difference, bool) {
	r, compared := modelRules[m.kind]
	w := d.plane.deployment(d.workloadOf(m.pod))
	if !compared || w == nil || !d.isComparable(m, kubernetes, model) {
		return Difference{}, false
	}
	at := cmp.Or(kubernetes, model)
	x := Difference{At: *at, Workload: w.spec.Name, Pod: m.pod, Rule: r.rule, Kubernetes: "no " + r.what, Model: "no " + r.what}
	slack := d.tolerance(m.kind, w, *at)
	if kubernetes != nil {
		x.Kubernetes = fmt.Sprintf("%s at %s", r.what, seconds(*kubernetes))
	}
	if model != nil {
		x.Model = fmt.Sprintf("%s at %s", r.what, seconds(*model))
	}
	if kubernetes != nil && model != nil {
		x.Model += fmt.Sprintf(" (up to %s is the cluster's own latency)", slack)
		return x, max(*kubernetes-*model, *model-*kubernetes) > slack
	}
	return x, *at+slack < d.end // a decision that the end of the run cut off is no difference
}

func seconds(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }

// isComparable reports whether a decision can be compared. If only one of
// them has a pod, its creation is the only difference that counts; what the
// record cannot show is not compared.
func (d *modelCheck) isComparable(m decision, kubernetes, model *time.Duration) bool {
	if at := cmp.Or(kubernetes, model); *at >= d.end {
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
		return m.pod.Incarnation > 1 // the first start is no decision
	case record.KindTermSent:
		return d.observed.reportsEvents(m.pod) && (kubernetes != nil || !d.observed.wasKilled(m.pod))
	default:
		return true
	}
}

// modelRules names the rule of the model that takes each decision, and its
// file.
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

// tolerance is the latency that is allowed between the two decisions.
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
	default: // a controller's decision
	}
	within := controllerLatency + d.observed.apiLatency(w.spec.Name, at)
	if d.observed.rolloutRequestedBefore(w.spec.Name, at) {
		within += ready // the controller waits until a pod is ready
	}
	return within
}
