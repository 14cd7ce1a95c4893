// Package record is the vocabulary in which everything observed is written
// down: a [Request] as the load generator saw it, the [Trail] of hops that
// its answer carries, an [Event] in the life of an instance, the closed set
// of failure [Class]es, and the identity of an [Instance].
//
// It also holds their codecs: the framed request log ([RequestWriter], [RequestReader]),
// the event lines ([EventWriter], [ReadEvents]) and the trail header
// ([Trail.String], [ParseTrail]).
//
// It may know nothing of scenarios, services, vegeta or verdicts, and imports
// the standard library only: it records, and leaves judging to the ledger.
//
// All instants are [Micros]: microseconds since the Unix epoch, taken from one
// clock (one machine) or corrected to one.
package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Micros is an instant: microseconds since the Unix epoch.
type Micros int64

// At converts t.
func At(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time converts back.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)) }

// Sub is the time from earlier to m.
func (m Micros) Sub(earlier Micros) time.Duration {
	return time.Duration(m-earlier) * time.Microsecond
}

// Add is m moved by d.
func (m Micros) Add(d time.Duration) Micros { return m + Micros(d/time.Microsecond) }

// Instance is one incarnation of a pod: the n-th start of its container.
// The zero Instance means none.
//
// The load generator's pod is [LoadPod]; of several, load-1, load-2 and so on.
type Instance struct {
	Pod         string // unique in a run, as spring-cloud-b-7c9f-1
	Incarnation int    // from 1
}

// LoadPod is the pod of the load generator in events.
const LoadPod = "load"

// String is "pod/incarnation", and "" for the zero Instance.
func (i Instance) String() string {
	if i == (Instance{}) {
		return ""
	}
	return i.Pod + "/" + strconv.Itoa(i.Incarnation)
}

// ParseInstance reads what [Instance.String] wrote; "" is the zero Instance.
func ParseInstance(s string) (Instance, error) {
	if s == "" {
		return Instance{}, nil
	}
	pod, n, ok := strings.Cut(s, "/")
	inc, err := strconv.Atoi(n)
	if !ok || err != nil || pod == "" || inc < 0 {
		return Instance{}, fmt.Errorf("parsing instance %q: want pod/incarnation", s)
	}
	return Instance{Pod: pod, Incarnation: inc}, nil
}

// MarshalText and UnmarshalText make an Instance a JSON string.
func (i Instance) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (i *Instance) UnmarshalText(b []byte) error {
	v, err := ParseInstance(string(b))
	*i = v
	return err
}

// Request is one request of a stream, from the generator's side. Facts only:
// whether it is ok, and whose fault a loss is, the ledger decides.
type Request struct {
	Stream string // name of the stream, which the plan ties to an arm
	Seq    uint64 // from 0, gapless within a stream; sent and unsent share it
	Due    Micros // when it should have been sent

	Unsent bool // skipped by the generator, being too late; all below is zero

	Sent      Micros // when the round trip began
	FirstByte Micros // first byte of the final answer's head; 0 if none came
	Done      Micros // body read to its end, or failed

	Status int    // of the final answer; 0 if none
	Bytes  int64  // of the body that was read
	Body   string // the body, cut at MaxBody bytes
	Class  Class  // what the generator itself saw: "" or a transport class, status-5xx, status-other
	Error  string // the error's text, for people

	// Attempts lists the failed deliveries on the generator's own edge, in
	// order. All but the last are masked: Go's transport sent the request
	// again. The last is masked too if Class is "" (an answer came).
	// Otherwise the last is of Class, also where that is a status.
	Attempts []Attempt

	// Trail is what the answer's header told; nil if there was none.
	Trail Trail
	// TrailError is why a header that was there could not be read.
	TrailError string
}

// Shift moves the instants that the generator has taken to a clock that is
// ahead of its own by d. Those of the trail are other machines'.
func (r *Request) Shift(d Micros) {
	for _, m := range []*Micros{&r.Due, &r.Sent, &r.FirstByte, &r.Done} {
		if *m != 0 { // 0 is no instant
			*m += d
		}
	}
	for i := range r.Attempts {
		r.Attempts[i].At += d
	}
}

// MaxBody is how many bytes of an answer's body a Request keeps.
const MaxBody = 512

// Attempt is one delivery that failed.
type Attempt struct {
	At    Micros // when it was addressed
	Addr  string // host:port it was addressed to
	Class Class
}

// Hop is one service's part of a request, as it told it in the trail: who it
// is, whom it called, and how that call went.
type Hop struct {
	Service  string // registry name, as spring-cloud-a
	Instance Instance
	Tag      string        // version of this instance; "" is base
	Took     time.Duration // from the request's arrival to this hop's answer
	Class    Class         // a failure of this hop's own: overload, rejected; "" otherwise
	Call     *Call         // nil where nothing further was to be called, or it did not come to that
}

// Call is a hop's call of the next service.
type Call struct {
	Service  string   // whom it wanted, as spring-cloud-b
	Callee   Instance // whom it chose; zero if there was no instance
	Addr     string   // host:port of the callee
	Tag      string   // version of the callee
	Wanted   string   // tag the request asked for at this hop
	At       Micros   // when it was (last) addressed
	Status   int      // of the callee's answer; 0 if none
	Class    Class    // how the call failed; "" if it did not
	Attempts int      // deliveries, 1 or more; 0 with no-instance
	Masked   []Attempt
}

// Trail is the chain of hops, the outermost (gateway) first.
type Trail []Hop

// Root is the deepest hop that tells of a failure, and that failure's class:
// its call's, or its own. ok is false where no hop tells of one.
func (t Trail) Root() (hop int, class Class, ok bool) {
	for i := len(t) - 1; i >= 0; i-- {
		if t[i].Class != "" {
			return i, t[i].Class, true
		}
		if c := t[i].Call; c != nil && c.Class != "" {
			return i, c.Class, true
		}
	}
	return 0, "", false
}
