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
		Short: "Print what a run would do",
		Long:  "Compiles a scenario (of the catalogue, or a file) and prints the dry run: steps, streams, settings, repairs, margin, capacity. Starts nothing.",
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// remarks tells of what was repaired and of what will not be as written.
func remarks(w io.Writer, p *plan.Plan) {
	for _, r := range p.Corrections {
		fmt.Fprintf(w, "repaired  %s\n", r)
	}
	for _, r := range p.Warnings {
		fmt.Fprintf(w, "warning   %s\n", r)
	}
}
