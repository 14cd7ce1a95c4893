package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"zeroloss/reports/summary"
	"zeroloss/scenarios/spec"
)

func newSchema(Env) *cobra.Command {
	return &cobra.Command{
		Use:       "schema scenario|summary",
		Short:     "Print the JSON Schema of scenario files or of summary.json",
		ValidArgs: []string{"scenario", "summary"},
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := summary.JSONSchema()
			if len(args) == 0 || args[0] == "scenario" {
				var err error
				if text, err = spec.Schema(); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
			return err
		},
	}
}
