package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// EventWriter writes events as JSON lines, each with one Write and without a
// buffer: what it has written survives the death of its process. It may be
// used by many goroutines.
type EventWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// NewEventWriter writes to w, which is a file opened with O_APPEND, or a
// connection. The caller closes it.
func NewEventWriter(w io.Writer) *EventWriter { return &EventWriter{w: w} }

// Write writes e's line. Call it before the action that e announces.
func (w *EventWriter) Write(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding event %q: %w", e.Kind(), err)
	}
	line = append(line, '\n')
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.w.Write(line); err != nil {
		return fmt.Errorf("writing event %q: %w", e.Kind(), err)
	}
	return nil
}

// EventTail is what [ReadEvents] found beside the events.
type EventTail struct {
	Complete bool  // the last event is of kind [KindEnd]
	Ends     int   // events of kind [KindEnd]; one is expected
	Lines    int   // lines that could not be read, the torn last one included
	Bytes    int64 // of those lines
}

// ReadEvents reads what [EventWriter] wrote. A line that is no event, such as
// the torn last one of a killed process, is counted and passed over; the error
// is r's own.
func ReadEvents(r io.Reader) ([]Event, EventTail, error) {
	var (
		events []Event
		tail   EventTail
		in     = bufio.NewReader(r)
	)
	for {
		line, err := in.ReadBytes('\n')
		if body := bytes.TrimSpace(line); len(body) > 0 {
			var e Event
			if json.Unmarshal(body, &e) != nil {
				tail.Lines++
				tail.Bytes += int64(len(line))
			} else {
				events = append(events, e)
				if e.Kind() == KindEnd {
					tail.Ends++
				}
			}
		}
		if errors.Is(err, io.EOF) {
			tail.Complete = len(events) > 0 && events[len(events)-1].Kind() == KindEnd
			return events, tail, nil
		}
		if err != nil {
			return events, tail, fmt.Errorf("reading events: %w", err)
		}
	}
}

// IsMachineStep reports whether an event's line is a [MachineInput] or a
// [MachineOutput], without decoding it: these are many and long, and most
// readers skip them.
func IsMachineStep(line []byte) bool {
	head := line[:min(len(line), 64)] // the kind is a line's second field
	return bytes.Contains(head, []byte(`"kind":"machine-`))
}
