package control

import (
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// observation is what a run in a cluster has shown, made ready to be asked.
type observation struct {
	start           record.Micros
	times           decisionTimes
	created         map[string][]string                 // pods by workload, by first sight
	pods            map[string]PodObserved              // the last one of each pod
	deleted         []string                            // by time of deletion
	killedBySteps   map[string][]string                 // by steps: pods by workload
	exits           map[record.Instance]ContainerExited // of each incarnation
	instanceEvents  map[record.Instance]eventTimes      // what each tells of itself
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

// newObservation lives through the inputs with a Cluster, as the run did, and
// keeps what it notes.
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
	}
}

// addInstanceEvent takes in an instance's own word: the first of each kind counts.
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

// killed: it could not tell whether TERM came first.
func (s *observation) wasKilled(i record.Instance) bool {
	return len(s.times[decision{record.KindKillSent, i}]) > 0 && s.exits[i].ExitCode != 0
}

// firstTime is when an act first took place.
func (s *observation) firstTime(kind record.Kind, i record.Instance) (time.Duration, bool) {
	all := s.times[decision{kind, i}]
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// probeSucceedsAt says whether a readiness probe of i would have passed at t: by its
// own word, where it gives one; else by what the cluster said of it.
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

// rolled: a rollout of workload has been asked for before at.
func (s *observation) rolloutRequestedBefore(workload string, at time.Duration) bool {
	return slices.ContainsFunc(s.rollouts[workload], func(t time.Duration) bool { return t <= at })
}

// apiLatency is how long the API server took for the last order about workload before
// at: that is no decision.
func (s *observation) apiLatency(workload string, at time.Duration) (lag time.Duration) {
	for _, o := range s.requestSpans[workload] {
		if o.from <= at {
			lag = o.to - o.from
		}
	}
	return lag
}

// workloadOf is whose pod it is; "" if it is nobody's.
func (s *observation) workloadOf(pod string) string { return s.pods[pod].Workload }

// hookEnd is when a preStop hook of i, begun at t, was over; false if the
// record has no end of it. Only a sleep's length is known beforehand: of the
// others TERM tells, which comes next.
func (s *observation) hookEnd(h *Hook, i record.Instance, t time.Duration) (time.Duration, bool) {
	if h.Sleep > 0 {
		return t + h.Sleep, true
	}
	if at, ok := s.instanceEvents[i][record.KindTermReceived]; ok {
		return max(t, at), !s.hookSkipped(h, i)
	}
	return 0, false
}

// skipped: the hook would have called /offline, and TERM came first.
func (s *observation) hookSkipped(h *Hook, i record.Instance) bool {
	offline, called := s.instanceEvents[i][record.KindOffline]
	return strings.Contains(strings.Join(h.Exec, " "), "/offline") && called && s.instanceEvents[i][record.KindTermReceived] <= offline
}
