package plan

import (
	"fmt"
	"math"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
)

// ColdStart is the arithmetic of one new instance of a workload: what it is sent
// while it warms up, and what it can do while it is cold. Its requests come at
// even distances.
type ColdStart struct {
	Workload    string           `json:"workload"`
	Instances   int              `json:"among"`           // instances, the new one too
	AllNew      bool             `json:"all,omitempty"`   // the others are as new; otherwise they are warm
	FirstInList bool             `json:"first,omitempty"` // it is the first of the service's list, to a model for which that matters
	Warmup      settings.Warmup  `json:"warmup"`
	Work        settings.Work    `json:"work"`
	Points      []ColdStartPoint `json:"ages"`
	TimedOut    float64          `json:"timedOut"` // requests of its own that take longer than their caller waits
}

// ColdStartPoint is one moment of a Coming.
type ColdStartPoint struct {
	Fraction float64       `json:"x"` // of the window, or of ten seconds where there is none
	Age      time.Duration `json:"age"`
	Rate     float64       `json:"rate"`   // requests a second that it is sent
	Limit    float64       `json:"limit"`  // that it can do; 0 is unbounded
	Served   float64       `json:"served"` // since it came
}

// comingAges are those that are shown.
func comingAges() []float64 { return []float64{0, 0.1, 0.25, 0.5, 0.75, 1} }

// noWindow is how long a new instance is looked at that does not warm up.
const noWindow = 10 * time.Second

// ColdStarts does the arithmetic for every workload that warms up or is slow when
// it is new: of one that comes beside neighbours, and of those that a run begins
// with where they are new.
func (p *Plan) ColdStarts() []ColdStart {
	var out []ColdStart
	for _, w := range p.Workloads {
		work, warm := w.Settings.Work, w.Settings.Online.Warmup
		slow := work.ColdStartCost > 0 && work.ColdStartRequests > 0
		rate := p.rate(w.Name)
		if !slow && warm.Window == 0 || rate == 0 {
			continue
		}
		one := ColdStart{Workload: w.Name, Instances: w.Replicas, Warmup: warm, Work: work}
		for _, c := range one.cases(w.ColdStart) {
			c.flow(rate, p.patience(w.Service))
			out = append(out, c)
		}
	}
	return out
}

// cases are the ways in which a new instance comes.
func (c ColdStart) cases(cold bool) []ColdStart {
	var out []ColdStart
	if cold {
		all := c
		all.AllNew = true
		out = append(out, all)
	}
	if c.Instances < 2 {
		return out
	}
	out = append(out, c)
	first := c
	first.FirstInList = true
	if half := c.Warmup.Window / 2; first.shares()(half) != c.shares()(half) {
		out = append(out, first)
	}
	return out
}

// patience is how long those wait who call a service: the least of them.
func (p *Plan) patience(service string) time.Duration {
	least := time.Duration(math.MaxInt64)
	for _, w := range p.Workloads {
		if w.Settings.Next == service {
			least = min(least, w.Settings.Call.Timeout)
		}
	}
	return least
}

// onlineSettings prints how instances come, where that is not at once.
func (pr printer) onlineSettings() {
	var rows []string
	for _, w := range pr.p.Workloads {
		if words := comes(w); len(words) > 0 {
			rows = append(rows, w.Name+"\t"+strings.Join(words, ", "))
		}
	}
	if len(rows) == 0 {
		return
	}
	pr.f("\nhow a new instance comes online (those that the run begins with have been in service for long)\n")
	pr.table(rows...)
}

func comes(w Workload) []string {
	var words []string
	o := w.Settings.Online
	if o.StartUp > 0 {
		words = append(words, "listens after "+rounded(o.StartUp))
	}
	switch {
	case o.HealthPath != "":
		words = append(words, fmt.Sprintf("registers when %s answers, asked each %s", o.HealthPath, rounded(o.HealthEvery)))
	case o.Delay > 0:
		words = append(words, "registers "+rounded(o.Delay)+" later")
	}
	if o.Early {
		words = append(words, "registers as soon as its process runs: too early")
	}
	if o.Warmup.Window > 0 {
		words = append(words, "warms up by "+curveWords(o.Warmup))
	}
	if k := w.Settings.Work; k.ColdStartCost > 0 && k.ColdStartRequests > 0 {
		words = append(words, fmt.Sprintf("is cold: the first request costs %s more, until %d are served", rounded(k.ColdStartCost), k.ColdStartRequests))
	}
	if len(words) > 0 && w.ColdStart {
		words = append(words, "and those that the run begins with are new, too")
	}
	return words
}

// coldStarts prints the arithmetic of new instances.
func (pr printer) coldStarts() {
	var rows []string
	for _, c := range pr.p.ColdStarts() {
		verdict := "keeps up"
		switch {
		case c.TimedOut >= 1:
			verdict = fmt.Sprintf("is flooded: about %.0f time out", c.TimedOut)
			if c.AllNew && c.Instances > 1 {
				verdict += " on each"
			}
		case c.Points[0].Limit == 0 && c.Work.ColdStartCost == 0:
			verdict = ""
		}
		var at []string
		for _, a := range c.Points {
			s := fmt.Sprintf("+%s %.1f/s", rounded(a.Age.Round(100*time.Millisecond)), a.Rate)
			if a.Limit > 0 {
				s += fmt.Sprintf(" of %.0f/s", a.Limit)
			}
			at = append(at, s)
		}
		rows = append(rows, strings.Join([]string{c.Workload, c.words(), strings.Join(at, "\t"), verdict}, "\t"))
	}
	if len(rows) == 0 {
		return
	}
	pr.f("\na new instance, beside warm ones unless it says otherwise: what it is sent, of what it can do\n")
	pr.table(rows...)
}

// words tell how it comes.
func (c ColdStart) words() string {
	words := curveWords(c.Warmup)
	switch {
	case c.AllNew && c.Instances == 1:
		words += ", alone"
	case c.AllNew:
		words += fmt.Sprintf(", all %d new", c.Instances)
	case c.FirstInList:
		words += ", first of the list"
	}
	return words
}

func curveWords(w settings.Warmup) string {
	switch {
	case w.Window == 0:
		return "no warm-up"
	case w.Curve == 0:
		return fmt.Sprintf("%s over %s", w.Model, rounded(w.Window))
	}
	return fmt.Sprintf("%s %v over %s", w.Model, w.Curve, rounded(w.Window))
}
