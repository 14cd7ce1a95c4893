package loadgen

import (
	"fmt"
	"io"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

const (
	flushInterval    = 200 * time.Millisecond // of frames: at most this is lost if the process is killed
	progressInterval = 500 * time.Millisecond
	maxTrailHeader   = 16 << 10 // bytes; a longer trail header is not parsed
)

// sink collects finished requests without blocking them. One goroutine parses,
// counts and writes them in batches.
type sink struct {
	mu    sync.Mutex
	queue []*hit

	spare []*hit // the array of the last batch
	log   *record.RequestWriter
	ahead record.Micros // offset of the record's clock
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

// run writes until over is closed, then writes the rest and the end of the log.
// It calls tick every 500 ms and at the end. At the first error it calls failed
// and stops writing.
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

// drain counts one batch and writes it as one frame.
func (k *sink) drain() error {
	var failed error
	batch := k.take()
	for i, h := range batch {
		h.parseTrail()
		h.req.Shift(k.ahead)
		h.sender.tally.add(&h.req)
		if err := k.log.Append(&h.req); err != nil {
			failed = err // counting continues, so that the last progress is correct
		}
		batch[i] = nil
	}
	if failed != nil {
		return failed
	}
	return k.log.Flush()
}

// parseTrail parses the header here, where it delays no request.
func (h *hit) parseTrail() {
	switch {
	case h.sender.stream.External():
		h.req.Trail = externalTrail(h.sender.stream.Workload, h.instanceName)
		return
	case h.trailHeader == "":
		return
	case len(h.trailHeader) > maxTrailHeader:
		h.req.TrailError = fmt.Sprintf("trail has %d bytes, more than %d", len(h.trailHeader), maxTrailHeader)
		return
	}
	t, err := record.ParseTrail(h.trailHeader)
	if err != nil {
		h.req.TrailError = err.Error()
		return
	}
	h.req.Trail = t
}
