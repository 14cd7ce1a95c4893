package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroloss/reports"
	"zeroloss/reports/compare"
	"zeroloss/scenarios/spec"
)

func newCompare(env Env) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Compare run directories",
		Long: `Judges each run directory again and compares what each arm lost in each run. With
five valid runs of each arm or more, it also tests whether the arms differ. The unit
of the test is the run, because the losses of one release are not independent. The
exit code is the worst verdict.

  zeroloss compare runs/attach-orders-*-before runs/attach-orders-*-after`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var runs []*reports.Report
			for _, dir := range args {
				r, err := reports.Assemble(dir)
				if err != nil {
					return inputError(err)
				}
				if len(runs) > 0 && r.Meta.Scenario != runs[0].Meta.Scenario {
					return inputError(fmt.Errorf("cannot compare runs of different scenarios: %s ran %s, %s ran %s", args[0], runs[0].Meta.Scenario, dir, r.Meta.Scenario))
				}
				runs = append(runs, r)
				if !json {
					fmt.Fprintf(env.Stdout, "%s  %s\n", summaryLine(len(runs), r), dir)
				}
			}
			return concludeComparison(env, compare.New(runs, contrastArm(runs)), json)
		},
	}
	cmd.Flags().BoolVar(&json, "json", false, "print the comparison as JSON, like run --repeat --json")
	return cmd
}

// contrastArm returns the arm that must lose something in at least one run: the
// one before the change, if the runs try a change. Other runs have their own
// contrasts, and the result is "".
func contrastArm(runs []*reports.Report) string {
	for _, r := range runs {
		if r.Plan != nil && r.Plan.Target != nil && r.Plan.Target.Change != nil {
			return spec.ArmBefore
		}
	}
	return ""
}
