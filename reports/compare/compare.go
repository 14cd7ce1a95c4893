// Package compare says what several runs show together. The run is the unit, not
// the request, because the losses of one release come together.
package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports"
	"zeroloss/reports/exact"
	"zeroloss/reports/gate"
	"zeroloss/reports/present"
	"zeroloss/reports/summary"
	"zeroloss/reports/text"
)

// SchemaName is the format of a comparison. Fields may be added; none changes its
// meaning.
const SchemaName = "zeroloss.repeat/v1"

// Comparison is what several runs show together.
type Comparison struct {
	Schema  string       `json:"schema"`
	Verdict gate.Verdict `json:"verdict"`
	Reasons []string     `json:"reasons"`
	Arms    []Arm        `json:"arms"`
	// P is the exact two-sided p-value of the difference between the first two
	// arms in requests lost per run; null if there are too few runs for a claim.
	P    *float64          `json:"p"`
	Runs []summary.Summary `json:"runs"`

	noClaim string // why P is null
}

// Arm is one arm in all runs that have it, in their order.
type Arm struct {
	Name     string `json:"name"`
	Lost     []int  `json:"lost"`
	Sent     []int  `json:"sent"`
	Releases int    `json:"releases"`
	// Lossy is how many releases lost requests; ReleaseLossUpper95 is the upper
	// bound of the share of releases that do, at 95 % confidence (Clopper and
	// Pearson 1934).
	Lossy              int     `json:"lossy"`
	ReleaseLossUpper95 float64 `json:"releaseLossUpper95"`
}

// enoughRuns is how many runs of each arm a claim of significance requires
// (design/measurement §9): five against five can reach p = 0.008.
const enoughRuns = 5

// New compares runs. The worst verdict wins. contrast, if it names an arm, has to
// have lost a request in one of the runs: otherwise it proves nothing that another
// arm lost none.
func New(runs []*reports.Report, contrast string) *Comparison {
	out := &Comparison{Schema: SchemaName, Verdict: gate.Pass, Reasons: []string{}}
	for i, r := range runs {
		out.Verdict = Worse(out.Verdict, r.Result.Verdict)
		if r.Result.Verdict != gate.Pass {
			out.Reasons = append(out.Reasons, fmt.Sprintf("run %d: %s: %s", i+1, r.Result.Verdict, strings.Join(r.Result.Reasons, "; ")))
		}
		out.add(r)
		out.Runs = append(out.Runs, summary.Of(r))
	}
	for i, a := range out.Arms {
		out.Arms[i].ReleaseLossUpper95 = summary.RoundUp(exact.BinomialUpper(a.Lossy, a.Releases, 0.95))
	}
	if why := out.missingContrast(contrast); why != "" {
		out.Verdict = Worse(out.Verdict, gate.Invalid)
		out.Reasons = append(out.Reasons, "no contrast: "+why+", so it proves nothing that another arm lost no request")
	}
	out.P, out.noClaim = out.significance()
	return out
}

// missingContrast says why the contrast does not show that these runs were able to
// detect losses; "" if it does, or none was asked for.
func (c *Comparison) missingContrast(contrast string) string {
	if contrast == "" {
		return ""
	}
	for _, a := range c.Arms {
		if a.Name == contrast && a.totalLost() > 0 {
			return ""
		}
		if a.Name == contrast {
			return fmt.Sprintf("arm %s lost no request in %s", contrast, format.Count(len(a.Lost), "run"))
		}
	}
	return "no run has arm " + contrast
}

func (c *Comparison) add(run *reports.Report) {
	for _, a := range run.Ledger.Arms {
		i := slices.IndexFunc(c.Arms, func(x Arm) bool { return x.Name == a.Name })
		if i < 0 {
			i = len(c.Arms)
			c.Arms = append(c.Arms, Arm{Name: a.Name})
		}
		x := &c.Arms[i]
		x.Lost, x.Sent = append(x.Lost, a.Lost), append(x.Sent, a.Sent)
		x.Releases += a.Releases
		x.Lossy += present.LossyReleases(run.Ledger, a)
	}
}

// significance compares the first two arms, if there are enough runs of each and
// none of them is invalid. Otherwise it says why there is no claim.
func (c *Comparison) significance() (*float64, string) {
	if len(c.Arms) != 2 {
		return nil, "no claim about a difference: it requires exactly two arms"
	}
	a, b := c.Arms[0].losses(), c.Arms[1].losses()
	invalid := slices.ContainsFunc(c.Runs, func(s summary.Summary) bool { return s.Verdict == string(gate.Invalid) })
	if invalid || len(a) < enoughRuns || len(b) < enoughRuns {
		return nil, fmt.Sprintf("no claim of significance: it requires %d runs of each arm, none of them invalid", enoughRuns)
	}
	p, err := exact.Permutation(a, b)
	if err != nil {
		return nil, "no claim of significance: " + err.Error()
	}
	p = summary.RoundUp(p)
	return &p, ""
}

func (a Arm) losses() []float64 {
	var out []float64
	for _, n := range a.Lost {
		out = append(out, float64(n))
	}
	return out
}

func (a Arm) totalLost() int { return total(a.Lost) }

func total(ns []int) (sum int) {
	for _, n := range ns {
		sum += n
	}
	return sum
}

// Worse returns the worse of two verdicts: fail before invalid before pass.
func Worse(a, b gate.Verdict) gate.Verdict {
	rank := map[gate.Verdict]int{gate.Pass: 0, gate.Invalid: 1, gate.Fail: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// JSON writes a comparison for programs, in one line.
func JSON(w io.Writer, c *Comparison) error {
	if err := json.NewEncoder(w).Encode(c); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// Text writes a comparison for the terminal.
func Text(w io.Writer, c *Comparison) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: the worst verdict of %s\n", c.Verdict, format.Count(len(c.Runs), "run"))
	for _, why := range c.Reasons {
		fmt.Fprintf(&b, "  ! %s\n", why)
	}
	rows := []text.Row{{Cells: []string{"runs", "lost per run", "lost", "sent", "releases", "releases that lost"}}}
	for _, a := range c.Arms {
		var each []string
		for _, n := range a.Lost {
			each = append(each, format.Int(n))
		}
		rows = append(rows, text.Row{Label: a.Name, Cells: []string{
			format.Int(len(a.Lost)), strings.Join(each, " "), format.Int(a.totalLost()), format.Int(total(a.Sent)), format.Int(a.Releases), format.Int(a.Lossy),
		}})
	}
	if err := text.WriteTable(&b, rows); err != nil {
		return err
	}
	for _, a := range c.Arms {
		if a.Releases > 0 {
			fmt.Fprintf(&b, "  %s: at 95 %% confidence, up to %s of releases lose requests\n", a.Name, format.UpperBound(a.ReleaseLossUpper95))
		}
	}
	fmt.Fprintf(&b, "  %s\n", c.claim())
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}

// claim says whether the arms differ.
func (c *Comparison) claim() string {
	if c.P == nil {
		return c.noClaim
	}
	return fmt.Sprintf("%s and %s differ by run with p = %.3g (exact permutation of the runs, two-sided)", c.Arms[0].Name, c.Arms[1].Name, *c.P)
}
