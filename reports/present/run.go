package present

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports"
	"zeroloss/scenarios/plan"
)

// Fact is a circumstance of the run.
type Fact struct{ Name, Value string }

func facts(r *reports.Report) []Fact {
	m := r.Meta
	out := []Fact{
		{"Scenario", m.Scenario}, {"Runtime", m.Runtime}, {"Started", startTime(m.Started)},
		{"Duration", fmt.Sprintf("%.1f s from the start of the load to the last response", r.Ledger.Duration.Seconds())},
		{"Seed, speed", fmt.Sprintf("%d, %s", m.Seed, shortFloat(m.Speed))},
		{"Version", m.Version},
		{"Machine", fmt.Sprintf("%s/%s, kernel %s, %s, %s MB", m.Machine.OS, m.Machine.Arch, m.Machine.Kernel, format.Count(m.Machine.CPUs, "CPU"), format.Int(int(m.Machine.MemoryMB)))},
		{"Go", m.Machine.Go},
	}
	if r.Plan != nil {
		out = append(out, planFacts(r.Plan)...)
	}
	return slices.DeleteFunc(out, func(f Fact) bool { return f.Value == "" })
}

func planFacts(p *plan.Plan) []Fact {
	out := []Fact{{"Registry push", fmt.Sprintf("%s after a change, in ticks of %s", format.Duration(p.PushDelay), format.Duration(p.PushTick))}}
	if p.Margin.Ratio > 0 {
		out = append(out, Fact{"Margin", fmt.Sprintf("%.0f × (shortest time from deregistering to closing, %s at %s, over a push of %s)",
			p.Margin.Ratio, format.Duration(p.Margin.Shortest), p.Margin.Workload, format.Duration(p.Margin.Push))})
	}
	for _, s := range p.Streams {
		out = append(out, Fact{"Stream " + s.Name, fmt.Sprintf("%s/s, %s %s, %s, for %s", strconv.FormatFloat(s.Rate, 'f', -1, 64), s.Method, s.Path, s.Connections, s.Duration)})
	}
	return out
}

func shortFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// startTime writes an RFC 3339 time for people, and anything else as it is.
func startTime(started string) string {
	t, err := time.Parse(time.RFC3339, started)
	if err != nil {
		return started
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

// paragraphs splits a text at its empty lines and joins the lines of each
// paragraph. Indented lines and lists stay as they are.
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

// command runs the scenario again. It can be pasted into a shell.
func command(m reports.Meta) string {
	if len(m.Command) == 0 {
		return fmt.Sprintf("zeroloss run %s --runtime %s --seed %d --speed %s", shellWord(m.Scenario), m.Runtime, m.Seed, shortFloat(m.Speed))
	}
	words := make([]string, len(m.Command))
	for i, w := range m.Command {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// shellWord quotes w unless a shell takes it as one plain word.
func shellWord(w string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=,@%+", c)
	}
	if w != "" && strings.TrimFunc(w, plain) == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
