package service

import (
	"context"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/settings"
)

// Defaults of [settings.Work].
const (
	defaultWorkers = 64
	defaultQueue   = 256
)

// workerPool bounds how many requests are worked on at once and how many wait. Only
// with such bounds does flooding a cold instance show: with unbounded workers
// the slow requests are as many with warm-up as without.
type workerPool struct {
	work    settings.Work
	workers chan struct{} // holds a token for each busy worker
	bound   int64         // workers and queue
	inside  atomic.Int64  // working or waiting
	served  atomic.Int64
}

func newWorkerPool(d settings.Document) *workerPool {
	w := d.Work
	if d.Online.Prewarmed {
		w.ColdCount = 0
	}
	if w.Workers <= 0 {
		w.Workers = defaultWorkers
	}
	if w.Queue <= 0 {
		w.Queue = defaultQueue
	}
	return &workerPool{work: w, workers: make(chan struct{}, w.Workers), bound: int64(w.Workers + w.Queue)}
}

// acquire waits for a worker. It tells false at once when the queue is full, and
// when ctx ends before a worker is free. Whoever entered leaves.
func (p *workerPool) acquire(ctx context.Context) bool {
	if p.inside.Add(1) > p.bound {
		p.inside.Add(-1)
		return false
	}
	select {
	case p.workers <- struct{}{}:
		return true
	default:
	}
	select {
	case p.workers <- struct{}{}:
		return true
	case <-ctx.Done():
		p.inside.Add(-1)
		return false
	}
}

func (p *workerPool) release() {
	<-p.workers
	p.inside.Add(-1)
}

// simulateWork does the request's own work: it takes its time, as a service does that
// waits for its database. It goes on when its caller has gone, as the threads
// of the originals do: only so does a flood of requests that time out keep a
// cold instance from serving others.
func (p *workerPool) simulateWork(gone <-chan struct{}) {
	d := workDuration(p.work, p.served.Add(1)-1)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-gone:
	}
}

// workDuration is what a request costs after served others: the duration, plus the
// cold-start cost falling in a straight line until ColdCount are served.
func workDuration(w settings.Work, served int64) time.Duration {
	d := w.Duration
	if left := int64(w.ColdCount) - served; left > 0 && w.ColdCost > 0 {
		d += time.Duration(float64(w.ColdCost) * float64(left) / float64(w.ColdCount))
	}
	return d
}
