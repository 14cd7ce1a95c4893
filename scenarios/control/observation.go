package control

import (
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// observation is what was observed of a run in a cluster, indexed for
// modelCheck.
type observation struct {
	start           record.Micros
	times           decisionTimes
	created         map[string][]string                 // pods by workload, by time of observation
	pods            map[string]PodObserved              // the last one of each pod
	deleted         []string                            // by time of deletion
	killedBySteps   map[string][]string                 // pods by workload
	exits           map[record.Instance]ContainerExited // of each incarnation
	instanceEvents  map[record.Instance]eventTimes      // first time of each kind
	rollouts        map[string][]time.Duration
	pendingRequests map[Op]apiRequest
	requestSpans    map[string][]timeSpan
}

// apiRequest is a request to the API server that is not acknowledged yet.
type apiRequest struct {
	workload string
	sent     time.Duration
}

// timeSpan is the time that the API server took for a request.
type timeSpan struct{ from, to time.Duration }

type eventTimes map[record.Kind]time.Duration

// newObservation replays the inputs with an ObservedCluster, as the run did,
// and keeps the events that it records.
func newObservation(cfg Config, o RecordedRun) (*observation, error) {
	c, err := NewObservedCluster(cfg)
	if err != nil {
		return nil, err
	}
	s := &observation{
		start: o.Start, times: decisionTimes{}, created: map[string][]string{}, pods: map[string]PodObserved{}, killedBySteps: map[string][]string{},
		exits: map[record.Instance]ContainerExited{}, instanceEvents: map[record.Instance]eventTimes{}, rollouts: map[string][]time.Duration{},
		pendingRequests: map[Op]apiRequest{}, requestSpans: map[string][]timeSpan{},
	}
	for _, in := range o.Inputs {
		s.addInput(in)
		for _, a := range c.Step(in.At, in.Event) {
			s.addAction(in.At, a)
		}
	}
	for _, e := range o.InstanceEvents {
		s.addInstanceEvent(e)
	}
	return s, nil
}

func (s *observation) addInput(in TimedEvent) {
	rollout := func(workload string) { s.rollouts[workload] = append(s.rollouts[workload], in.At) }
	switch e := in.Event.(type) {
	case Acknowledged:
		if r, ok := s.pendingRequests[e.Op]; ok {
			s.requestSpans[r.workload] = append(s.requestSpans[r.workload], timeSpan{r.sent, in.At})
		}
	case PodObserved:
		s.pods[e.Pod.Pod] = e
	case RestartStep:
		rollout(e.Workload)
	case ImageStep:
		rollout(e.Workload)
	case ResumeStep:
		rollout(e.Workload)
	default: // the cluster's control plane handles the others
	}
}

func (s *observation) addAction(at time.Duration, a Action) {
	switch a := a.(type) {
	case SendSignal:
		if a.Signal == SignalKill {
			s.killedBySteps[a.Workload] = append(s.killedBySteps[a.Workload], a.Pod.Pod)
		}
	case ApplyWorkload:
		s.pendingRequests[a.Op] = apiRequest{a.Workload, at}
	case ScaleWorkload:
		s.pendingRequests[a.Op] = apiRequest{a.Workload, at}
	case RestartWorkload:
		s.pendingRequests[a.Op] = apiRequest{a.Workload, at}
	case RecordEvent:
		s.addEvent(at, a.Event)
	default: // the others are no decisions
	}
}

func (s *observation) addEvent(at time.Duration, e record.Event) {
	s.times.add(at, e)
	switch e.Kind() {
	case record.KindPodCreated:
		s.created[e.Workload] = append(s.created[e.Workload], e.Instance.Pod)
	case record.KindPodDeleted:
		s.deleted = append(s.deleted, e.Instance.Pod)
	case record.KindContainerExited:
		s.exits[e.Instance] = ContainerExited{Pod: e.Instance, ExitCode: e.Payload.(record.ContainerExited).ExitCode, Reason: e.Text}
	default: // only its time matters
	}
}

// addInstanceEvent adds an event that an instance recorded. The first of each
// kind counts.
func (s *observation) addInstanceEvent(e record.Event) {
	switch e.Kind() {
	case record.KindListening, record.KindReady, record.KindClosing, record.KindListenerClosed, record.KindTermReceived, record.KindOffline:
	default:
		return
	}
	if s.instanceEvents[e.Instance] == nil {
		s.instanceEvents[e.Instance] = eventTimes{}
	}
	at := e.At.Sub(s.start)
	if _, ok := s.instanceEvents[e.Instance][e.Kind()]; ok {
		return
	}
	s.instanceEvents[e.Instance][e.Kind()] = at
	if e.Kind() == record.KindTermReceived {
		s.times.add(at, record.Event{Payload: record.TermSent{}, Instance: e.Instance})
	}
}

func (s *observation) reportsEvents(i record.Instance) bool { return len(s.instanceEvents[i]) > 0 }

// wasKilled reports whether the container was SIGKILLed, so that its own TERM
// event may be missing.
func (s *observation) wasKilled(i record.Instance) bool {
	return len(s.times[decision{record.KindKillSent, i}]) > 0 && s.exits[i].ExitCode != 0
}

// firstTime is the time of the first decision of a kind about an instance.
func (s *observation) firstTime(kind record.Kind, i record.Instance) (time.Duration, bool) {
	all := s.times[decision{kind, i}]
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// probeSucceedsAt reports whether a readiness probe of i would have passed at
// t: by the instance's own events if it recorded any, else by its Ready
// condition.
func (s *observation) probeSucceedsAt(i record.Instance, p *Probe, t time.Duration) bool {
	own := s.instanceEvents[i]
	yes, no := record.KindReady, record.KindClosing
	if p.TCPPort != 0 {
		yes, no = record.KindListening, record.KindListenerClosed
	}
	if from, ok := own[yes]; ok {
		to, over := own[no]
		return from <= t && (!over || t < to)
	}
	ups, downs := s.times[decision{record.KindPodReady, i}], s.times[decision{record.KindPodNotReady, i}]
	count := func(all []time.Duration) (n int) {
		for _, at := range all {
			if at <= t {
				n++
			}
		}
		return n
	}
	return count(ups) > count(downs)
}

// rolloutRequestedBefore reports whether a rollout of a workload was
// requested at or before a time.
func (s *observation) rolloutRequestedBefore(workload string, at time.Duration) bool {
	return slices.ContainsFunc(s.rollouts[workload], func(t time.Duration) bool { return t <= at })
}

// apiLatency is the time that the API server took for the last request about
// a workload before at, which is no decision.
func (s *observation) apiLatency(workload string, at time.Duration) (lag time.Duration) {
	for _, o := range s.requestSpans[workload] {
		if o.from <= at {
			lag = o.to - o.from
		}
	}
	return lag
}

// workloadOf is the workload of a pod; "" if it is unknown.
func (s *observation) workloadOf(pod string) string { return s.pods[pod].Workload }

// hookEnd is the end of a preStop hook of i that began at t; false if the
// record does not show it. The length of a sleep is known; other hooks end
// when TERM is received.
func (s *observation) hookEnd(h *Hook, i record.Instance, t time.Duration) (time.Duration, bool) {
	if h.Sleep > 0 {
		return t + h.Sleep, true
	}
	if at, ok := s.instanceEvents[i][record.KindTermReceived]; ok {
		return max(t, at), !s.hookSkipped(h, i)
	}
	return 0, false
}

// hookSkipped reports whether the hook should have called /offline, but TERM
// was received first.
func (s *observation) hookSkipped(h *Hook, i record.Instance) bool {
	offline, called := s.instanceEvents[i][record.KindOffline]
	return strings.Contains(strings.Join(h.Exec, " "), "/offline") && called && s.instanceEvents[i][record.KindTermReceived] <= offline
}
