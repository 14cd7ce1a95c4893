package run

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/rundir"
)

// NewLoadJob is the job of a load generator on this machine: it sends the plan's
// streams from zero on, and logs requests into dir. Target and Events are left
// to the caller.
func NewLoadJob(p *plan.Plan, dir *rundir.Dir, zero time.Time) (loadgen.Job, error) {
	requests, err := filepath.Abs(dir.RequestsPath("")) // the process may have another working directory
	if err != nil {
		return loadgen.Job{}, fmt.Errorf("resolving the request log: %w", err)
	}
	streams, err := ResolveHeaders(p.Streams)
	if err != nil {
		return loadgen.Job{}, err
	}
	return loadgen.Job{
		Schema: loadgen.JobSchema, Zero: record.At(zero), Streams: streams, Requests: requests,
		Instance: record.Instance{Pod: rundir.Load, Incarnation: 1},
	}, nil
}

// LoadProcess is the connection to a load generator that runs as a child
// process: the job goes to its standard input, and its progress comes from its
// standard output.
type LoadProcess struct {
	ProgressReader
	stdin  io.WriteCloser
	stdout io.ReadCloser
}

// Connect opens pipes to cmd, which must not have been started.
func (l *LoadProcess) Connect(cmd *exec.Cmd) (err error) {
	cmd.Stdout = nil
	if l.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	l.stdout, err = cmd.StdoutPipe()
	return err
}

// Send sends the job. Standard input stays open until the process has exited,
// which takes its end for the end of the harness.
func (l *LoadProcess) Send(job loadgen.Job) error {
	b, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encoding the job of the load generator: %w", err)
	}
	_, err = l.stdin.Write(b)
	return err
}

// ReadProgress reads until the process closes its output.
func (l *LoadProcess) ReadProgress() error { return l.Read(l.stdout) }
