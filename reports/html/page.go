package html

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
)

// page is what the template shows.
type page struct {
	Style      template.CSS
	HeadScript template.JS
	Script     template.JS
	Data       template.JS

	Verdict  verdict
	Scenario string
	Title    string
	When     string
	Cards    []card
	Headline string

	Arms     []string
	Switches []string
	Span     int       // columns of the table of arms
	Compare  [][]group // side by side on a wide screen

	Lanes, Panels int // height of the time line: lives, arms
	Releases      []releaseRow
	Lives         []lifeRow
	Warmups       []warmupRow
	MoreWarmups   int

	Lost       int
	LossRows   []lossRow // the first of them, for readers without a script
	LossCap    int
	PrintCap   int
	Expect     []expectRow
	Fitness    []fitnessRow
	Defects    []string
	Push       []pushRow
	Heard      []heardRow
	Notes      []ledger.Note
	Findings   []findingRow
	Facts      []fact
	Teach      []string
	Command    string
	Thinned    string
	Unmeasured bool
}

type verdict struct {
	Name, Sign, Means string
	Reasons           []string
}

// card is one arm's number, large.
type card struct {
	Arm, Switch string
	Index       int
	Lost, Sent  string
	Zero        bool
	Detail      string
	Bound       string
}

type fact struct{ Name, Value string }

func newPage(r *reports.Report) (*page, error) {
	l := r.Ledger
	d := newData(r)
	p := &page{
		Verdict: newVerdict(r.Result), Scenario: r.Meta.Scenario, Title: title(r), When: when(r.Meta.Started), Headline: format.Headline(l),
		Cards: cards(r), Compare: compare(r), Lanes: len(d.Instances), Panels: len(d.Arms),
		Releases: releaseRows(l), Lives: lifeRows(l), Warmups: warmupRows(l), MoreWarmups: max(0, len(l.Warmups)-shownWarmups),
		Lost: len(l.Losses), LossRows: lossRows(l, noScriptCap), LossCap: noScriptCap, PrintCap: printCap,
		Expect: expectRows(r.Result), Fitness: fitness(r), Defects: l.Defects, Push: pushRows(l), Heard: heardRows(r), Notes: l.Notes, Findings: findings(r.Plan),
		Facts: facts(r), Command: command(r.Meta), Thinned: thinned(d.Points),
	}
	if r.Plan != nil {
		p.Teach = paragraphs(r.Plan.Description)
	}
	for _, a := range l.Arms {
		p.Arms = append(p.Arms, a.Name)
		p.Switches = append(p.Switches, format.Switch(r, a.Name))
		p.Unmeasured = p.Unmeasured || a.Masked == nil
	}
	p.Span = len(p.Arms) + 1
	if err := p.inline(); err != nil {
		return nil, err
	}
	return p, p.embedData(d)
}

func newVerdict(res gate.Result) verdict {
	sign := map[gate.Verdict]string{gate.Pass: "✓", gate.Fail: "✕"}[res.Verdict]
	if sign == "" {
		sign = "!"
	}
	name := string(res.Verdict)
	if name == "" {
		name = string(gate.Invalid)
	}
	return verdict{name, sign, format.Verdict(res), res.Reasons}
}

func title(r *reports.Report) string {
	if r.Plan != nil && r.Plan.Title != "" {
		return r.Plan.Title
	}
	return r.Meta.Scenario
}

