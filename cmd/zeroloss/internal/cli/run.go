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
	"zeroloss/reports/compare"
	"zeroloss/reports/present"
	"zeroloss/scenarios"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/local"
	"zeroloss/scenarios/rundir"
)

// runFlags are the flags of run.
type runFlags struct {
	inputFlags
	kube        kubeFlags
	runtime     string
	out         string
	repeat      int
	stdin       []byte // buffered, so that each repetition can read it
	maxDuration time.Duration
	json        bool
}

func newRun(env Env) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO|FILE",
		Short: "Run a scenario, judge it and write the reports",
		Long: `Runs a scenario from the catalogue, a scenario file, or Kubernetes manifests (-f).
Judges the run and writes the reports to the run directory. Prints progress to
standard error and the result to standard output. The exit code is the verdict.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), env, args) },
	}
	f.register(cmd)
	p := cmd.Flags()
	p.StringVar(&f.runtime, "runtime", "local", "local: processes on this machine; kube: a Kubernetes cluster")
	f.kube.register(p)
	p.StringVar(&f.out, "out", "", "run directory (default runs/<scenario>-<time>; runs/latest links to it)")
	p.IntVar(&f.repeat, "repeat", 1, "number of runs; the overall verdict is the worst one")
	p.DurationVar(&f.maxDuration, "max-duration", 0, "refuse a plan that takes longer (0: no limit)")
	p.BoolVar(&f.json, "json", false, "print only summary.json")
	return cmd
}

func (f *runFlags) run(ctx context.Context, env Env, args []string) error {
	if err := f.checkFlags(); err != nil {
		return inputError(err)
	}
	env, err := f.bufferStdin(env, args)
	if err != nil {
		return err
	}
	c, err := f.compile(env, args)
	if err != nil {
		return err
	}
	takes := time.Duration(max(1, c.Plan.Cycles)) * c.Plan.Duration
	if f.maxDuration > 0 && takes > f.maxDuration {
		return inputError(fmt.Errorf("plan takes %v, longer than --max-duration %v", takes, f.maxDuration))
	}
	if _, err := run.ResolveHeaders(c.Plan.Streams); err != nil {
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
	printFindings(env.Stderr, c.Plan)
	if f.repeat == 1 {
		r, err := f.once(ctx, env, c, f.out)
		if err != nil {
			return err
		}
		return verdictError(r.Result.Verdict)
	}
	return f.repeated(ctx, env, args)
}

func (f *runFlags) checkFlags() error {
	switch {
	case f.runtime != "local" && f.runtime != "kube":
		return fmt.Errorf("--runtime must be local or kube, got %q", f.runtime)
	case f.repeat < 1:
		return fmt.Errorf("--repeat must be at least 1, got %d", f.repeat)
	}
	return nil
}

// once runs, judges and writes the reports. The error carries the exit code of a
// run without a verdict.
func (f *runFlags) once(ctx context.Context, env Env, c *scenarios.Prepared, out string) (*reports.Report, error) {
	r, path, err := f.execute(ctx, env, c, out)
	format := ""
	if f.repeat == 1 {
		format = "text"
		if f.json {
			format = "json"
		}
	}
	return writeAndPrint(ctx, env, r, path, format, err)
}

// writeAndPrint writes the reports of a run to its directory, and prints one of
// them unless format is "". runErr is the error of the run itself.
func writeAndPrint(ctx context.Context, env Env, r *reports.Report, path, format string, err error) (*reports.Report, error) {
	if r == nil {
		return nil, err
	}
	werr := writeReports(path, r)
	if format != "" {
		werr = errors.Join(werr, printFormat(env.Stdout, format, r))
	}
	fmt.Fprintf(env.Stderr, "report: %s\n", displayPath(filepath.Join(path, rundir.PageFile)))
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		// The run completed; the user interrupted what came after it.
		return nil, withCode(exitInterrupted, errors.Join(werr, fmt.Errorf("interrupted after the run completed; to see the result: zeroloss report %s", displayPath(path))))
	}
	return r, environmentError(werr)
}

// execute runs the plan into a run directory and reads it back. A run that was
// cut short returns both a report and an error; a run whose environment failed
// before time zero returns no report.
func (f *runFlags) execute(ctx context.Context, env Env, c *scenarios.Prepared, out string) (*reports.Report, string, error) {
	dir, err := createRunDir(c, out, f.runtime)
	if err != nil {
		return nil, "", environmentError(err)
	}
	rt := local.New(local.Options{Dir: dir, Executable: env.Executable})
	if f.runtime == "kube" {
		rt = f.kube.runtime(env, c, dir)
	}
	return closeAndAssemble(dir, runPlan(ctx, env, c, dir, rt))
}

// closeAndAssemble closes the run directory and reads it back.
func closeAndAssemble(dir *rundir.Dir, running error) (*reports.Report, string, error) {
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

// runPlan executes the plan on rt and writes the harness' events to dir.
func runPlan(ctx context.Context, env Env, c *scenarios.Prepared, dir *rundir.Dir, rt run.Runtime) (err error) {
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
		return withCode(exitInterrupted, fmt.Errorf("%w; the requests measured so far are in %s", err, displayPath(dir.Path())))
	default:
		return environmentError(err)
	}
}

// sink writes the events of the harness and shows its progress.
type sink struct {
	events  *record.EventWriter
	watched progress
}

func (s *sink) Event(e record.Event) error { return s.events.Write(e) }

func (s *sink) Progress(p run.Progress) { s.watched.show(p) }

// createRunDir creates the run directory and writes the inputs of the run to it.
func createRunDir(c *scenarios.Prepared, out, where string) (*rundir.Dir, error) {
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
			Started: now.Format(time.RFC3339), Machine: hostInfo(), Command: os.Args,
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

// displayPath returns path relative to the working directory where it is below it.
func displayPath(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// bufferStdin reads standard input once, if it is the scenario or a manifest, so
// that each repetition can read it again.
func (f *runFlags) bufferStdin(env Env, args []string) (Env, error) {
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

// repeated runs the plan --repeat times. Each run has its own directory and its own
// seed, counted up from the first. The worst verdict wins.
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
			fmt.Fprintln(env.Stdout, summaryLine(i+1, r))
		}
	}
	return concludeComparison(env, compare.New(runs, ""), f.json)
}

// summaryLine describes a run in one line.
func summaryLine(n int, r *reports.Report) string {
	s := fmt.Sprintf("%d: %s", n, r.Result.Verdict)
	for _, a := range r.Ledger.Arms {
		s += "  " + present.LossCount(a)
	}
	return s
}
