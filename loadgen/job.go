package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// JobSchema is the version of [Job] that this package writes and reads.
const JobSchema = "zeroloss.job/v1"

// Job is what a generator process is told: one JSON document. Durations are
// in nanoseconds.
type Job struct {
	Schema       string           `json:"schema"` // JobSchema
	Target       string           `json:"target"` // base URL
	Zero         record.Micros    `json:"zero"`   // the streams' time zero, by the record's clock; 0 is half a second from now
	Streams      []traffic.Stream `json:"streams"`
	Shard        traffic.Shard    `json:"shard,omitzero"`              // as in Config
	ClockOffset  record.Micros    `json:"clockOffsetMicros,omitempty"` // as in Config
	Requests     string           `json:"requests"`                    // path of the request log, which must not exist yet
	Events       string           `json:"events,omitempty"`            // path of the generator's own events, appended to
	Instance     record.Instance  `json:"instance,omitzero"`           // whom those events are about
	MaxLateness  time.Duration    `json:"maxLateness,omitempty"`       // as in Config
	DrainTimeout time.Duration    `json:"drainTimeout,omitempty"`      // as in Config
	MaxWorkers   int              `json:"maxWorkers,omitempty"`        // as in Config
}

// ReadJob reads one job from r, and nothing behind it. A field that it does
// not know is an error.
func ReadJob(r io.Reader) (Job, error) {
	// The schema comes first: a newer job is told from a misspelt one.
	var raw json.RawMessage
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return Job{}, fmt.Errorf("reading the load's job: %w", err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Job{}, fmt.Errorf("reading the load's job: %w", err)
	}
	if head.Schema != JobSchema {
		return Job{}, fmt.Errorf("reading the load's job: schema %q, want %q", head.Schema, JobSchema)
	}
	return decodeJob(raw)
}

func decodeJob(raw []byte) (Job, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var j Job
	if err := dec.Decode(&j); err != nil {
		return Job{}, fmt.Errorf("reading the load's job: %w", err)
	}
	return j, nil
}

// Config is what the job says of the load; Out, Progress and Events are its
// user's matter.
func (j Job) Config() Config {
	c := Config{
		Streams: j.Streams, Target: j.Target, Zero: j.Zero.Time(), Shard: j.Shard, ClockOffset: j.ClockOffset, Instance: j.Instance,
		MaxLateness: j.MaxLateness, DrainTimeout: j.DrainTimeout, MaxWorkers: j.MaxWorkers,
	}
	if j.Zero == 0 {
		c.Zero = time.Now().Add(500*time.Millisecond + time.Duration(j.ClockOffset)*time.Microsecond)
	}
	return c
}

// Run does what the job says; see the function [Run] for ctx and the error.
func (j Job) Run(ctx context.Context, tell func(Progress)) (stats Stats, err error) {
	// A log is never written over: it is all that is left of a run.
	out, err := os.OpenFile(j.Requests, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return Stats{}, fmt.Errorf("creating request log: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	c := j.Config()
	c.Out, c.Progress = out, tell
	if j.Events != "" {
		f, err := os.OpenFile(j.Events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return Stats{}, fmt.Errorf("opening events: %w", err)
		}
		defer f.Close()
		c.Events = record.NewEventWriter(f)
	}
	return Run(ctx, c)
}

// Main is a generator process: it reads a job from in, does it, and writes a
// [Progress] as a JSON line to out every half second, the last with Stats.
// The end of in after the job means that the parent is gone, and ends the
// load as the end of ctx does. So the parent keeps its side of in open, and
// can start the process ahead and tell it the job when the time has come.
func Main(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	job, err := ReadJob(in)
	if err != nil {
		return err
	}
	go func() {
		_, err := io.Copy(io.Discard, in)
		stop(errors.Join(errors.New("the parent is gone"), err))
	}()
	defer Tune()()
	enc := json.NewEncoder(out)
	var told error
	_, err = job.Run(ctx, func(p Progress) {
		if told == nil {
			told = enc.Encode(p)
		}
		if told != nil {
			stop(told)
		}
	})
	return errors.Join(err, told)
}

// Tune makes this process one of a generator's, until undo: it has memory to
// spare and no time, so it collects seldom. Half of the processors are left to
// what is under test, which also saves most of the waking of idle threads (a
// quarter of all CPU time at 500 rps).
func Tune() (undo func()) {
	percent := debug.SetGCPercent(400)
	procs := runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	return func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(procs)
	}
}
