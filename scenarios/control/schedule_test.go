package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

func TestParseSchedule(t *testing.T) {
	from := clockAt(0, 4, 50)
	good := map[string]time.Time{
		"0 0/5 * * * *":   clockAt(0, 5, 0),
		"10 0/5 * * * *":  clockAt(0, 5, 10),
		"0 2/5 * * * *":   clockAt(0, 7, 0),
		"@every 1h30m":    clockAt(1, 34, 50),
		"@hourly":         clockAt(1, 0, 0),
		"0 0 0 29 2 *":    time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC),
		" 0 5 0 1 1 ?   ": clockAt(0, 5, 0),
	}
	for text, want := range good {
		s, err := control.ParseSchedule(text)
		require.NoError(t, err, text)
		got, ok := s.Next(from)
		require.True(t, ok)
		require.Equal(t, want, got, text)
	}
	bad := map[string]string{
		"":                      "empty schedule",
		"0/5 * * * *":           `write "0 0/5 * * * *"`,
		"* * *":                 "want six fields",
		"99 * * * * *":          "want six fields",
		"@date 2026-01-02":      "runOnce: true",
		"@every 1.5s":           "a whole number of seconds",
		"@every 0s":             "a whole number of seconds",
		"@every soon":           `write a duration, as in "@every 1h30m"`,
		"@sometimes":            "want six fields",
		"0 0 0 30 2 *":          "no time matches it",
		"TZ=Asia/Shanghai":      "time zones are not supported",
		"CRON_TZ=x 0 0 * * * *": "time zones are not supported",
	}
	for text, want := range bad {
		_, err := control.ParseSchedule(text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "parsing schedule")
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"0 0/5 * * * *", "@every 1h", "TZ=", "CRON_TZ= ", "* * * * * */0", "@", "1-2-3 * * * * *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := control.ParseSchedule(text)
		if err != nil {
			return
		}
		from := clockAt(0, 4, 50)
		if next, ok := s.Next(from); ok && !next.After(from) {
			t.Fatalf("%q comes at %v, not after %v", text, next, from)
		}
	})
}

func seedJobs() []control.CronJob {
	return []control.CronJob{
		{Autoscaler: "b", Name: "down", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 1},
		{Autoscaler: "b", Name: "up", Workload: "b", Schedule: "10 0/5 * * * *", TargetSize: 2},
		{Autoscaler: "c", Name: "down", Workload: "c", Schedule: "0 2/5 * * * *", TargetSize: 1},
	}
}

func TestFirings(t *testing.T) {
	at := func(jobs []control.CronJob, speed float64, from, to float64) []string {
		fs, err := control.ScheduledJobs(jobs, clockAt(0, 4, 50), speed, sec(from), sec(to))
		require.NoError(t, err)
		out := []string{}
		for _, f := range fs {
			s := f.At.String() + " " + f.Job.Workload + " " + f.Job.Name
			if f.Skipped {
				s += " skipped"
			}
			out = append(out, s)
		}
		return out
	}
	once, excluded := seedJobs()[:1], seedJobs()[:1]
	once[0].RunOnce = true
	excluded[0].Exclude = []string{"* * * 1 1 *"}
	other := seedJobs()[:1]
	other[0].Exclude = []string{"* * * 15 1 *", "* * * 1 2 *"}

	require.Equal(t, []string{"10s b down", "20s b up"}, at(seedJobs(), 1, 0, 70))
	require.Equal(t, []string{"10s b down", "20s b up", "2m10s c down", "5m10s b down"}, at(seedJobs(), 0, 0, 320))
	require.Equal(t, []string{"1s b down", "2s b up", "13s c down"}, at(seedJobs(), 10, 0, 20), "speed divides")
	require.Equal(t, []string{"20s b up"}, at(seedJobs(), 1, 10, 20.001), "after from, before to")
	require.Empty(t, at(seedJobs(), 1, 10, 20))
	require.Equal(t, []string{"10s b down"}, at(once, 1, 0, 4000))
	require.Equal(t, []string{"10s b down skipped"}, at(excluded, 1, 0, 70))
	require.Equal(t, []string{"10s b down"}, at(other, 1, 0, 70))

	_, err := control.ScheduledJobs([]control.CronJob{{Autoscaler: "b", Name: "x", Schedule: "?"}}, time.Time{}, 1, 0, 1)
	require.ErrorContains(t, err, "reading job b/x")
}

// What the plan prints is what the plane does.
func TestFiringsAreThePlanes(t *testing.T) {
	for _, speed := range []float64{1, 10, 7} {
		cfg := control.Config{ClockStart: clockAt(0, 4, 50), Speed: speed, Jobs: append(seedJobs(), control.CronJob{
			Autoscaler: "b", Name: "every", Workload: "b", Schedule: "@every 7s", TargetSize: 3,
		})}
		w := newSimulator(t, cfg)
		w.at(0, control.Begin{})
		w.run(sec(100))
		require.Empty(t, w.times(record.KindCronFired), "the clock stands still before time zero")
		w.at(sec(100), control.TimeZero{})
		w.run(sec(160))
		want, err := control.ScheduledJobs(cfg.Jobs, cfg.ClockStart, speed, 0, sec(60)+1)
		require.NoError(t, err)
		var got []time.Duration
		for i, n := range w.times(record.KindCronFired) {
			require.Equal(t, want[i].At, n-sec(100))
			got = append(got, n)
		}
		require.Len(t, got, len(want))
	}
}

func TestLastWriteWinsAndSetBack(t *testing.T) {
	cfg := one(control.Workload{Replicas: 2})
	cfg.ClockStart = clockAt(0, 4, 50)
	cfg.Jobs = []control.CronJob{
		{Autoscaler: "b", Name: "first", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 5},
		{Autoscaler: "b", Name: "last", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 1, RunOnce: true},
	}
	w := newSimulator(t, cfg)
	w.at(0, control.Begin{})
	w.at(0, control.TimeZero{})
	w.at(sec(30), control.ScaleStep{Workload: "b", Replicas: 3})
	w.at(sec(60), control.CycleStart{})
	w.run(sec(50))
	require.Equal(t, seconds(10), w.times(record.KindPodDeleted), "never five")
	require.Len(t, w.pods(), 3)
	w.run(sec(100))
	require.Equal(t, seconds(10, 10, 70, 70), w.times(record.KindCronFired), "a cycle repeats the experiment")
	require.Len(t, w.pods(), 1)
}

func TestExcludedDayScalesNothing(t *testing.T) {
	cfg := one(control.Workload{Replicas: 2})
	cfg.ClockStart = clockAt(0, 4, 50)
	cfg.Jobs = seedJobs()[:1]
	cfg.Jobs[0].Exclude = []string{"* * * 1 1 *"}
	w := newSimulator(t, cfg)
	w.at(0, control.Begin{})
	w.at(0, control.TimeZero{})
	w.run(sec(60))
	require.Equal(t, seconds(10), w.times(record.KindCronSkipped))
	require.Empty(t, w.times(record.KindScaled))
	require.Len(t, w.pods(), 2)
}
