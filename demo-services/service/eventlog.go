package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// eventLog writes the instance's events, completed with the fields that identify
// the instance.
type eventLog struct {
	out *record.EventWriter

	mu    sync.Mutex
	self  record.Event // identity fields
	err   error        // the first failure to write a line
	ended bool
}

func newEventLog(d settings.Document, w io.Writer) *eventLog {
	return &eventLog{out: record.NewEventWriter(w), self: record.Event{
		Instance: identity(d), Service: d.Service, Workload: d.Workload, Tag: d.Tag,
		Addr: net.JoinHostPort(d.IP, strconv.Itoa(d.Port)),
	}}
}

func identity(d settings.Document) record.Instance {
	return record.Instance{Pod: d.Pod, Incarnation: d.Incarnation}
}

// setAddr sets the address in events.
func (l *eventLog) setAddr(addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.self.Addr = addr
}

// note writes e. A line that cannot be written makes the log incomplete: the
// first such error is kept, the end event is not written, and Run returns the
// error. After the end nothing is written.
func (l *eventLog) note(e record.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(e)
}

func (l *eventLog) write(e record.Event) {
	if l.ended {
		return
	}
	e.At = record.At(time.Now())
	e.Instance, e.Workload, e.Tag, e.Addr = l.self.Instance, l.self.Workload, l.self.Tag, l.self.Addr
	if e.Service == "" {
		e.Service = l.self.Service
	}
	if err := l.out.Write(e); err != nil && l.err == nil {
		l.err = err
	}
}

// fail makes the log incomplete because of err.
func (l *eventLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
}

// end writes the end event if the log is complete. It returns the first error.
func (l *eventLog) end(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.write(record.Event{Payload: record.End{}, Text: text})
	}
	l.ended = true
	return l.err
}

// noteClockOffset writes how far the collector's clock is ahead.
func (l *eventLog) noteClockOffset(o record.Offset) {
	l.note(record.Event{
		Payload: record.ClockOffset(o),
		Text:    "within " + strconv.FormatInt(int64(o.Within), 10) + " µs of the collector's",
	})
}

// machineJournal returns a journal that writes the steps of a state machine as
// events, for replay.
func (l *eventLog) machineJournal(name string) machine.Journal {
	return machine.Journal{Write: func(step machine.Line) {
		if step.Output {
			l.note(record.Event{Payload: record.MachineOutput{Machine: name, Data: step.Data}})
			return
		}
		l.note(record.Event{Payload: record.MachineInput{Machine: name, Data: step.Data}})
	}}
}

// encode encodes plain data, which cannot fail.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// openEvents opens what settings.Document.Events names. Standard error belongs
// to the process: closing it would lose the last words of whoever started us.
func openEvents(where string) (io.WriteCloser, error) {
	if where == "" {
		return unclosed{os.Stderr}, nil
	}
	if n, ok := strings.CutPrefix(where, "fd:"); ok {
		return openFD(n, "events")
	}
	f, err := os.OpenFile(where, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening events: %w", err)
	}
	return f, nil
}

// unclosed is a writer whose Close leaves it open.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// openFD opens an inherited file descriptor.
func openFD(n, name string) (*os.File, error) {
	fd, err := strconv.Atoi(n)
	if err != nil || fd < 0 {
		return nil, fmt.Errorf("opening %s: descriptor must be a number, got %q", name, n)
	}
	f := os.NewFile(uintptr(fd), name)
	if f == nil {
		return nil, fmt.Errorf("opening %s: descriptor %d is not open", name, fd)
	}
	if _, err := f.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: descriptor %d: %w", name, fd, err), f.Close())
	}
	return f, nil
}
