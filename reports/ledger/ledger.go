// Package ledger is the bookkeeping of a run: every request in exactly one
// account, every loss with its hop, instance, lifecycle phase and the release
// window that explains it, what was masked, and how that compares with the
// prediction. [Build] is a pure function of plan, requests and events.
//
// It judges nothing (see reports/gate), renders nothing and reads no file.
package ledger

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/scenarios/plan"
)

// Input is all that is known of a run.
type Input struct {
	Plan     *plan.Plan
	Zero     record.Micros // the plan's time zero
	End      record.Micros // end of the run; 0 if it did not come to it
	Requests []record.Request
	Events   []record.Event // all files, sorted by At
	// Incomplete lists instances whose event stream has no end, with why.
	Incomplete map[string]string
	// Torn tells what could not be read of the logs; empty if all could.
	Torn []string
	// Interrupted: the run did not end by itself.
	Interrupted bool
	Runtime     string // local, kube
}

// Window explains a loss by the release event around it.
type Window string

// Windows.
const (
	StaleRoute  Window = "stale-route"  // deregistered, the caller had not heard
	DrainCut    Window = "drain-cut"    // accepted, then cut
	ClosedEarly Window = "closed-early" // listener closed before deregistering
	ColdStart   Window = "cold-start"
	RegistryLag Window = "registry-lag"
	Crash       Window = "crash"
	Overloaded  Window = "overload"
	Stalled     Window = "stalled" // caller or callee was not let run: nothing that a release did
	Unexplained Window = "unexplained"
)

// Windows in the order in which reports show them.
func Windows() []Window {
	return []Window{StaleRoute, DrainCut, ClosedEarly, ColdStart, RegistryLag, Crash, Overloaded, Stalled, Unexplained}
}

// Ledger is the closed account.
type Ledger struct {
	Zero     record.Micros
	Duration time.Duration // from zero to the last request's end
	// Interrupted: the run did not end by itself; all below is what there is.
	Interrupted bool
	// Aborted is why the load was ended before its time, as it had cost all
	// that it may; "" if it was not. What was lost until then is lost; what
	// would have come after is not known.
	Aborted   string
	Arms      []Arm // in the plan's order
	Streams   []Stream
	Releases  []Release  // by time
	Instances []Instance // every one that lived, by workload then time
	Losses    []Loss     // every lost request, by due time
	Pushes    []Push
	// Propagations are the same as Pushes, as the subscribers themselves have
	// it: there are some in every runtime.
	Propagations []Propagation
	Clock        Clock
	Warmups      []warmup.Measurement // of instances that came within the load, by time
	Generator    Generator
	Seconds      map[string][]Second // per stream, by second since zero
	Defects      []string            // why the ledger does not add up or is incomplete; empty is sound
	Notes        []Note              // hooks abandoned, probes failed, restarts: what a reader should know
	HostStats    []record.Event
}

// Arm sums up one arm.
type Arm struct {
	Name, Tag                   string
	Due, Unsent, Sent, OK, Lost int
	Masked                      *int // nil: not measured
	MaskedByHop                 map[string]int
	Releases                    int
	PredictedLow, PredictedHigh int
	Unpredicted                 bool   // nothing can be predicted: its callees are none of ours
	PredictionBasis             string // the arithmetic, in words
	ByClass, ByClientClass      map[record.Class]int
	ByHop                       map[string]int // "client->gateway", "a->b"
	ByWindow                    map[Window]int
	ByInstance                  map[string]int // callee that the lost request was addressed to
	Received                    map[string]int // requests that reached each instance, by trails
	Unexplained                 int
	LossUpper95                 float64 // of the probability that a request is lost
	ReleaseLossUpper95          float64 // that a release loses
	LongestOutage               time.Duration
	StaleRoute                  time.Duration // longest of its releases
	ServiceTime, ResponseTime   Latency       // from sent; from due

	// Of coming online; nil: not measured.
	EarlyRequests         *int     // sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered *int     // instances
	OnlineResponseTime    *Latency // from due, of requests due while an instance came online
}

