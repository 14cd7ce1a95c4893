package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"zeroloss/loadgen"
)

// ProgressReader is a generator process' latest report. The zero value has none; it
// may be read while it is written.
type ProgressReader struct {
	mu  sync.Mutex
	all []StreamCount
}

// Read takes the progress lines of a generator process until it closes its
// output. After an error the rest is read all the same: a process must not
// block on its output.
func (c *ProgressReader) Read(out io.Reader) error {
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var p loadgen.Progress
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			_, derr := io.Copy(io.Discard, out)
			return errors.Join(fmt.Errorf("reading the load's progress: %w", err), derr)
		}
		var all []StreamCount
		for _, s := range p.Streams {
			all = append(all, StreamCount{Stream: s.Name, Due: s.Due, Sent: s.Sent, Unsent: s.Unsent, OK: s.OK, Failed: s.Failed})
		}
		c.mu.Lock()
		c.all = all
		c.mu.Unlock()
	}
	return sc.Err()
}

// Latest is the last report; nil before the first.
func (c *ProgressReader) Latest() []StreamCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
