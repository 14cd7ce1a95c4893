package record

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A service whose events cannot go into a file sends them over TCP to a
// collector, one connection at a time, both sides writing JSON lines:
//
//	service                         collector
//	Hello{Instance} ──────────────▶
//	                ◀────────────── Answer{Have: lines of this instance so far}
//	event lines from Have on ─────▶
//	                ◀────────────── Answer{Have} after each batch it has written down
//	Ping{T1} ─────────────────────▶ any time between lines
//	                ◀────────────── Answer{Have, T1, T2, T3}
//	                ◀────────────── Answer{Have, Say}: a word to obey
//
// The service keeps what is not acknowledged, and sends it again over the
// next connection: nothing is lost, and nothing is there twice.

// Hello opens a connection.
type Hello struct {
	Hello Instance `json:"hello"`
}

// Ping asks for the collector's clock.
type Ping struct {
	T1 Micros `json:"ping"` // when it was sent, by the service's clock
}

// Answer is whatever the collector has to say.
type Answer struct {
	Received int     `json:"have"`          // lines it has written down
	T1       Micros  `json:"t1,omitempty"`  // of the Ping that it answers
	T2       Micros  `json:"t2,omitempty"`  // the Ping's arrival, by the collector's clock
	T3       Micros  `json:"t3,omitempty"`  // this answer's sending
	Command  Command `json:"say,omitempty"` // what the service is to do
	// Begun: the load has been ordered. Who asks before is one of the pods
	// that the run begins with.
	LoadStarted bool `json:"begun,omitempty"`
}

// Command is what a collector may tell a service.
type Command string

const (
	// Leave: the run is over; write the end and go at once.
	CommandExit Command = "leave"
	// Die: end like a process that is killed, without another word.
	CommandKill Command = "die"
)

// Offset is how far a clock is from another, as one exchange tells it.
type Offset struct {
	Ahead Micros `json:"aheadMicros"` // what to add to the own clock's instants
	// Within is how wrong Ahead can be: half of the time on the way.
	Within Micros `json:"withinMicros"`
}

// OffsetOf computes it from an exchange of t1 (sent) and t4 (answered) on the
// own clock with t2 (arrived) and t3 (answered) on the other, as RFC 5905 §8
// does: ahead = ((t2−t1) + (t3−t4)) / 2, within = ((t4−t1) − (t3−t2)) / 2.
func OffsetOf(t1, t2, t3, t4 Micros) Offset {
	return Offset{Ahead: ((t2 - t1) + (t3 - t4)) / 2, Within: max(0, (t4-t1)-(t3-t2)+1) / 2}
}

// To is the offset of a second clock to a third, of which o and third are told
// by the first: what is uncertain of both is uncertain of it.
func (o Offset) To(third Offset) Offset {
	return Offset{Ahead: third.Ahead - o.Ahead, Within: third.Within + o.Within}
}

// Significant says whether the clocks differ by more than can be told apart.
func (o Offset) Significant() bool { return max(o.Ahead, -o.Ahead) > o.Within }

// Uncertainty is how wrong the own clock's instants can be on the other, once they
// are corrected where that is significant; where it is not, they stay as they
// are, and may be off by as much as was measured, and as that is wrong.
func (o Offset) Uncertainty() Micros {
	if o.Significant() {
		return o.Within
	}
	return max(o.Ahead, -o.Ahead) + o.Within
}

// ControlLine reads a line from a service that is no event, but a [Hello] or a
// [Ping]; both are nil for an event.
func ControlLine(line []byte) (*Hello, *Ping, error) {
	// By its first field: lines are many, and these are few.
	switch {
	case bytes.HasPrefix(line, []byte(`{"hello":`)):
		h := &Hello{}
		if err := json.Unmarshal(line, h); err != nil {
			return nil, nil, fmt.Errorf("reading a service's hello: %w", err)
		}
		return h, nil, nil
	case bytes.HasPrefix(line, []byte(`{"ping":`)):
		p := &Ping{}
		if err := json.Unmarshal(line, p); err != nil {
			return nil, nil, fmt.Errorf("reading a service's ping: %w", err)
		}
		return nil, p, nil
	}
	return nil, nil, nil
}
