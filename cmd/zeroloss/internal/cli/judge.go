package cli

import (
	"github.com/spf13/cobra"

	"zeroloss/reports"
)

func newJudge(Env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "judge DIR",
		Short: "Judge a run directory again; the exit code is the verdict",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := reports.Assemble(args[0])
			if err != nil {
				return inputError(err)
			}
			if err := printFormat(cmd.OutOrStdout(), format, r); err != nil {
				return err
			}
			return verdictError(r.Result.Verdict)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output format: text, json, junit or markdown")
	return cmd
}
