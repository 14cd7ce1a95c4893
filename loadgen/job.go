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

// Job configures a generator process: one JSON document, durations in
// nanoseconds.
type Job struct {
	Schema       string           `json:"schema"` // JobSchema
	Target       string           `json:"target"` // base URL
	Zero         record.Micros    `json:"zero"`   // time zero of the streams, by the record's clock; 0: in 500 ms
	Streams      []traffic.Stream `json:"streams"`
	Shard        traffic.Shard    `json:"shard,omitzero"`              // as in Config
	ClockOffset  record.Micros    `json:"clockOffsetMicros,omitempty"` // as in Config
	Requests     string           `json:"requests"`                    // path of the request log; the file must not exist
	Events       string           `json:"events,omitempty"`            // path of the generator's own events, which are appended; "": none
	Instance     record.Instance  `json:"instance,omitzero"`           // as in Config
	MaxLateness  time.Duration    `json:"maxLateness,omitempty"`       // as in Config
	DrainTimeout time.Duration    `json:"drainTimeout,omitempty"`      // as in Config
	MaxWorkers   int              `json:"maxWorkers,omitempty"`        // as in Config
}

// ReadJob decodes one job from r and reads no further. An unknown field is an
// error.
func ReadJob(r io.Reader) (Job, error) {
	// The schema is checked first, to tell a newer job from a misspelt one.
	var raw json.RawMessage
	if err := json.NewDecoder(r).Decode(&raw); err != nil {
		return Job{}, fmt.Errorf("decoding load job: %w", err)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Job{}, fmt.Errorf("decoding load job: %w", err)
	}
	if head.Schema != JobSchema {
		return Job{}, fmt.Errorf("decoding load job: schema %q, want %q", head.Schema, JobSchema)
	}
	return decodeJob(raw)
}

func decodeJob(raw []byte) (Job, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var j Job
	if err := dec.Decode(&j); err != nil {
		return Job{}, fmt.Errorf("decoding load job: %w", err)
	}
	return j, nil
}

// Config returns the configuration of the job, without Out, Progress and Events.
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

// Run runs the job; see the function [Run] for ctx and the error.
func (j Job) Run(ctx context.Context, tell func(Progress)) (stats Stats, err error) {
	// A request log is never overwritten: it is all that remains of a run.
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

// Main is a generator process: it reads a job from in, runs it, and writes a
// [Progress] as a JSON line to out every 500 ms, the last with Stats. If in ends
// after the job, the parent process is gone, and the load ends as if ctx had. So
// the parent keeps its end of in open. It may start the process early and write
// the job later.
func Main(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	job, err := ReadJob(in)
	if err != nil {
		return err
	}
	go func() {
		_, err := io.Copy(io.Discard, in)
		stop(errors.Join(errors.New("the parent process is gone"), err))
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

// Tune configures the Go runtime of this process for a generator, until undo is
// called. Garbage is collected rarely, as memory is cheaper than time. Half of
// the processors are left to the system under test, which also avoids most
// wake-ups of idle threads (a quarter of all CPU time at 500 requests/s).
func Tune() (undo func()) {
	percent := debug.SetGCPercent(400)
	procs := runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	return func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(procs)
	}
}
