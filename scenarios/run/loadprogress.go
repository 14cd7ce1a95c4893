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

// ProgressReader reads the progress of a load generator. It is safe for
// concurrent use, and its zero value is ready to use.
type ProgressReader struct {
	mu  sync.Mutex
	all []StreamCount
}

// Read reads progress lines until the generator closes its output. After an
// error it discards the rest: the generator must not block on its output.
func (c *ProgressReader) Read(out io.Reader) error {
	sc := bufio.NewScanner(out)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var p loadgen.Progress
		if err := json.Unmarshal(sc.Bytes(), &p); err != nil {
			_, derr := io.Copy(io.Discard, out)
			return errors.Join(fmt.Errorf("reading the progress of the load generator: %w", err), derr)
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

// Latest is the latest report; nil before the first.
func (c *ProgressReader) Latest() []StreamCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}
