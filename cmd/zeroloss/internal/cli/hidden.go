package cli

import (
	"github.com/spf13/cobra"

	"zeroloss/demo-services/plain"
	"zeroloss/loadgen/collect"
)

// newCollect returns the command of the load pod. The kube runtime starts it.
func newCollect(Env) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:    "collect",
		Short:  "Run the in-cluster load generator and event collector",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return environmentError(collect.Main(cmd.Context(), dir))
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "/tmp/collect", "directory for the logs while the pod runs")
	return cmd
}

// newPlainServer returns the command of the uninstrumented server in scenario
// own-service. The runtimes start it.
func newPlainServer(Env) *cobra.Command {
	var o plain.Options
	cmd := &cobra.Command{
		Use:    "plain-server",
		Short:  "Run a plain HTTP server that exits at SIGTERM",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return environmentError(plain.Run(cmd.Context(), o))
		},
	}
	cmd.Flags().IntVar(&o.Port, "port", plain.Port, "port to listen on")
	cmd.Flags().DurationVar(&o.Work, "work", 0, "duration of each request")
	return cmd
}
