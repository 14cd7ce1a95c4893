package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

// tailInterval is the time between reads of the children's events files: well
// below what matters to a step after an event, and cheap.
const tailInterval = 20 * time.Millisecond

// eventTail reads events files while they grow.
type eventTail struct {
	onEvent func(record.Event) // called for each line but inputs and outputs of machines
	mu      sync.Mutex
	list    []*tailed
}

type tailed struct {
	file *os.File
	rest []byte // a line that is not complete yet
}

// follow adds a file; it is read from its beginning.
func (t *eventTail) follow(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("following events: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, &tailed{file: f})
	return nil
}

// run reads until ctx is done, and then once more, for what was written before.
func (t *eventTail) run(ctx context.Context) error {
	tick := time.NewTicker(tailInterval)
	defer tick.Stop()
	buf := make([]byte, 64<<10)
	for {
		select {
		case <-ctx.Done():
			return errors.Join(t.read(buf), t.close())
		case <-tick.C:
			if err := t.read(buf); err != nil {
				return errors.Join(err, t.close())
			}
		}
	}
}

func (t *eventTail) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	for _, f := range t.list {
		err = errors.Join(err, f.file.Close())
	}
	t.list = nil
	return err
}

func (t *eventTail) read(buf []byte) error {
	t.mu.Lock()
	list := append([]*tailed{}, t.list...)
	t.mu.Unlock()
	for _, f := range list {
		if err := f.read(buf, t.onEvent); err != nil {
			return fmt.Errorf("following events %q: %w", f.file.Name(), err)
		}
	}
	return nil
}

func (f *tailed) read(buf []byte, onEvent func(record.Event)) error {
	for {
		n, err := f.file.Read(buf)
		f.rest = append(f.rest, buf[:n]...)
		f.lines(onEvent)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (f *tailed) lines(onEvent func(record.Event)) {
	for {
		i := bytes.IndexByte(f.rest, '\n')
		if i < 0 {
			return
		}
		line := f.rest[:i]
		f.rest = f.rest[i+1:]
		if record.IsMachineStep(line) {
			continue // there are many, they are long, and nobody waits for them
		}
		var e record.Event
		// The ledger reports lines that are no events: it reads the whole file.
		if json.Unmarshal(line, &e) == nil {
			onEvent(e)
		}
	}
}
