package cli

import (
	"github.com/spf13/cobra"

	"zeroloss/demo-services/plain"
)

// newPlainServer is the service of own-service, which is none of ours but for
// the file it comes in; people have no use for it.
func newPlainServer(Env) *cobra.Command {
	var o plain.Options
	cmd := &cobra.Command{
		Use:    "plain-server",
		Short:  "Be a plain HTTP server that goes the naive way",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return environmentError(plain.Run(cmd.Context(), o))
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", plain.Port, "what it listens on")
	cmd.Flags().DurationVar(&o.Work, "work", 0, "what each request takes")
	return cmd
}
