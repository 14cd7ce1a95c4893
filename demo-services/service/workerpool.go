package service

import (
	"context"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/settings"
)

// workerPool bounds how many requests are worked on and how many wait. Without
// these bounds a flooded cold instance would not show: as many requests would be
// slow with warm-up as without.
type workerPool struct {
	work    settings.Work
	workers chan struct{} // holds a token for each busy worker
	bound   int64         // workers + queue
	inside  atomic.Int64  // requests working or waiting
	served  atomic.Int64
}

func newWorkerPool(d settings.Document) *workerPool {
	w := d.Work.WithDefaults()
	if d.Online.Prewarmed {
		w.ColdStartRequests = 0
	}
	return &workerPool{work: w, workers: make(chan struct{}, w.Workers), bound: int64(w.Workers + w.Queue)}
}

// acquire waits for a worker. It returns false at once if the queue is full, and
// false if ctx ends before a worker is free. After true, call release.
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

// simulateWork takes as long as the request's work, like a service that waits
// for its database. It does not end early when the caller gives up, as the
// threads of a Java service do not either: only so does a flood of requests that
// time out keep a cold instance from serving others.
func (p *workerPool) simulateWork(stopped <-chan struct{}) {
	d := workDuration(p.work, p.served.Add(1)-1)
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stopped:
	}
}

// workDuration returns how long a request takes after served others: the
// duration, plus the cold cost, which falls linearly to 0 over ColdCount
// requests.
func workDuration(w settings.Work, served int64) time.Duration {
	d := w.Duration
	if left := int64(w.ColdStartRequests) - served; left > 0 && w.ColdStartCost > 0 {
		d += time.Duration(float64(w.ColdStartCost) * float64(left) / float64(w.ColdStartRequests))
	}
	return d
}
