package control

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a parsed CronHPA schedule.
type Schedule struct {
	text string
	next cron.Schedule
}

// String is the schedule as it was written.
func (s Schedule) String() string { return s.text }

// Next is the first time after t that matches the schedule; false if there is
// none.
func (s Schedule) Next(t time.Time) (time.Time, bool) {
	n := s.next.Next(t)
	return n, !n.IsZero()
}

// ParseSchedule reads a CronHPA schedule: six fields with seconds first, a
// descriptor such as @hourly, or "@every 1h30m" in whole seconds.
//
// Errors say what is wrong and what to write instead.
func ParseSchedule(text string) (Schedule, error) {
	if err := checkSupported(text); err != nil {
		return Schedule{}, fmt.Errorf("parsing schedule %q: %w", text, err)
	}
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	s, err := parser.Parse(strings.TrimSpace(text))
	if err != nil {
		return Schedule{}, fmt.Errorf("parsing schedule %q: %w; want six fields: second minute hour day month weekday, as in \"0 0/5 * * * *\"", text, err)
	}
	out := Schedule{text: text, next: s}
	// A leap day comes within five years of this date: a schedule with no
	// time in them, such as 30 February, has none at all.
	if _, ok := out.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return Schedule{}, fmt.Errorf("parsing schedule %q: no time matches it; check day and month", text)
	}
	return out, nil
}

// checkSupported returns an error for what the library misreads, silently or
// with a panic.
func checkSupported(text string) error {
	t := strings.TrimSpace(text)
	switch {
	case t == "":
		return errors.New("empty schedule; write six fields, seconds first, as in \"0 0/5 * * * *\"")
	case strings.HasPrefix(t, "TZ="), strings.HasPrefix(t, "CRON_TZ="):
		return errors.New("time zones are not supported; schedules are read against time.start of the scenario")
	case strings.HasPrefix(t, "@date"):
		return errors.New("@date is not supported; write the fields, and runOnce: true")
	case strings.HasPrefix(t, "@every"):
		return checkEvery(strings.TrimSpace(strings.TrimPrefix(t, "@every")))
	case t[0] != '@' && len(strings.Fields(t)) == 5:
		return fmt.Errorf("got five fields; seconds come first, so write \"0 %s\"", t)
	}
	return nil
}

func checkEvery(period string) error {
	d, err := time.ParseDuration(period)
	if err != nil {
		return fmt.Errorf("%w; write a duration, as in \"@every 1h30m\"", err)
	}
	if d < time.Second || d%time.Second != 0 {
		return fmt.Errorf("the period must be a whole number of seconds, at least 1s, got %v", d)
	}
	return nil
}

// ScheduledJob is one execution of a job.
type ScheduledJob struct {
	At      time.Duration // offset from time zero
	Job     CronJob
	Skipped bool // excluded by excludeDates: nothing is scaled
}

// ScheduledJobs lists the executions after from and before to, offsets from
// time zero, by time and, at the same time, in the order of jobs (the last
// one wins). Speed 0 is 1. It returns an error if a schedule cannot be
// parsed.
func ScheduledJobs(jobs []CronJob, clockStart time.Time, speed float64, from, to time.Duration) ([]ScheduledJob, error) {
	var out []ScheduledJob
	for _, j := range jobs {
		t, err := newCronTimer(j)
		if err != nil {
			return nil, err
		}
		clock := wallClock{start: clockStart, speed: speed}
		for t.reset(clock); t.armed && t.at < to; t.advance(clock) {
			if t.at > from {
				out = append(out, ScheduledJob{At: t.at, Job: j, Skipped: t.excluded()})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b ScheduledJob) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// wallClock is CronHPA's clock as a function of the offset.
type wallClock struct {
	start time.Time
	speed float64
}

// offset is the offset at which the clock shows t.
func (w wallClock) offset(t time.Time) time.Duration {
	d := t.Sub(w.start)
	if w.speed <= 0 || w.speed == 1 {
		return d
	}
	return time.Duration(float64(d) / w.speed)
}
