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

// Next is the first time strictly after t at which the schedule comes, and
// false if it never comes.
func (s Schedule) Next(t time.Time) (time.Time, bool) {
	n := s.next.Next(t)
	return n, !n.IsZero()
}

// ParseSchedule reads a CronHPA schedule: six fields with seconds first, a
// descriptor such as @hourly, or "@every 1h30m" in whole seconds.
//
// Its errors say what is wrong and what to write instead.
func ParseSchedule(text string) (Schedule, error) {
	if err := checkSupported(text); err != nil {
		return Schedule{}, fmt.Errorf("parsing schedule %q: %w", text, err)
	}
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	s, err := parser.Parse(strings.TrimSpace(text))
	if err != nil {
		return Schedule{}, fmt.Errorf("parsing schedule %q: %w; six fields are needed: second minute hour day month weekday, as in \"0 0/5 * * * *\"", text, err)
	}
	out := Schedule{text: text, next: s}
	// A leap day comes within five years of this date, so that what does not
	// come, never does (as 30 February).
	if _, ok := out.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return Schedule{}, fmt.Errorf("parsing schedule %q: it never comes; check day and month", text)
	}
	return out, nil
}

// checkSupported names what the library would take wrongly, silently or with a panic.
func checkSupported(text string) error {
	t := strings.TrimSpace(text)
	switch {
	case t == "":
		return errors.New("it is empty; write six fields, second first, as in \"0 0/5 * * * *\"")
	case strings.HasPrefix(t, "TZ="), strings.HasPrefix(t, "CRON_TZ="):
		return errors.New("a time zone cannot be given here; schedules are read against the scenario's time.start")
	case strings.HasPrefix(t, "@date"):
		return errors.New("@date is not understood; write the fields and runOnce: true")
	case strings.HasPrefix(t, "@every"):
		return checkEvery(strings.TrimSpace(strings.TrimPrefix(t, "@every")))
	case t[0] != '@' && len(strings.Fields(t)) == 5:
		return fmt.Errorf("it has five fields; seconds come first here, so write \"0 %s\"", t)
	}
	return nil
}

func checkEvery(period string) error {
	d, err := time.ParseDuration(period)
	if err != nil {
		return fmt.Errorf("%w; write a duration, as in \"@every 1h30m\"", err)
	}
	if d < time.Second || d%time.Second != 0 {
		return fmt.Errorf("the period is %v; whole seconds are needed, one at least", d)
	}
	return nil
}

// ScheduledJob is one execution of a job.
type ScheduledJob struct {
	At      time.Duration // offset from time zero
	Job     CronJob
	Skipped bool // its day is among excludeDates: nothing is scaled
}

// ScheduledJobs lists what fires strictly after from and before to, offsets from
// time zero, ordered by time and, at the same instant, by the order of jobs
// (so that the last one wins). Speed 0 is 1. An error is a schedule's.
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

// wallClock is the clock that CronHPA reads, as a function of the offset.
type wallClock struct {
	start time.Time
	speed float64
}

// offset is when the wall clock shows t.
func (w wallClock) offset(t time.Time) time.Duration {
	d := t.Sub(w.start)
	if w.speed <= 0 || w.speed == 1 {
		return d
	}
	return time.Duration(float64(d) / w.speed)
}
