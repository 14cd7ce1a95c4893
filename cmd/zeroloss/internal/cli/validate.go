package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newValidate(env Env) *cobra.Command {
	var f inputFlags
	cmd := &cobra.Command{
		Use:   "validate SCENARIO|FILE",
		Short: "Check a scenario and its manifests: every error at once, with file and line",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.compile(env, args)
			if err != nil {
				return err
			}
			remarks(cmd.ErrOrStderr(), c.Plan)
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid: %d workloads, %d streams, %d expectations\n",
				c.Plan.Scenario, len(c.Plan.Workloads), len(c.Plan.Streams), len(c.Plan.Expect))
			return err
		},
	}
	f.register(cmd)
	return cmd
}
