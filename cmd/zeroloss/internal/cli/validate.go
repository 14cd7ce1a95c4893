package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroloss/internal/format"
)

func newValidate(env Env) *cobra.Command {
	var f inputFlags
	cmd := &cobra.Command{
		Use:   "validate SCENARIO|FILE",
		Short: "Check a scenario and its manifests, and report all errors with file and line",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.compile(env, args)
			if err != nil {
				return err
			}
			printFindings(cmd.ErrOrStderr(), c.Plan)
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid: %s, %s, %s\n", c.Plan.Scenario,
				format.Count(len(c.Plan.Workloads), "workload"), format.Count(len(c.Plan.Streams), "stream"), format.Count(len(c.Plan.Expect), "expectation"))
			return err
		},
	}
	f.register(cmd)
	return cmd
}
