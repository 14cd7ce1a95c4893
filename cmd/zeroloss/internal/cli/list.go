package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"zeroloss/scenarios"
)

// listRow is a row of the list.
type listRow struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // from time zero to the end
	Title   string  `json:"title"`
	// Runtimes that can run the scenario; empty: all of them.
	Runtimes []string `json:"runtimes,omitempty"`
}

func newList(Env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the scenarios of the catalogue", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, err := scenarios.List()
			if err != nil {
				return err
			}
			var rows []listRow
			for _, e := range entries {
				rows = append(rows, listRow{e.Name, e.Duration.Seconds(), e.Title, e.Runtimes})
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rows)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, r := range rows {
				where := ""
				if len(r.Runtimes) > 0 {
					where = " (" + strings.Join(r.Runtimes, ", ") + " only)"
				}
				fmt.Fprintf(w, "%s\t%.0f s\t%s%s\n", r.Name, r.Seconds, r.Title, where)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
