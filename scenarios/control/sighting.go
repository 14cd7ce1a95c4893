package control

import (
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// sighting is what a run in a cluster has shown, made ready to be asked.
type sighting struct {
	began    record.Micros
	acts     history
	created  map[string][]string             // pods by workload, by first sight
	pods     map[string]Event                // the last PodSeen of each
	deleted  []string                        // by time of deletion
	killed0  map[string][]string             // by steps: pods by workload
	exits    map[record.Instance]Event       // how each incarnation ended
	own      map[record.Instance]ownInstants // what each tells of itself
	rollouts map[string][]time.Duration
	orders   map[Op]Action // to the API server, not yet acknowledged
	obeyed   map[string][]span
}

// span is how long the API server took for an order.
type span struct{ from, to time.Duration }

type ownInstants map[record.Kind]time.Duration

// newSighting lives through the inputs with a Cluster, as the run did, and
// keeps what it notes.
func newSighting(cfg Config, o Observed) (*sighting, error) {
	c, err := NewCluster(cfg)
	if err != nil {
		return nil, err
	}
	s := &sighting{
		began: o.Began, acts: history{}, created: map[string][]string{}, pods: map[string]Event{}, killed0: map[string][]string{},
		exits: map[record.Instance]Event{}, own: map[record.Instance]ownInstants{}, rollouts: map[string][]time.Duration{},
		orders: map[Op]Action{}, obeyed: map[string][]span{},
	}
	for _, in := range o.Inputs {
		switch in.Event.Kind {
		case Acked:
			if a, ok := s.orders[in.Event.Op]; ok {
				s.obeyed[a.Workload] = append(s.obeyed[a.Workload], span{a.Deadline, in.At})
			}
		case PodSeen:
			s.pods[in.Event.Pod.Pod] = in.Event
		case Restart, SetImage, Resume:
			s.rollouts[in.Event.Workload] = append(s.rollouts[in.Event.Workload], in.At)
		}
		for _, a := range c.Step(in.At, in.Event) {
			s.take(in.At, a)
		}
	}
	for _, e := range o.Own {
		s.tell(e)
	}
	return s, nil
}

func (s *sighting) take(at time.Duration, a Action) {
	if a.Kind == Signal && a.Sig == "KILL" {
		s.killed0[a.Workload] = append(s.killed0[a.Workload], a.Pod.Pod)
	}
	if a.Kind == Apply || a.Kind == Scale || a.Kind == Rollout {
		a.Deadline = at // it has none: when it was given
		s.orders[a.Op] = a
	}
	if a.Kind != Note {
		return
	}
	e := *a.Note
	s.acts.add(at, e)
	switch e.Kind {
	case record.KindPodCreated:
		s.created[e.Workload] = append(s.created[e.Workload], e.Instance.Pod)
	case record.KindPodDeleted:
		s.deleted = append(s.deleted, e.Instance.Pod)
	case record.KindContainerExited:
		s.exits[e.Instance] = Event{Kind: Exited, Pod: e.Instance, N: int(e.N), Err: e.Text}
	}
}

// tell takes in an instance's own word: the first of each kind counts.
func (s *sighting) tell(e record.Event) {
	switch e.Kind {
	case record.KindListening, record.KindReady, record.KindClosing, record.KindListenerClosed, record.KindTermReceived, record.KindOffline:
	default:
		return
	}
	if s.own[e.Instance] == nil {
		s.own[e.Instance] = ownInstants{}
	}
	at := e.At.Sub(s.began)
	if _, ok := s.own[e.Instance][e.Kind]; ok {
		return
	}
	s.own[e.Instance][e.Kind] = at
	if e.Kind == record.KindTermReceived {
		s.acts.add(at, record.Event{Kind: record.KindTermSent, Instance: e.Instance})
	}
}

func (s *sighting) tellsOfItself(i record.Instance) bool { return len(s.own[i]) > 0 }

// killed: it could not tell whether TERM came first.
func (s *sighting) killed(i record.Instance) bool {
	return len(s.acts[moment{record.KindKillSent, i}]) > 0 && s.exits[i].N != 0
}

// first is when an act first took place.
func (s *sighting) first(kind record.Kind, i record.Instance) (time.Duration, bool) {
	all := s.acts[moment{kind, i}]
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// passes says whether a readiness probe of i would have passed at t: by its
// own word, where it gives one; else by what the cluster said of it.
func (s *sighting) passes(i record.Instance, p *Probe, t time.Duration) bool {
	own := s.own[i]
	yes, no := record.KindReady, record.KindClosing
	if p.TCPPort != 0 {
		yes, no = record.KindListening, record.KindListenerClosed
	}
	if from, ok := own[yes]; ok {
		to, over := own[no]
		return from <= t && (!over || t < to)
	}
	ups, downs := s.acts[moment{record.KindPodReady, i}], s.acts[moment{record.KindPodNotReady, i}]
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
func (s *sighting) rolled(workload string, at time.Duration) bool {
	return slices.ContainsFunc(s.rollouts[workload], func(t time.Duration) bool { return t <= at })
}

// lag is how long the API server took for the last order about workload before
// at: that is no decision.
func (s *sighting) lag(workload string, at time.Duration) (lag time.Duration) {
	for _, o := range s.obeyed[workload] {
		if o.from <= at {
			lag = o.to - o.from
		}
	}
	return lag
}

// workloadOf is whose pod it is; "" if it is nobody's.
func (s *sighting) workloadOf(pod string) string { return s.pods[pod].Workload }

// hookEnds is when a preStop hook of i, begun at t, was over; false if the
// record has no end of it. Only a sleep's length is known beforehand: of the
// others TERM tells, which comes next.
func (s *sighting) hookEnds(h *Hook, i record.Instance, t time.Duration) (time.Duration, bool) {
	if h.Sleep > 0 {
		return t + h.Sleep, true
	}
	if at, ok := s.own[i][record.KindTermReceived]; ok {
		return max(t, at), !s.skipped(h, i)
	}
	return 0, false
}

// skipped: the hook would have called /offline, and TERM came first.
func (s *sighting) skipped(h *Hook, i record.Instance) bool {
	offline, called := s.own[i][record.KindOffline]
	return strings.Contains(strings.Join(h.Exec, " "), "/offline") && called && s.own[i][record.KindTermReceived] <= offline
}
