package record

// Event is one line of an event file: something that happened to an instance,
// or that the harness, the registry or the load generator did. It is written
// before the action that it announces.
//
// The fields say when it happened and to which instance; the payload says what
// happened. An event's kind follows from the type of its payload, so the two
// cannot disagree.
type Event struct {
	At       Micros
	Instance Instance // the instance that the event is about; zero if it is about none
	Service  string   // registry name: the instance's own, or that of the list that the event is about
	Workload string
	Tag      string
	Addr     string // host:port of the instance's business port
	// Text explains the event to people. Programs must not read it: whatever a
	// reader needs to know is in the payload.
	Text    string
	Payload Payload
}

// Kind is the kind of the event's payload; "" if it has none.
func (e Event) Kind() Kind {
	if e.Payload == nil {
		return ""
	}
	return e.Payload.kind()
}

// Shift returns the event on a clock that is ahead of its own by d: all
// instants that the event's author took are moved.
func (e Event) Shift(d Micros) Event {
	e.At += d
	shift := func(m *Micros) {
		if *m != 0 { // 0 is no instant
			*m += d
		}
	}
	switch p := e.Payload.(type) {
	case Stalled:
		shift(&p.Since)
		e.Payload = p
	case WatchGap:
		shift(&p.Since)
		e.Payload = p
	case Push:
		shift(&p.FirstChange)
		e.Payload = p
	default: // the other payloads hold no instants
	}
	return e
}
