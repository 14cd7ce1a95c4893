package cli

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/replay"
	"zeroloss/scenarios/rundir"
)

func newReplay(Env) *cobra.Command {
	return &cobra.Command{
		Use:   "replay DIR",
		Short: "Replay a recorded run and check that it is deterministic",
		Long: `Feeds the recorded inputs of a run to new state machines: the control plane, the
lifecycle of each instance and each instance's view of other services. The same
inputs must give the same actions, and each call must be one that its caller could
make. Otherwise the record does not describe the run, and the exit code is 3.

For a run in a cluster, replay also reports where Kubernetes decided differently from
the control plane model of the local runtime. These differences do not affect the
exit code. Runs of attach have no such model.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := rundir.Open(args[0])
			if err != nil {
				return inputError(err)
			}
			s, err := rundir.EventsByWriter(args[0])
			if err != nil {
				return environmentError(err)
			}
			return replayRun(cmd.OutOrStdout(), r, s)
		},
	}
}

// replayRun checks that the record replays. For a run in a cluster it also prints
// where Kubernetes decided differently from the model.
func replayRun(w io.Writer, r *rundir.Run, s replay.EventLogs) error {
	cluster := r.Meta.InCluster()
	n, err := replay.StateMachines(r.Plan.Control, s, rundir.Harness, cluster)
	if err != nil {
		return withCode(exitInvalid, fmt.Errorf("record does not replay: %w", err))
	}
	if n.Picks, err = replay.CheckPicks(r.Requests, s, tags(r.Plan)); err != nil {
		return withCode(exitInvalid, fmt.Errorf("record does not replay: %w", err))
	}
	if err := printText(w, fmt.Sprintf("replay is identical: %d control plane steps, %d lifecycles, %d views, %d picks\n",
		n.ControlInputs, n.Lifecycles, n.Views, n.Picks)); err != nil || !cluster {
		return err
	}
	if r.Plan.Target != nil {
		return printText(w, "decisions of Kubernetes about the target are not compared with the model\n")
	}
	found, err := replay.CompareWithKubernetes(r.Plan.Control, s, rundir.Harness)
	if err != nil {
		return inputError(err)
	}
	// Workloads that zeroloss does not run record too little to predict decisions.
	found = slices.DeleteFunc(found, func(d control.Difference) bool { return !r.WritesEvents(d.Workload) })
	return environmentError(printDifferences(w, found))
}

// tags returns the versions that the plan's requests ask for.
func tags(p *plan.Plan) []string {
	var out []string
	for _, a := range p.Arms {
		out = append(out, a.Tag)
	}
	return out
}

// printDifferences prints a table of the decisions that differ.
func printDifferences(w io.Writer, found []control.Difference) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "Kubernetes decided like the model, within its own latency")
		return err
	}
	fmt.Fprintf(w, "Kubernetes decided differently from the model: %d\n", len(found))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tWORKLOAD\tPOD\tKUBERNETES\tMODEL\tRULE")
	for _, d := range found {
		fmt.Fprintf(t, "%.3f s\t%s\t%s\t%s\t%s\t%s\n", d.At.Seconds(), d.Workload, d.Pod, d.Kubernetes, d.Model, d.Rule)
	}
	return t.Flush()
}
