package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroloss/reports"
	"zeroloss/scenarios/spec"
)

func newCompare(env Env) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Hold run directories against each other",
		Long: `Judges each directory again, and says what they show together: what each arm lost
in each run, and, from five valid runs of each arm on, whether they differ. The run
is the unit, as the losses of one release come together. The worst verdict is the
exit code.

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
					return inputError(fmt.Errorf("%s is of scenario %s, and %s of %s: they show nothing together", args[0], runs[0].Meta.Scenario, dir, r.Meta.Scenario))
				}
				runs = append(runs, r)
				if !json {
					fmt.Fprintf(env.Stdout, "%s  %s\n", line(len(runs), r), dir)
				}
			}
			return concludeRepeats(env, reports.Repeated(runs, contrastOf(runs)), json)
		},
	}
	cmd.Flags().BoolVar(&json, "json", false, "print them for programs, as --repeat --json does")
	return cmd
}

// contrastOf is the arm that has to lose something in one of the runs: the one
// before a change, where a change was tried. Other runs have contrasts of their
// own.
func contrastOf(runs []*reports.Report) string {
	for _, r := range runs {
		if r.Plan != nil && r.Plan.Target != nil && r.Plan.Target.Change != nil {
			return spec.ArmBefore
		}
	}
	return ""
}
