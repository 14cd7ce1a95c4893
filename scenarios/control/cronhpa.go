package control

import (
	"fmt"
	"time"

	"zeroloss/loadgen/record"
)

// cronTimer is one job, and its next execution.
type cronTimer struct {
	job      CronJob
	schedule Schedule
	exclude  []Schedule
	when     time.Time     // of the next execution, on CronHPA's clock
	at       time.Duration // the same, as an offset from time zero
	armed    bool
}

func newCronTimer(j CronJob) (*cronTimer, error) {
	t := &cronTimer{job: j}
	var err error
	if t.schedule, err = ParseSchedule(j.Schedule); err != nil {
		return nil, fmt.Errorf("reading job %s/%s: %w", j.Autoscaler, j.Name, err)
	}
	for _, x := range j.Exclude {
		s, err := ParseSchedule(x)
		if err != nil {
			return nil, fmt.Errorf("reading excludeDates of %s: %w", j.Autoscaler, err)
		}
		t.exclude = append(t.exclude, s)
	}
	if j.TargetSize < 0 {
		return nil, fmt.Errorf("reading job %s/%s: targetSize must not be negative, got %d", j.Autoscaler, j.Name, j.TargetSize)
	}
	return t, nil
}

// reset schedules the first execution after the clock's start. A runOnce job
// runs once per cycle, as a cycle repeats the experiment.
func (t *cronTimer) reset(c wallClock) { t.arm(c, c.start) }

func (t *cronTimer) arm(c wallClock, after time.Time) {
	t.when, t.armed = t.schedule.Next(after)
	t.at = c.offset(t.when)
}

// advance schedules the execution after this one.
func (t *cronTimer) advance(c wallClock) {
	if t.job.RunOnce {
		t.armed = false
		return
	}
	t.arm(c, t.when)
}

// excluded reports whether the day of the execution is one of excludeDates: a
// day on which an excluded schedule has any time. (The original compares
// month and hour, by a slip in a layout; this is what its documentation
// says.)
func (t *cronTimer) excluded() bool {
	y, m, d := t.when.Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, t.when.Location())
	for _, x := range t.exclude {
		n, ok := x.Next(midnight.Add(-time.Nanosecond))
		if ok && n.Before(midnight.AddDate(0, 0, 1)) {
			return true
		}
	}
	return false
}

// cronHPA is the CronHPA controller: the jobs, and the clock they are read
// against. It scales by setting the replicas of a workload; the last write
// wins.
type cronHPA struct {
	clock   wallClock
	timers  []*cronTimer
	running bool
	zero    time.Duration // when the clock was at its start
}

func newCronHPA(cfg Config) (*cronHPA, error) {
	a := &cronHPA{clock: wallClock{start: cfg.ClockStart, speed: cfg.Speed}}
	for _, j := range cfg.Jobs {
		t, err := newCronTimer(j)
		if err != nil {
			return nil, err
		}
		a.timers = append(a.timers, t)
	}
	return a, nil
}

// restart sets the clock to its start at now.
func (a *cronHPA) restart(now time.Duration) {
	a.running, a.zero = true, now
	for _, t := range a.timers {
		t.reset(a.clock)
	}
}

func (a *cronHPA) stop() { a.running = false }

func (a *cronHPA) next(d *deadline) {
	if !a.running {
		return
	}
	for _, t := range a.timers {
		if t.armed {
			d.add(a.zero + t.at)
		}
	}
}

// scaler is the control plane that a cronHPA belongs to.
type scaler interface {
	recordEvent(e record.Event)
	scale(workload string, n int) // an unknown workload is ignored
}

// fireDue executes the jobs that are due.
func (a *cronHPA) fireDue(p scaler, now time.Duration) {
	if !a.running {
		return
	}
	for _, t := range a.timers {
		for t.armed && a.zero+t.at <= now {
			a.fire(p, t)
			t.advance(a.clock)
		}
	}
}

func (a *cronHPA) fire(p scaler, t *cronTimer) {
	fired := record.CronFired{Autoscaler: t.job.Autoscaler, Job: t.job.Name, Replicas: t.job.TargetSize}
	if t.excluded() {
		p.recordEvent(record.Event{Workload: t.job.Workload, Payload: record.CronSkipped(fired)})
		return
	}
	p.recordEvent(record.Event{Workload: t.job.Workload, Payload: fired})
	p.scale(t.job.Workload, t.job.TargetSize)
}
