// Package record defines what a run records: each [Request] as the load
// generator saw it, the [Trail] of hops in its answer, each [Event] of an
// instance, the closed set of failure [Class]es, and the identity of an
// [Instance].
//
// It also holds their codecs: the framed request log ([RequestWriter], [RequestReader]),
// the event lines ([EventWriter], [ReadEvents]) and the trail header
// ([Trail.String], [ParseTrail]).
//
// The package only records; reports/ledger judges. It knows nothing about
// scenarios, services, vegeta or verdicts, and imports only the standard library.
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

// At converts t to Micros.
func At(t time.Time) Micros { return Micros(t.UnixMicro()) }

// Time converts m to a time.Time.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)) }

// Sub returns the duration from earlier to m.
func (m Micros) Sub(earlier Micros) time.Duration {
	return time.Duration(m-earlier) * time.Microsecond
}

// Add returns m+d.
func (m Micros) Add(d time.Duration) Micros { return m + Micros(d/time.Microsecond) }

// Instance is one incarnation of a pod: the n-th start of its container.
// The zero Instance means none.
//
// The load generator's pod is [LoadPod]. Several load generators are load-1,
// load-2 and so on.
type Instance struct {
	Pod         string // unique in a run, e.g. spring-cloud-b-7c9f-1
	Incarnation int    // from 1
}

// LoadPod is the pod of the load generator in events.
const LoadPod = "load"

// String returns "pod/incarnation", or "" for the zero Instance.
func (i Instance) String() string {
	if i == (Instance{}) {
		return ""
	}
	return i.Pod + "/" + strconv.Itoa(i.Incarnation)
}

// ParseInstance parses the result of [Instance.String].
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

// UnmarshalText parses the result of MarshalText.
func (i *Instance) UnmarshalText(b []byte) error {
	v, err := ParseInstance(string(b))
	*i = v
	return err
}

// Request is one request of a stream, as the generator saw it. It holds facts
// only: the ledger decides whether the request is ok, and what caused a loss.
type Request struct {
	Stream string // name of the stream, which the plan ties to an arm
	Seq    uint64 // from 0, gapless within a stream; sent and unsent share it
	Due    Micros // when it should have been sent

	Unsent bool // the generator was too late and skipped it; all fields below are zero

	Sent      Micros // when the round trip began
	FirstByte Micros // first byte of the final answer; 0 if there was none
	Done      Micros // when the body was read to its end, or the request failed

	Status int    // status of the final answer; 0 if none
	Bytes  int64  // bytes of the body that were read
	Body   string // the body, truncated to MaxBody bytes
	Class  Class  // as the generator saw it: "", a transport class, status-5xx or status-other
	Error  string // text of the error, for people

	// Attempts lists the failed deliveries by the generator, in order. All but
	// the last are masked: Go's transport sent the request again. The last one
	// is masked too if Class is "" (there was an answer). Otherwise the last one
	// has Class as its class, even if that is a status class.
	Attempts []Attempt

	// Trail is from the answer's header; nil if there was none.
	Trail Trail
	// TrailError is why the trail header could not be parsed.
	TrailError string
}

// Shift converts the generator's instants to a clock that is ahead of its own
// by d. It leaves the trail alone, whose instants are from the clocks of others.
func (r *Request) Shift(d Micros) {
	for _, m := range []*Micros{&r.Due, &r.Sent, &r.FirstByte, &r.Done} {
		if *m != 0 { // 0 means none
			*m += d
		}
	}
	for i := range r.Attempts {
		r.Attempts[i].At += d
	}
}

// MaxBody is the maximum length of Request.Body, in bytes.
const MaxBody = 512

// Attempt is one delivery that failed.
type Attempt struct {
	At    Micros // when it was addressed
	Addr  string // host:port it was addressed to
	Class Class
}

// Hop is what one service reports about a request in the trail: its own
// identity, the instance that it called, and the result of that call.
type Hop struct {
	Service  string // registry name, e.g. spring-cloud-a
	Instance Instance
	Tag      string        // version of this instance; "" is base
	Took     time.Duration // from the request's arrival to this hop's answer
	Class    Class         // overload or rejected, if this hop itself failed; else ""
	Call     *Call         // nil if this hop called no other service
}

// Call is a hop's call to the next service.
type Call struct {
	Service  string   // service that it called, e.g. spring-cloud-b
	Callee   Instance // instance that it chose; zero if there was none
	Addr     string   // host:port of the callee
	Tag      string   // version of the callee
	Wanted   string   // tag the request asked for at this hop
	At       Micros   // when it was (last) addressed
	Status   int      // status of the callee's answer; 0 if none
	Class    Class    // class of the failure; "" if the call succeeded
	Attempts int      // deliveries, 1 or more; 0 for no-instance
	Masked   []Attempt
}

// Trail is the chain of hops, the outermost (gateway) first.
type Trail []Hop

// Root returns the deepest hop that reports a failure, and the class of that
// failure: its own, or that of its call. ok is false if no hop reports one.
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
