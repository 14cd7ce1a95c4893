package record

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A service that cannot write its events to a file sends them over TCP to a
// collector, on one connection at a time. Both sides write JSON lines:
//
//	service                         collector
//	Hello{Instance} ──────────────▶
//	                ◀────────────── Answer{Received: lines of this instance so far}
//	event lines from Received on ─▶
//	                ◀────────────── Answer{Received} after each batch that is stored
//	Ping{T1} ─────────────────────▶ any time between lines
//	                ◀────────────── Answer{Received, T1, T2, T3}
//	                ◀────────────── Answer{Received, Command}
//
// The service keeps lines until they are acknowledged and sends them again on
// its next connection, so that each is stored exactly once.

// Hello opens a connection.
type Hello struct {
	Hello Instance `json:"hello"`
}

// Ping asks for the time of the collector's clock.
type Ping struct {
	T1 Micros `json:"ping"` // when it was sent, by the service's clock
}

// Answer is a line from the collector.
type Answer struct {
	Received int     `json:"received"`          // lines that the collector has stored
	T1       Micros  `json:"t1,omitempty"`      // of the Ping that it answers
	T2       Micros  `json:"t2,omitempty"`      // when the Ping arrived, by the collector's clock
	T3       Micros  `json:"t3,omitempty"`      // when this answer was sent
	Command  Command `json:"command,omitempty"` // what the service must do
	// LoadStarted: the load has been started. A service that connects before
	// that is one of the pods that the run begins with.
	LoadStarted bool `json:"loadStarted,omitempty"`
}

// Command is what a collector orders a service to do.
type Command string

const (
	// CommandExit says that the run is over: write the end of the events and exit
	// at once.
	CommandExit Command = "exit"
	// CommandKill says to exit as a killed process does, without writing anything.
	CommandKill Command = "kill"
)

// Offset is how far a clock is ahead of another, as one exchange measures it.
type Offset struct {
	Ahead  Micros `json:"aheadMicros"`  // add it to an instant of one's own clock to get the other clock's
	Within Micros `json:"withinMicros"` // the error of Ahead: half of the round-trip time
}

// OffsetOf computes an offset from an exchange: t1 (sent) and t4 (answered) are
// instants of one's own clock, t2 (arrived) and t3 (answered) of the other, as
// in RFC 5905 §8: ahead = ((t2−t1) + (t3−t4)) / 2, within = ((t4−t1) − (t3−t2)) / 2.
func OffsetOf(t1, t2, t3, t4 Micros) Offset {
	return Offset{Ahead: ((t2 - t1) + (t3 - t4)) / 2, Within: max(0, (t4-t1)-(t3-t2)+1) / 2}
}

// To returns the offset from a second clock to a third, where o is the offset
// from a first clock to the second, and third from the first to the third. The
// errors add up.
func (o Offset) To(third Offset) Offset {
	return Offset{Ahead: third.Ahead - o.Ahead, Within: third.Within + o.Within}
}

// Significant reports whether the offset exceeds the error of its measurement.
func (o Offset) Significant() bool { return max(o.Ahead, -o.Ahead) > o.Within }

// Uncertainty is how wrong an instant may be on the other clock. A significant
// offset is corrected, which leaves the error of its measurement. Any other is
// not corrected, and counts in full.
func (o Offset) Uncertainty() Micros {
	if o.Significant() {
		return o.Within
	}
	return max(o.Ahead, -o.Ahead) + o.Within
}

// ControlLine decodes a line from a service that is a [Hello] or a [Ping]; both
// are nil for an event.
func ControlLine(line []byte) (*Hello, *Ping, error) {
	// The first field decides: most lines are events, and not decoded here.
	switch {
	case bytes.HasPrefix(line, []byte(`{"hello":`)):
		h := &Hello{}
		if err := json.Unmarshal(line, h); err != nil {
			return nil, nil, fmt.Errorf("decoding a hello: %w", err)
		}
		return h, nil, nil
	case bytes.HasPrefix(line, []byte(`{"ping":`)):
		p := &Ping{}
		if err := json.Unmarshal(line, p); err != nil {
			return nil, nil, fmt.Errorf("decoding a ping: %w", err)
		}
		return nil, p, nil
	}
	return nil, nil, nil
}
