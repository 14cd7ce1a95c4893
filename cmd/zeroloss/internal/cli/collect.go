package cli

import (
	"github.com/spf13/cobra"

	"zeroloss/loadgen/collect"
)

// newCollect is the load pod of a run in a cluster; people have no use for it.
func newCollect(Env) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:    "collect",
		Short:  "Be the load pod of a run in a cluster: generator and collector of events",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return environmentError(collect.Main(cmd.Context(), dir))
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "/tmp/collect", "where the logs are kept while the pod lives")
	return cmd
}