// paragraphs splits a comment at its empty lines and joins the lines of each
// paragraph, but leaves alone what is laid out: indented lines and lists.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		p = strings.Trim(p, "\n")
		lines := strings.Split(p, "\n")
		laidOut := slices.ContainsFunc(lines, func(l string) bool {
			return strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") || strings.HasPrefix(l, "- ") || strings.HasPrefix(l, "* ")
		})
		if !laidOut {
			p = strings.Join(lines, " ")
		}
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// when writes an RFC 3339 time for people, and anything else as it is.
func when(started string) string {
	t, err := time.Parse(time.RFC3339, started)
	if err != nil {
		return started
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

func cards(r *reports.Report) []card {
	var out []card
	for i, a := range r.Ledger.Arms {
		if a.Sent == 0 {
			out = append(out, card{Arm: a.Name, Switch: format.Switch(r, a.Name), Index: i % len(format.Arms()), Lost: "—", Sent: "0", Zero: true, Bound: format.Bound(a)})
			continue
		}
		out = append(out, card{
			Arm: a.Name, Switch: format.Switch(r, a.Name), Index: i % len(format.Arms()), Lost: format.Int(a.Lost), Sent: format.Int(a.Sent),
			Zero: a.Lost == 0, Detail: cardDetail(a), Bound: format.Bound(a),
		})
	}
	return out
}

func cardDetail(a ledger.Arm) string {
	if a.Lost == 0 {
		return format.Prediction(a)
	}
	explained := "all explained"
	if a.Unexplained > 0 {
		explained = format.Int(a.Unexplained) + " unexplained"
	}
	return format.Prediction(a) + " · " + explained
}

func thinned(all []series) string {
	shown, of := 0, 0
	for _, s := range all {
		shown += len(s.Due)
		of += s.Of
	}
	if shown == of {
		return ""
	}
	return fmt.Sprintf("The scatter shows %s of %s ok requests: of each run of neighbours the slowest, one more, and all masked ones. Every lost one is drawn, and the numbers count all.", format.Int(shown), format.Int(of))
}

// command is how to run it again.
func command(m reports.Meta) string {
	if len(m.Command) > 0 {
		words := make([]string, len(m.Command))
		for i, w := range m.Command {
			words[i] = shellWord(w)
		}
		return strings.Join(words, " ")
	}
	return fmt.Sprintf("zeroloss run %s --runtime %s --seed %d --speed %s", shellWord(m.Scenario), m.Runtime, m.Seed, strconv.FormatFloat(m.Speed, 'g', -1, 64))
}

// shellWord quotes w where a shell would not take it as one plain word.
func shellWord(w string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@%+", c)
	}
	if w != "" && strings.TrimFunc(w, plain) == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

func facts(r *reports.Report) []fact {
	m, l := r.Meta, r.Ledger
	out := []fact{
		{"Scenario", m.Scenario}, {"Runtime", m.Runtime}, {"Started", when(m.Started)},
		{"Lasted", fmt.Sprintf("%.1f s from zero to the last answer", l.Duration.Seconds())},
		{"Seed, speed", fmt.Sprintf("%d, %s", m.Seed, strconv.FormatFloat(m.Speed, 'g', -1, 64))},
		{"Version", m.Version},
		{"Machine", fmt.Sprintf("%s/%s, kernel %s, %s, %s MB", m.Machine.OS, m.Machine.Arch, m.Machine.Kernel, format.Count(m.Machine.CPUs, "CPU"), format.Int(int(m.Machine.MemoryMB)))},
		{"Go", m.Machine.Go},
	}
	if p := r.Plan; p != nil {
		out = append(out, fact{"Registry's push", fmt.Sprintf("%s ms after a change, in ticks of %s ms", format.Ms(p.PushDelay), format.Ms(p.PushTick))})
		if p.Margin.Ratio > 0 {
			out = append(out, fact{"Margin", fmt.Sprintf("%.0f × (shortest time from deregistering to closing, %.1f s at %s, over a push of %s ms)", p.Margin.Ratio, p.Margin.Shortest.Seconds(), p.Margin.Workload, format.Ms(p.Margin.Push))})
		}
		for _, s := range p.Streams {
			out = append(out, fact{"Stream " + s.Name, fmt.Sprintf("%s/s, %s %s, %s, for %s", strconv.FormatFloat(s.Rate, 'f', -1, 64), s.Method, s.Path, s.Connections, s.Duration)})
		}
	}
	return out
}
