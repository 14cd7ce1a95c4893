// Package ledger accounts for a run: every request in exactly one account, every
// loss with its hop, instance, lifecycle phase and the release window that
// explains it, what was masked, and how the losses compare with the prediction.
//
// [Build] is a pure function of plan, requests and events. Its parts, in the
// order in which they work:
//
//   - reports/ledger/history: what happened to each instance, from the events
//   - intake: each request into the accounts of its stream, arm and instances
//   - failureFinder: whether a request is lost, at which hop, by which class
//   - explainer: the window of a loss, and its sentence (sentences.go)
//   - predictor: how many requests each release should lose
//   - reports/ledger/warmup: what consumers sent to instances that warm up
//   - defectFinder: what is missing, duplicate or impossible in the account
//
// The package judges nothing (see reports/gate), renders nothing and reads no
// file.
package ledger

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/scenarios/plan"
)

// Input is everything that is known about a run.
type Input struct {
	Plan        *plan.Plan
	Zero        record.Micros // time zero of the plan; 0 if it was never reached
	End         record.Micros // end of the run; 0 if the run did not reach it
	Requests    []record.Request
	Events      []record.Event    // of all files, sorted by At
	Incomplete  map[string]string // why the events of an instance have no end, by the instance's name
	Torn        []string          // what could not be read of the logs; empty if everything could
	Interrupted bool              // the run did not finish
	Runtime     string            // local, kube
}

// Window is the kind of release event that explains a loss.
type Window string

// Windows.
const (
	StaleRoute  Window = "stale-route"  // the callee had deregistered, but its caller had not received the update
	DrainCut    Window = "drain-cut"    // the callee accepted the request and cut it when it was taken out
	ClosedEarly Window = "closed-early" // the callee closed its listener before it deregistered
	ColdStart   Window = "cold-start"   // the callee was starting or warming up
	RegistryLag Window = "registry-lag" // the registry notified the caller too late
	Crash       Window = "crash"        // the callee was killed or crashed
	Overloaded  Window = "overload"     // a queue was full, or the caller had no ports or descriptors left
	Stalled     Window = "stalled"      // caller or callee got no CPU time; no release is the cause
	Unexplained Window = "unexplained"  // no release event matches
)

// Windows lists the windows in the order of reports.
func Windows() []Window {
	return []Window{StaleRoute, DrainCut, ClosedEarly, ColdStart, RegistryLag, Crash, Overloaded, Stalled, Unexplained}
}

// Ledger is the account of a run. Instants are offsets from time zero.
type Ledger struct {
	Zero        record.Micros
	Duration    time.Duration // from time zero to the end of the last request
	Interrupted bool          // the run did not finish; the ledger has what was recorded until then
	// Aborted: the load was stopped at its limit of lost requests. Losses after
	// that are not known.
	Aborted   bool
	AbortText string // why, for people
	Arms      []Arm  // in the plan's order
	Streams   []Stream
	Releases  []Release  // by time
	Instances []Instance // of the plan's workloads, by workload, then by time
	Losses    []Loss     // by due time
	Pushes    []Push
	// Propagations are like Pushes, measured at the subscribers, in every runtime.
	Propagations []Propagation
	Clock        Clock
	Warmups      []warmup.Measurement // of instances that started under load, by time
	Generator    Generator
	Seconds      map[string][]Second // of each stream, by second since time zero
	Defects      []string            // why the ledger does not add up or is incomplete; empty if it is sound
	Notes        []Note              // what else a reader should know: hooks abandoned, probes failed, restarts
	HostStats    []record.Event
}

// Arm counts the requests of one arm.
type Arm struct {
	Name, Tag                   string
	Due, Unsent, Sent, OK, Lost int
	Masked                      *int // nil: not measured
	MaskedByHop                 map[string]int
	Releases                    int
	PredictedLow, PredictedHigh int
	Unpredicted                 bool   // its services are external: losses cannot be predicted
	PredictionBasis             string // the arithmetic, in words
	ByClass, ByClientClass      map[record.Class]int
	ByHop                       map[string]int // "client->gateway", "a->b"
	ByWindow                    map[Window]int
	ByInstance                  map[string]int // the callee that the lost request was sent to
	Received                    map[string]int // requests that reached each instance, by trails
	Unexplained                 int
	LossUpper95                 float64       // upper bound (95 %) of the probability that a request is lost
	ReleaseLossUpper95          float64       // likewise, that a release loses a request
	LongestOutage               time.Duration // longest time without a successful request
	StaleRoute                  time.Duration // longest of its releases
	ServiceTime, ResponseTime   Latency       // from sending; from the due time

	// About instances that start under load; nil: not measured.
	EarlyRequests         *int     // sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered *int     // instances that the cluster held ready before they were registered
	OnlineResponseTime    *Latency // from the due time, of requests that were due while an instance came online
}

