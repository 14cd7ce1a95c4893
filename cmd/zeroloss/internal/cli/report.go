package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"zeroloss/reports"
	"zeroloss/reports/chart"
	"zeroloss/reports/html"
	"zeroloss/scenarios/rundir"
)

func newReport(Env) *cobra.Command {
	var open bool
	var format, compareWith string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the reports of a run directory again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := reports.Assemble(args[0])
			if err != nil {
				return inputError(err)
			}
			if compareWith != "" {
				if r.Beside, err = reports.Assemble(compareWith); err != nil {
					return inputError(err)
				}
			}
			if err := writeReports(args[0], r); err != nil {
				return environmentError(err)
			}
			if err := printFormat(cmd.OutOrStdout(), format, r); err != nil {
				return err
			}
			page := filepath.Join(args[0], rundir.PageFile)
			fmt.Fprintf(cmd.ErrOrStderr(), "report: %s\n", page)
			if open {
				return environmentError(openInBrowser(page))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "open the page in a browser")
	cmd.Flags().StringVar(&compareWith, "compare-with", "", "another run directory; show its registry propagation delay beside this one's")
	cmd.Flags().StringVar(&format, "format", "text", "output format: text, json, junit or markdown")
	return cmd
}

// reportFiles lists the files of a report in the order in which they are written.
// Files for programs come first.
func reportFiles(r *reports.Report) []reports.Format {
	all := append(reports.Formats(),
		reports.Format{Name: "html", File: rundir.PageFile, Render: html.Render},
		reports.Format{Name: "timeline", File: "timeline.png", Render: chart.Timeline},
		reports.Format{Name: "loss", File: "loss.png", Render: chart.Loss},
		reports.Format{Name: "qps", File: "qps.png", Render: chart.QPS},
	)
	if len(r.Ledger.Warmups) > 0 {
		all = append(all, reports.Format{Name: "warmup", File: "warmup.png", Render: chart.Warmup})
	}
	if len(r.Ledger.Propagations) > 0 {
		all = append(all, reports.Format{Name: "push", File: "push.png", Render: chart.Push})
	}
	return all
}

// writeReports writes all files of a report. If one fails, the others are still
// written.
func writeReports(dir string, r *reports.Report) error {
	var errs []error
	for _, f := range reportFiles(r) {
		if f.File == "" {
			continue
		}
		var b bytes.Buffer
		if err := f.Render(&b, r); err != nil {
			errs = append(errs, fmt.Errorf("rendering %s: %w", f.File, err))
			continue
		}
		if err := rundir.WriteFile(filepath.Join(dir, f.File), b.Bytes()); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// printFormat prints r in one of the formats of package reports.
func printFormat(w io.Writer, format string, r *reports.Report) error {
	for _, f := range reports.Formats() {
		if f.Name == format {
			return f.Render(w, r)
		}
	}
	return inputError(fmt.Errorf("--format must be text, json, junit or markdown, got %q", format))
}

func openInBrowser(path string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	if err := exec.Command(opener, path).Start(); err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	return nil
}
