package loadgen

import (
	"fmt"
	"io"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

const (
	flushInterval    = 200 * time.Millisecond // a frame; at most this is lost with the process
	progressInterval = 500 * time.Millisecond
	maxTrailHeader   = 16 << 10 // bytes of a trail header that are looked at
)

// sink takes finished requests from everywhere without ever making them
// wait; one goroutine parses, counts and writes them in batches.
type sink struct {
	mu    sync.Mutex
	queue []*hit

	spare []*hit // the last batch's array
	log   *record.RequestWriter
	ahead record.Micros // of the record's clock
}

func newSink(out io.Writer, ahead record.Micros) (*sink, error) {
	log, err := record.NewRequestWriter(out)
	if err != nil {
		return nil, err
	}
	return &sink{log: log, ahead: ahead}, nil
}

func (k *sink) put(h *hit) {
	k.mu.Lock()
	k.queue = append(k.queue, h)
	k.mu.Unlock()
}

func (k *sink) take() []*hit {
	k.mu.Lock()
	defer k.mu.Unlock()
	batch := k.queue
	k.queue, k.spare = k.spare[:0], batch
	return batch
}

// run writes until over is closed, and then what is left and the log's end.
// It calls tick every half second and at the end. At the first failure it
// calls failed, and writes no more.
func (k *sink) run(over <-chan struct{}, tick func(), failed func(error)) error {
	var (
		flush    = time.NewTicker(flushInterval)
		progress = time.NewTicker(progressInterval)
		first    error
	)
	defer flush.Stop()
	defer progress.Stop()
	note := func(err error) {
		if err != nil && first == nil {
			first = fmt.Errorf("recording requests: %w", err)
			failed(first)
		}
	}
	for {
		select {
		case <-flush.C:
			note(k.drain())
		case <-progress.C:
			tick()
		case <-over:
			note(k.drain())
			note(k.log.Close())
			tick()
			return first
		}
	}
}

// drain counts and writes one batch as one frame.
func (k *sink) drain() error {
	var failed error
	batch := k.take()
	for i, h := range batch {
		h.parseTrail()
		h.req.Shift(k.ahead)
		h.sender.tally.add(&h.req)
		if err := k.log.Append(&h.req); err != nil {
			failed = err // counting goes on: the last progress is right
		}
		batch[i] = nil
	}
	if failed != nil {
		return failed
	}
	return k.log.Flush()
}

// parseTrail reads the header here, where no request waits for it.
func (h *hit) parseTrail() {
	switch {
	case h.sender.stream.External():
		h.req.Trail = externalTrail(h.sender.stream.Workload, h.instanceName)
		return
	case h.trailHeader == "":
		return
	case len(h.trailHeader) > maxTrailHeader:
		h.req.TrailError = fmt.Sprintf("trail of %d bytes is longer than %d", len(h.trailHeader), maxTrailHeader)
		return
	}
	t, err := record.ParseTrail(h.trailHeader)
	if err != nil {
		h.req.TrailError = err.Error()
		return
	}
	h.req.Trail = t
}
