package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"zeroloss/internal/input"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/scenarios"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/local"
	"zeroloss/scenarios/rundir"
)

// runFlags are those of run.
type runFlags struct {
	inputFlags
	kube    kubeFlags
	runtime string
	out     string
	repeat  int
	stdin   []byte // what was read of it, for the next repetition
	atMost  time.Duration
	json    bool
}

func newRun(env Env) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO|FILE",
		Short: "Run a scenario, judge it, write the report",
		Long: `Runs a scenario of the catalogue, a scenario file, or bare manifests (-f), judges
it and writes the reports into the run directory. Progress goes to standard error,
the result to standard output, the verdict is the exit code.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), env, args) },
	}
	f.register(cmd)
	p := cmd.Flags()
	p.StringVar(&f.runtime, "runtime", "local", "where: local (processes of this machine) or kube (a cluster)")
	f.kube.register(p)
	p.StringVar(&f.out, "out", "", "run directory (default runs/<scenario>-<time>; runs/latest points to it)")
	p.IntVar(&f.repeat, "repeat", 1, "how often; the worst verdict wins")
	p.DurationVar(&f.atMost, "max-duration", 0, "refuse a plan that takes longer")
	p.BoolVar(&f.json, "json", false, "print summary.json alone")
	return cmd
}

func (f *runFlags) run(ctx context.Context, env Env, args []string) error {
	if err := f.checkRun(); err != nil {
		return inputError(err)
	}
	env, err := f.rereadable(env, args)
	if err != nil {
		return err
	}
	c, err := f.compile(env, args)
	if err != nil {
		return err
	}
	takes := time.Duration(max(1, c.Plan.Cycles)) * c.Plan.Duration
	if f.atMost > 0 && takes > f.atMost {
		return inputError(fmt.Errorf("the plan takes %v, more than --max-duration %v", takes, f.atMost))
	}
	if _, err := run.Sent(c.Plan.Streams); err != nil {
		return inputError(err)
	}
	if err := c.Plan.CheckRuntime(f.runtime); err != nil {
		return inputError(err)
	}
	if f.runtime == "kube" {
		if err := f.kube.check(c); err != nil {
			return inputError(err)
		}
	}
	remarks(env.Stderr, c.Plan)
	if f.repeat == 1 {
		r, err := f.once(ctx, env, c, f.out)
		if err != nil {
			return err
		}
		return ofVerdict(r.Result.Verdict)
	}
	return f.repeated(ctx, env, args)
}

func (f *runFlags) checkRun() error {
	switch {
	case f.runtime != "local" && f.runtime != "kube":
		return fmt.Errorf("unknown runtime %q: there are local and kube", f.runtime)
	case f.repeat < 1:
		return fmt.Errorf("--repeat %d is below 1", f.repeat)
	}
	return nil
}

// once runs, judges and reports. Its error carries the exit code of a run
// that did not come to a verdict.
func (f *runFlags) once(ctx context.Context, env Env, c *scenarios.Prepared, out string) (*reports.Report, error) {
	r, path, err := f.execute(ctx, env, c, out)
	format := ""
	if f.repeat == 1 {
		format = "text"
		if f.json {
			format = "json"
		}
	}
	return told(ctx, env, r, path, format, err)
}

// told writes the reports of a run, and prints one of them if a format is
// given.
func told(ctx context.Context, env Env, r *reports.Report, path, format string, err error) (*reports.Report, error) {
	if r == nil {
		return nil, err
	}
	werr := writeReports(path, r)
	if format != "" {
		werr = errors.Join(werr, printAs(env.Stdout, format, r))
	}
	fmt.Fprintf(env.Stderr, "report: %s\n", shown(filepath.Join(path, rundir.PageFile)))
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		// The run itself is whole; whoever called wants no more of it.
		return nil, withCode(exitInterrupted, errors.Join(werr, fmt.Errorf("interrupted after the run; `zeroloss report %s` tells the rest", shown(path))))
	}
	return r, environmentError(werr)
}

// execute runs the plan into a directory and reads it back. A report comes
// with the error of a run that was cut short, if there is anything to report:
// where the environment failed before time zero, there is not.
func (f *runFlags) execute(ctx context.Context, env Env, c *scenarios.Prepared, out string) (*reports.Report, string, error) {
	dir, err := prepare(c, out, f.runtime)
	if err != nil {
		return nil, "", environmentError(err)
	}
	rt := local.New(local.Options{Dir: dir, Executable: env.Executable})
	if f.runtime == "kube" {
		rt = f.kube.runtime(env, c, dir)
	}
	return concluded(dir, carryOut(ctx, env, c, dir, rt))
}

// concluded closes the run directory and reads it back.
func concluded(dir *rundir.Dir, running error) (*reports.Report, string, error) {
	path := dir.Path()
	if err := dir.Close(); err != nil {
		running = errors.Join(running, environmentError(err))
	}
	r, err := reports.Assemble(path)
	if err != nil {
		return nil, path, errors.Join(running, environmentError(err))
	}
	if errors.Is(running, run.ErrEnvironment) && r.Ledger.Zero == 0 {
		return nil, path, running
	}
	return r, path, running
}

// carryOut executes the plan on rt, its events going into dir.
func carryOut(ctx context.Context, env Env, c *scenarios.Prepared, dir *rundir.Dir, rt run.Runtime) (err error) {
	events, err := dir.CreateEvents(rundir.Harness)
	if err != nil {
		return environmentError(err)
	}
	watched := newProgress(env.Stderr, env.Terminal)
	out := &sink{events: record.NewEventWriter(events), watched: watched}
	err = rt.Run(ctx, c.Plan, out)
	watched.done()
	err = errors.Join(err, events.Close())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, run.ErrInterrupted):
		return withCode(exitInterrupted, fmt.Errorf("%w; what was measured is in %s", err, shown(dir.Path())))
	default:
		return environmentError(err)
	}
}

// sink takes what the harness has to tell.
type sink struct {
	events  *record.EventWriter
	watched progress
}

func (s *sink) Event(e record.Event) error { return s.events.Write(e) }

func (s *sink) Progress(p run.Progress) { s.watched.show(p) }

// prepare makes the run directory and writes down what is to be run.
func prepare(c *scenarios.Prepared, out, where string) (*rundir.Dir, error) {
	now := time.Now()
	if out == "" {
		out = filepath.Join("runs", c.Plan.Scenario+"-"+now.Format("20060102-150405.000"))
	}
	// Children have working directories of their own.
	path, err := filepath.Abs(out)
	if err != nil {
		return nil, err
	}
	dir, err := rundir.Create(path)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		dir.WriteFile(rundir.ScenarioFile, c.Scenario),
		dir.WriteFile(rundir.ManifestsFile, c.Manifests),
		dir.WritePlan(c.Plan),
		dir.WriteMeta(rundir.Meta{
			Version: buildVersion(), Scenario: c.Plan.Scenario, Runtime: where, Seed: c.Plan.Seed, Speed: c.Plan.Speed,
			Started: now.Format(time.RFC3339), Machine: machine(), Command: os.Args,
		}),
	)
	if filepath.Dir(out) == "runs" {
		err = errors.Join(err, rundir.Latest(out))
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// shown is a path as a person would write it here.
func shown(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// rereadable lets each repetition read standard input again, if it is the
// scenario or a manifest.
func (f *runFlags) rereadable(env Env, args []string) (Env, error) {
	if f.repeat == 1 || !slices.Contains(slices.Concat(args, f.files), "-") {
		return env, nil
	}
	b, err := io.ReadAll(io.LimitReader(env.Stdin, input.MaxBytes+1))
	if err != nil {
		return env, inputError(fmt.Errorf("reading standard input: %w", err))
	}
	f.stdin = b
	env.Stdin = bytes.NewReader(b)
	return env, nil
}

// repeated runs several times, each into a directory of its own and with a
// seed of its own, counted on from the first; the worst verdict wins.
func (f *runFlags) repeated(ctx context.Context, env Env, args []string) error {
	first := f.seed
	var runs []*reports.Report
	for i := range f.repeat {
		fmt.Fprintf(env.Stderr, "run %d of %d\n", i+1, f.repeat)
		out := ""
		if f.out != "" {
			out = fmt.Sprintf("%s-%d", f.out, i+1)
		}
		f.seed = first + uint64(i)
		env.Stdin = bytes.NewReader(f.stdin)
		c, err := f.compile(env, args)
		if err != nil {
			return err
		}
		r, err := f.once(ctx, env, c, out)
		if err != nil {
			return err
		}
		runs = append(runs, r)
		if !f.json {
			fmt.Fprintln(env.Stdout, line(i+1, r))
		}
	}
	return concludeRepeats(env, reports.Repeated(runs, ""), f.json)
}

// line is a run in one line.
func line(n int, r *reports.Report) string {
	s := fmt.Sprintf("%d: %s", n, r.Result.Verdict)
	for _, a := range r.Ledger.Arms {
		s += fmt.Sprintf("  %s lost %d of %d", a.Name, a.Lost, a.Sent)
	}
	return s
}
