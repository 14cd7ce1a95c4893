package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"zeroloss/scenarios/plan"
)

func newPlan(env Env) *cobra.Command {
	var f inputFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan SCENARIO|FILE",
		Short: "Print what a run would do (dry run)",
		Long:  "Compiles a scenario and prints its steps, streams, settings, manifest findings, margin and\ncapacity. Starts nothing.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.compile(env, args)
			if err != nil {
				return err
			}
			if !asJSON {
				_, err = io.WriteString(cmd.OutOrStdout(), c.Plan.String())
				return err
			}
			b, err := c.Plan.JSON()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(append(b, '\n'))
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printFindings prints the plan's findings about its inputs.
func printFindings(w io.Writer, p *plan.Plan) {
	for _, r := range p.Corrections {
		fmt.Fprintf(w, "correction  %s\n", r)
	}
	for _, r := range p.Warnings {
		fmt.Fprintf(w, "warning     %s\n", r)
	}
}
