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
		Short: "Feed a run's record to fresh machines; list where Kubernetes decided otherwise than our model",
		Long: `Feeds what a run directory has on record to fresh machines: the control plane, each
instance's lifecycle and its view of others. The same inputs have to give the same
actions, and each call has to be one that its caller could make; else the record does
not tell how the run went, and the exit code is 3.

Of a run in a cluster it also lists where Kubernetes decided otherwise than the model
that the runtime local goes by; not of attach, whose target is none of ours. That is
told, not judged.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := rundir.Open(args[0])
			if err != nil {
				return inputError(err)
			}
			s, err := rundir.Streams(args[0])
			if err != nil {
				return environmentError(err)
			}
			return replayRun(cmd.OutOrStdout(), r, s)
		},
	}
}

// replayRun tells of both: whether the record replays, and, of a cluster's,
// where it differs from the model.
func replayRun(w io.Writer, r *rundir.Run, s replay.Streams) error {
	cluster := r.Meta.InCluster()
	n, err := replay.Machines(r.Plan.Control, s, rundir.Harness, cluster)
	if err != nil {
		return withCode(exitInvalid, fmt.Errorf("the record does not replay: %w", err))
	}
	if n.Picks, err = replay.Picks(r.Requests, s, tags(r.Plan)); err != nil {
		return withCode(exitInvalid, fmt.Errorf("the record does not replay: %w", err))
	}
	if err := printed(w, fmt.Sprintf("replays equal: %d steps of the control plane, %d lifecycles, %d views, %d picks\n",
		n.Plane, n.Lifecycles, n.Views, n.Picks)); err != nil || !cluster {
		return err
	}
	if r.Plan.Target != nil {
		return printed(w, "what Kubernetes decided about the target is not held against the model: it is none of ours\n")
	}
	found, err := replay.Kubernetes(r.Plan.Control, s, rundir.Harness)
	if err != nil {
		return inputError(err)
	}
	// What is none of ours tells too little of itself to foresee what comes of it.
	found = slices.DeleteFunc(found, func(d control.Difference) bool { return !r.Ours(d.Workload) })
	return environmentError(differences(w, found))
}

// tags are the versions that the plan's requests ask for.
func tags(p *plan.Plan) []string {
	var out []string
	for _, a := range p.Arms {
		out = append(out, a.Tag)
	}
	return out
}

// differences is the table of them.
func differences(w io.Writer, found []control.Difference) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(w, "Kubernetes decided as the model does, within its own latency")
		return err
	}
	fmt.Fprintf(w, "Kubernetes decided otherwise than the model: %d\n", len(found))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tWORKLOAD\tPOD\tKUBERNETES\tMODEL\tRULE")
	for _, d := range found {
		fmt.Fprintf(t, "%.3f s\t%s\t%s\t%s\t%s\t%s\n", d.At.Seconds(), d.Workload, d.Pod, d.Kubernetes, d.Model, d.Rule)
	}
	return t.Flush()
}
