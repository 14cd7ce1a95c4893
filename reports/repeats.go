package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"zeroloss/reports/exact"
	"zeroloss/reports/gate"
)

// RepeatsSchema is the format of what several runs say together. Fields may be
// added, none changes its meaning.
const RepeatsSchema = "zeroloss.repeat/v1"

// Repeats is several runs held against each other: the run is the unit, not the
// request, as the losses of one release come together.
type Repeats struct {
	Schema  string        `json:"schema"`
	Verdict gate.Verdict  `json:"verdict"`
	Reasons []string      `json:"reasons"`
	Arms    []RepeatedArm `json:"arms"`
	// P is the exact two-sided p-value of the difference between the first two
	// arms in requests lost a run; null where there are too few runs for a claim.
	P    *float64  `json:"p"`
	Runs []Summary `json:"runs"`

	noClaim string // why P is null
}

// RepeatedArm is an arm in all the runs that have it, in their order.
type RepeatedArm struct {
	Name     string `json:"name"`
	Lost     []int  `json:"lost"`
	Sent     []int  `json:"sent"`
	Releases int    `json:"releases"`
	// Lossy is how many releases lost anything; ReleaseLossUpper95 bounds the
	// share of releases that do, at 95 % confidence (Clopper and Pearson 1934).
	Lossy              int     `json:"lossy"`
	ReleaseLossUpper95 float64 `json:"releaseLossUpper95"`
}

// enoughRuns is how many of each arm a claim of significance takes
// (design/measurement §9): five against five can reach p = 0.008.
const enoughRuns = 5

// Repeated holds runs against each other. The worst verdict wins. contrast, if
// it is an arm's name, has to have lost something in one of the runs: where it
// did not, that another loses nothing shows nothing.
func Repeated(runs []*Report, contrast string) *Repeats {
	out := &Repeats{Schema: RepeatsSchema, Verdict: gate.Pass, Reasons: []string{}}
	for i, r := range runs {
		out.Verdict = Worse(out.Verdict, r.Result.Verdict)
		if r.Result.Verdict != gate.Pass {
			out.Reasons = append(out.Reasons, fmt.Sprintf("run %d: %s: %s", i+1, r.Result.Verdict, strings.Join(r.Result.Reasons, "; ")))
		}
		out.add(r)
		out.Runs = append(out.Runs, Summarize(r))
	}
	for i, a := range out.Arms {
		out.Arms[i].ReleaseLossUpper95 = significant(exact.BinomialUpper(a.Lossy, a.Releases, 0.95))
		if a.Name == contrast && a.lost() == 0 {
			out.Verdict = Worse(out.Verdict, gate.Invalid)
			out.Reasons = append(out.Reasons, fmt.Sprintf("no contrast: arm %s lost nothing in %s: that another arm loses nothing shows nothing", contrast, counted(len(a.Lost), "run")))
		}
	}
	if contrast != "" && !slices.ContainsFunc(out.Arms, func(a RepeatedArm) bool { return a.Name == contrast }) {
		out.Verdict = Worse(out.Verdict, gate.Invalid)
		out.Reasons = append(out.Reasons, fmt.Sprintf("no contrast: no run is of arm %s: that another arm loses nothing shows nothing", contrast))
	}
	out.P, out.noClaim = out.significance()
	return out
}

func (r *Repeats) add(run *Report) {
	for _, a := range run.Ledger.Arms {
		i := slices.IndexFunc(r.Arms, func(x RepeatedArm) bool { return x.Name == a.Name })
		if i < 0 {
			i = len(r.Arms)
			r.Arms = append(r.Arms, RepeatedArm{Name: a.Name})
		}
		x := &r.Arms[i]
		x.Lost, x.Sent = append(x.Lost, a.Lost), append(x.Sent, a.Sent)
		x.Releases += a.Releases
		x.Lossy += lossyReleases(run.Ledger, a)
	}
}

// significance compares the first two arms, if there are runs enough of each,
// and none of them was invalid: those say nothing. Where it makes no claim it
// says why.
func (r *Repeats) significance() (*float64, string) {
	if len(r.Arms) != 2 {
		return nil, "no claim about a difference: that takes two arms"
	}
	a, b := r.Arms[0].losses(), r.Arms[1].losses()
	invalid := slices.ContainsFunc(r.Runs, func(s Summary) bool { return s.Verdict == string(gate.Invalid) })
	if invalid || len(a) < enoughRuns || len(b) < enoughRuns {
		return nil, fmt.Sprintf("no claim of significance: that takes %d runs of each arm, none of them invalid", enoughRuns)
	}
	p, err := exact.Permutation(a, b)
	if err != nil {
		return nil, "no claim of significance: " + err.Error()
	}
	p = significant(p)
	return &p, ""
}

func (a RepeatedArm) losses() []float64 {
	var out []float64
	for _, n := range a.Lost {
		out = append(out, float64(n))
	}
	return out
}

func (a RepeatedArm) lost() int { return total(a.Lost) }

func total(ns []int) (sum int) {
	for _, n := range ns {
		sum += n
	}
	return sum
}

// Worse is the graver of two verdicts: fail over invalid over pass.
func Worse(a, b gate.Verdict) gate.Verdict {
	rank := map[gate.Verdict]int{gate.Pass: 0, gate.Invalid: 1, gate.Fail: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// RepeatsJSON writes them for programs, in one line.
func RepeatsJSON(w io.Writer, r *Repeats) error {
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("writing what the runs say: %w", err)
	}
	return nil
}

// RepeatsText writes them for the terminal.
func RepeatsText(w io.Writer, r *Repeats) error {
	p := &printer{w: bufio.NewWriter(w)}
	p.line("%s: the worst of %s", r.Verdict, counted(len(r.Runs), "run"))
	for _, why := range r.Reasons {
		p.line("  ! %s", why)
	}
	rows := []row{{cells: []string{"runs", "lost a run", "lost", "sent", "releases", "that lost"}}}
	for _, a := range r.Arms {
		var each []string
		for _, n := range a.Lost {
			each = append(each, count(n))
		}
		rows = append(rows, row{label: a.Name, cells: []string{
			count(len(a.Lost)), strings.Join(each, " "), count(a.lost()), count(total(a.Sent)), count(a.Releases), count(a.Lossy),
		}})
	}
	p.table(rows)
	for _, a := range r.Arms {
		if a.Releases > 0 {
			p.line("  %s: at 95 %% confidence up to %s of releases lose", a.Name, percent(a.ReleaseLossUpper95))
		}
	}
	p.line("  %s", r.claim())
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing what the runs say: %w", err)
	}
	return nil
}

// claim says what the difference between the arms is worth.
func (r *Repeats) claim() string {
	if r.P == nil {
		return r.noClaim
	}
	return fmt.Sprintf("%s and %s differ by run with p = %.3g (exact permutation of the runs, two-sided)", r.Arms[0].Name, r.Arms[1].Name, *r.P)
}