// Latency of ok requests.
type Latency struct{ P50, P90, P99, P999, Max time.Duration }

// Stream counts one stream.
type Stream struct {
	Name, Arm                   string
	Due, Unsent, Sent, OK, Lost int
	Masked                      int
}

// Release is one instance taken out, by plan or by crash.
type Release struct {
	Instance                                                 record.Instance
	Workload, Service, Tag                                   string
	Arms                                                     []string       // those whose requests can reach it
	At                                                       time.Duration  // offset of its deletion (or death) from zero
	Planned                                                  bool           // false: it crashed
	Reason                                                   string         // scale-in, rollout, drain, kill, crash
	Offline, Deregistered, LastHeard, ListenerClosed, Exited *time.Duration // offsets; nil: did not happen
	LastAttempt                                              *time.Duration // last attempt addressed to it
	StaleRoute                                               time.Duration  // Deregistered to LastAttempt; 0 if none came later
	Lost                                                     int
	LostByArm                                                map[string]int
	PredictedLow, PredictedHigh                              int
	Unpredicted                                              bool    // as Arm's
	Rate                                                     float64 // its own, requests a second, before it went
}

// Instance is one life line of the picture.
type Instance struct {
	Instance               record.Instance
	Workload, Service, Tag string
	Phases                 []Phase // gapless, by time
	Milestones             []Milestone
	Received, Lost         int
	PerSecond              []int  // received, by whole second since zero (of the request's due time); may be shorter than the run
	Incomplete             string // why its events are not complete; "" if they are
}

// Phase is a stretch of a life, as a colour in the picture.
type Phase struct {
	Name     string // starting, listening, registered, serving, closing, draining, closed
	From, To time.Duration
}

// Milestone is an instant of a life.
type Milestone struct {
	At   time.Duration
	Kind record.Kind
	Text string
}

// Loss is one lost request, explained.
type Loss struct {
	Stream, Arm     string
	Seq             uint64
	Due, Sent, Done time.Duration // offsets from zero
	Class           record.Class  // root cause at the failing hop
	ClientClass     record.Class
	Status          int
	Hop             string // a->b
	Caller          record.Instance
	Callee          record.Instance // zero if unknown
	CalleeWorkload  string
	Phase           string // of the callee, when it was addressed
	Window          Window
	Release         record.Instance // the release that explains it; zero if none
	Explanation     string          // one sentence, with times
	Error           string
	Trail           record.Trail
}

// Push is one propagation of a change to a subscriber.
type Push struct {
	Service, Subscriber string
	Changed, Acked      time.Duration // offsets
	Took                time.Duration
}

// Second is one second of a stream.
type Second struct{ Sent, OK, Lost, Masked, Unsent int }

// Clock is how well instants of different clocks can be compared. All are given
// on the load's clock. On one machine there is one clock, and all is zero.
type Clock struct {
	Measured        int           // clocks whose offset to the load's was measured
	Corrected       int           // of these, whose instants were moved: the offset exceeded the error of its measurement
	Uncertainty     time.Duration // the largest of a clock, after correction
	WorstClock      string        // the clock that has it
	UncertainLosses int           // losses whose explanation depends on an order of instants that lie closer together
	PushDelay       time.Duration // what Uncertainty must be small against: how long a release goes unheard
}

// Generator tells whether the instrument was fit.
type Generator struct {
	Due, Sent, Unsent         int
	RateErrorPercent          float64
	SlipP50, SlipP99, SlipMax time.Duration
	UnsentNearRelease         int // within 2 s of a release event
	LateNearRelease           int // likewise, sent more than 250 ms late: they met another world than they were due in
}

// Note is something a reader should know.
type Note struct {
	At       time.Duration
	Instance record.Instance
	Text     string
}
