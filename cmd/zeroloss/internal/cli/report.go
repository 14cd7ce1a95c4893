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
	"zeroloss/reports/junit"
	"zeroloss/reports/markdown"
	"zeroloss/reports/present"
	"zeroloss/reports/summary"
	"zeroloss/reports/text"
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
				if r.CompareWith, err = reports.Assemble(compareWith); err != nil {
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

// output is a format of a report.
type output struct {
	name   string // value of --format
	file   string // in the run directory; "" for formats that are only printed
	render func(io.Writer, *present.Document) error
}

// printedFormats lists the values of --format.
func printedFormats() []output {
	return []output{
		{"text", "", text.Render},
		{"json", rundir.SummaryFile, summary.Render},
		{"junit", rundir.JUnitFile, junit.Render},
		{"markdown", rundir.MarkdownFile, markdown.Render},
	}
}

// reportFiles lists the files of a report in the order in which they are written.
// Files for programs come first.
func reportFiles(d *present.Document) []output {
	all := append(printedFormats(),
		output{"html", rundir.PageFile, html.Render},
		output{"timeline", "timeline.png", chart.Timeline},
		output{"loss", "loss.png", chart.Loss},
		output{"qps", "qps.png", chart.QPS},
	)
	if len(d.Warmups) > 0 {
		all = append(all, output{"warmup", "warmup.png", chart.Warmup})
	}
	if len(d.Propagation.Received.Runs) > 0 {
		all = append(all, output{"propagation", "propagation.png", chart.Propagation})
	}
	return all
}

// writeReports writes all files of a report. If one fails, the others are still
// written.
func writeReports(dir string, r *reports.Report) error {
	d, err := present.New(r)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range reportFiles(d) {
		if f.file == "" {
			continue
		}
		var b bytes.Buffer
		if err := f.render(&b, d); err != nil {
			errs = append(errs, fmt.Errorf("rendering %s: %w", f.file, err))
			continue
		}
		if err := rundir.WriteFile(filepath.Join(dir, f.file), b.Bytes()); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// printFormat prints r in one of the printed formats.
func printFormat(w io.Writer, format string, r *reports.Report) error {
	for _, f := range printedFormats() {
		if f.name != format {
			continue
		}
		d, err := present.New(r)
		if err != nil {
			return err
		}
		return f.render(w, d)
	}
	return inputError(fmt.Errorf("--format must be text, json, junit or markdown, got %q", format))
}

func openInBrowser(path string) error {
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	if err := exec.Command(opener, path).Start(); err != nil { //nolint:noctx // the browser outlives this command
		return fmt.Errorf("opening %s: %w", path, err)
	}
	return nil
}
