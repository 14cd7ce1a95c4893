package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"zeroloss/internal/format"
	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/exact"
	"zeroloss/scenarios/spec"
)

// loadFlags describe one stream.
type loadFlags struct {
	rate   string
	stream traffic.Stream
	out    string
	json   bool
}

func newLoad(env Env) *cobra.Command {
	f := loadFlags{stream: traffic.Stream{Name: "load", Arm: "load"}}
	cmd := &cobra.Command{
		Use:   "load [URL]",
		Short: "Send an open-loop load and account for every request",
		Long: `Sends requests to a URL at a fixed rate, independent of the responses, and counts the
outcome of each: sent and unsent, ok and failed by class, masked deliveries, and how
late each request left. Without a URL, it reads a job document from standard input;
the harness uses this form.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				// A child of the harness: the job comes on standard input.
				return withCode(exitEnvironment, loadgen.Main(cmd.Context(), env.Stdin, env.Stdout))
			}
			return f.send(cmd, args[0])
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.rate, "rate", "100/s", "request rate per s, m or h, e.g. 100/s")
	p.DurationVar(&f.stream.Duration, "duration", 10*time.Second, "how long to send load")
	p.StringVar(&f.stream.Method, "method", "GET", "HTTP method")
	p.StringVar(&f.stream.Body, "body", "", "request body")
	p.StringToStringVar(&f.stream.Header, "header", nil, "request headers, name=value")
	p.StringVar(&f.stream.Connections, "connections", traffic.KeepAlive, "keep-alive: reuse connections; new: one connection per request")
	p.DurationVar(&f.stream.Timeout, "timeout", loadgen.DefaultTimeout, "request timeout")
	p.StringVar(&f.out, "out", "", "write the request log to this file")
	p.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (f *loadFlags) send(cmd *cobra.Command, target string) error {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return inputError(fmt.Errorf("URL must start with http:// or https://, got %q", target))
	}
	var rate spec.Rate
	if err := rate.UnmarshalText([]byte(f.rate)); err != nil {
		return inputError(fmt.Errorf("reading --rate: %w", err))
	}
	f.stream.Rate, f.stream.Path = float64(rate), u.RequestURI()
	if f.out == "" {
		dir, err := os.MkdirTemp("", "zeroloss-load-")
		if err != nil {
			return environmentError(err)
		}
		defer os.RemoveAll(dir)
		f.out = filepath.Join(dir, "requests.log")
	}
	job := loadgen.Job{
		Schema: loadgen.JobSchema, Target: u.Scheme + "://" + u.Host,
		Streams: []traffic.Stream{f.stream}, Requests: f.out,
	}
	stats, err := job.Run(cmd.Context(), nil)
	if err != nil {
		return environmentError(err)
	}
	sum, err := summarise(f.out, stats)
	if err != nil {
		return environmentError(err)
	}
	if err := sum.print(cmd.OutOrStdout(), f.json); err != nil {
		return environmentError(err)
	}
	return interruptedIf(cmd.Context())
}

// interruptedIf returns an error if a signal has ended the command's context.
func interruptedIf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return withCode(exitInterrupted, errors.New("interrupted; the figures above cover the time until then"))
}

// loadSummary is the result that `load` prints.
type loadSummary struct {
	Due       uint64                  `json:"due"`
	Sent      uint64                  `json:"sent"`
	Unsent    uint64                  `json:"unsent"`
	OK        uint64                  `json:"ok"`
	Failed    map[record.Class]uint64 `json:"failed"`
	Masked    int                     `json:"masked"`
	LatencyMs quantilesMs             `json:"latencyMs"` // of ok requests, from sent
	SlipP99Ms float64                 `json:"slipP99Ms"`
	RateError float64                 `json:"rateErrorPercent"`
}

type quantilesMs struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func summarise(log string, stats loadgen.Stats) (loadSummary, error) {
	s := stats.Streams[0]
	sum := loadSummary{Due: s.Due, Sent: s.Sent, Unsent: s.Unsent, OK: s.OK, Failed: s.Failed,
		SlipP99Ms: format.Millis(s.SlipP99), RateError: s.RateErrorPercent}
	file, err := os.Open(log)
	if err != nil {
		return sum, fmt.Errorf("reading the request log again: %w", err)
	}
	defer file.Close()
	requests, _, err := record.ReadRequests(file)
	if err != nil {
		return sum, fmt.Errorf("reading the request log again: %w", err)
	}
	var took []time.Duration
	for _, r := range requests {
		sum.Masked += len(r.Attempts)
		if r.Class == "" && !r.Unsent {
			took = append(took, r.Done.Sub(r.Sent))
		} else if len(r.Attempts) > 0 {
			sum.Masked-- // the last failed attempt is what the client saw
		}
	}
	slices.Sort(took)
	if len(took) > 0 {
		sum.LatencyMs = quantilesMs{format.Millis(exact.Quantile(took, 0.5)), format.Millis(exact.Quantile(took, 0.99)), format.Millis(took[len(took)-1])}
	}
	return sum, nil
}

func (s loadSummary) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(s)
	}
	_, err := fmt.Fprintf(w, "due %d = sent %d + unsent %d\nsent %d = ok %d + failed %d%s\nmasked %d\nlatency of ok: p50 %.2f ms, p99 %.2f ms, max %.2f ms\nslip p99 %.2f ms, rate error %.3f %%\n",
		s.Due, s.Sent, s.Unsent, s.Sent, s.OK, s.Sent-s.OK, failedByClass(s.Failed), s.Masked,
		s.LatencyMs.P50, s.LatencyMs.P99, s.LatencyMs.Max, s.SlipP99Ms, s.RateError)
	return err
}
