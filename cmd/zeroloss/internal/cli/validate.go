package cli

import (
	"fmt"

	"github.com/spf13/cobra"
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
				pluralize(len(c.Plan.Workloads), "workload"), pluralize(len(c.Plan.Streams), "stream"), pluralize(len(c.Plan.Expect), "expectation"))
			return err
		},
	}
	f.register(cmd)
	return cmd
}

func pluralize(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
