package service

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// eventLog writes the instance's events, each filled in with who tells it.
type eventLog struct {
	out *record.EventWriter

	mu    sync.Mutex
	self  record.Event // identity fields
	bad   error        // the first line that could not be written
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

// at sets the address that events name.
func (j *eventLog) at(addr string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.self.Addr = addr
}

// note writes e. A line that could not be written makes the stream incomplete:
// the first such error is kept, end is not written any more, and Run returns
// it. After the end nothing is written.
func (j *eventLog) note(e record.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(e)
}

func (j *eventLog) write(e record.Event) {
	if j.ended {
		return
	}
	e.At = record.At(time.Now())
	e.Instance, e.Workload, e.Tag, e.Addr = j.self.Instance, j.self.Workload, j.self.Tag, j.self.Addr
	if e.Service == "" {
		e.Service = j.self.Service
	}
	if err := j.out.Write(e); err != nil && j.bad == nil {
		j.bad = err
	}
}

// fail makes the stream incomplete for a reason of our own.
func (j *eventLog) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.bad == nil {
		j.bad = err
	}
}

// end closes the stream, if it is whole.
func (j *eventLog) end(text string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.bad == nil {
		j.write(record.Event{Kind: record.KindEnd, Text: text})
	}
	j.ended = true
	return j.bad
}

// openEvents opens what settings.Document.Events names. Standard error is the
// process's own: closing it here would take the last words from whoever started
// us.
func openEvents(where string) (io.WriteCloser, error) {
	if where == "" {
		return kept{os.Stderr}, nil
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

// kept is a writer whose Close leaves it open.
type kept struct{ io.Writer }

func (kept) Close() error { return nil }

func openFD(n, name string) (*os.File, error) {
	fd, err := strconv.Atoi(n)
	if err != nil || fd < 0 {
		return nil, fmt.Errorf("opening %s: descriptor %q is no number", name, n)
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