// Latency of ok requests.
type Latency struct{ P50, P90, P99, P999, Max time.Duration }

// Stream counts one stream.
type Stream struct {
	Name, Arm                   string
	Due, Unsent, Sent, OK, Lost int
	Masked                      int
}

// Release is one instance that was taken out, by plan or by a crash. Instants
// that did not occur are nil.
type Release struct {
	Instance                                                 record.Instance
	Workload, Service, Tag                                   string
	Arms                                                     []string      // whose requests can reach it
	At                                                       time.Duration // its deletion or death
	Planned                                                  bool          // false: it was killed or crashed
	Reason                                                   string        // scale-in, rollout, drain, kill, crash
	Offline, Deregistered, LastHeard, ListenerClosed, Exited *time.Duration
	LastAttempt                                              *time.Duration // last attempt to call it
	StaleRoute                                               time.Duration  // from Deregistered to LastAttempt; 0 if there was none after it
	Lost                                                     int
	LostByArm                                                map[string]int
	PredictedLow, PredictedHigh                              int
	Unpredicted                                              bool    // see Arm
	Rate                                                     float64 // requests/s to it before it was taken out
}

// Instance is one instance of the plan's workloads, with its phases.
type Instance struct {
	Instance               record.Instance
	Workload, Service, Tag string
	Phases                 []Phase // without gaps, by time
	Milestones             []Milestone
	Received, Lost         int
	PerSecond              []int  // received, by the second of the due time since time zero; may be shorter than the run
	Incomplete             string // why its events are incomplete; "" if they are complete
}

// Phase is a phase of an instance.
type Phase struct {
	Name     string // see history.PhaseSpan
	From, To time.Duration
}

// Milestone is an event of an instance.
type Milestone struct {
	At   time.Duration
	Kind record.Kind
	Text string
}

// Loss is one lost request and its explanation.
type Loss struct {
	Stream, Arm     string
	Seq             uint64
	Due, Sent, Done time.Duration
	Class           record.Class // root cause at the failing hop
	ClientClass     record.Class // what the client saw
	Status          int
	Hop             string // a->b
	Caller          record.Instance
	Callee          record.Instance // zero if unknown
	CalleeWorkload  string
	Phase           string // of the callee when it was called
	Window          Window
	Release         record.Instance // whose release explains it; zero if none
	Explanation     string          // a sentence
	Error           string
	Trail           record.Trail
}

// Push is a change that the registry pushed to one subscriber.
type Push struct {
	Service, Subscriber string
	Changed, Acked      time.Duration
	Took                time.Duration
}

// Second counts the requests of a stream that were due in one second.
type Second struct{ Sent, OK, Lost, Masked, Unsent int }

// Clock is how well instants of different clocks can be compared. All instants
// are on the load's clock. On one machine there is one clock, and all fields but
// PushDelay are zero.
type Clock struct {
	Measured        int           // clocks whose offset to the load's was measured
	Corrected       int           // of these, whose instants were moved: the offset exceeded the error of its measurement
	Uncertainty     time.Duration // the largest of a clock, after correction
	WorstClock      string        // the clock that has it
	UncertainLosses int           // losses whose explanation depends on an order of instants that lie closer together
	PushDelay       time.Duration // of the registry, which Uncertainty must be small against
}

// Generator is how well the load generator kept to the schedule. A slip is how
// late a request was sent.
type Generator struct {
	Due, Sent, Unsent         int
	RateErrorPercent          float64
	SlipP50, SlipP99, SlipMax time.Duration
	UnsentNearRelease         int // due within 2 s of a release event and not sent
	LateNearRelease           int // due within 2 s of a release event and sent more than 250 ms late, when the release may have been over
}

// Note is an event that a reader should know about.
type Note struct {
	At       time.Duration
	Instance record.Instance
	Text     string
}
