package plan

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/podspec"
	"zeroloss/loadgen/traffic"
)

// String is the dry run: what will happen and when, and the expected load and
// losses.
func (p *Plan) String() string {
	var b strings.Builder
	pr := printer{p: p, w: &b}
	pr.header()
	pr.pods()
	pr.onlineSettings()
	pr.timeline()
	pr.load()
	pr.capacities()
	pr.coldStarts()
	pr.expectations()
	pr.findings("corrections of the manifests", p.Corrections)
	pr.findings("warnings", p.Warnings)
	return trailingSpaces.ReplaceAllString(b.String(), "")
}

// trailingSpaces come from aligning empty cells.
var trailingSpaces = regexp.MustCompile(`(?m) +$`)

type printer struct {
	p *Plan
	w io.Writer
}

// f writes to a strings.Builder, which cannot fail.
func (pr printer) f(format string, a ...any) { fmt.Fprintf(pr.w, format, a...) }

// table aligns rows by their tabs.
func (pr printer) table(rows ...string) {
	t := tabwriter.NewWriter(pr.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, "  "+r)
	}
	if err := t.Flush(); err != nil {
		panic(err) // a strings.Builder takes everything
	}
}

func (pr printer) header() {
	p := pr.p
	pr.f("%s: %s\n", p.Scenario, cmp.Or(p.Title, "(untitled)"))
	pr.f("%s", rounded(p.Duration))
	if p.Cycles > 1 {
		pr.f(", %d cycles (%s in total)", p.Cycles, rounded(p.Duration*time.Duration(p.Cycles)))
	}
	pr.f(", speed %v, seed %d; CronHPA's clock starts at %s\n", p.Speed, p.Seed, p.Control.ClockStart.Format("15:04:05"))
	if p.Registry.Workload != "" {
		pr.f("the registry pushes %s to %s after a change\n", rounded(p.PushDelay), rounded(p.PushDelay+p.PushTick))
	}
}

func (pr printer) pods() {
	pr.f("\npods\n")
	rows := []string{"workload\tversion\tpods\tgoes offline\tpreStop hook\tgrace period\tready when"}
	if r := pr.p.Registry; r.Workload != "" {
		name := r.Workload
		if r.Implied {
			name += " (implied)"
		}
		rows = append(rows, name+"\t-\t1\t-\t-\t-\tit responds")
	}
	for i, w := range pr.p.Workloads {
		c := pr.p.Control.Workloads[i]
		switch {
		case w.External && pr.p.Target != nil:
			rows = append(rows, pr.targetRow(w.Name))
		case w.External:
			rows = append(rows, strings.Join([]string{w.Name, "-", fmt.Sprint(w.Replicas), "unknown", pr.hook(c.PreStop, w), rounded(c.Grace), ready(c.Readiness)}, "\t"))
		default:
			rows = append(rows, strings.Join([]string{w.Name, version(w.Tag), fmt.Sprint(w.Replicas), offlineMode(w.Settings.Offline), pr.hook(c.PreStop, w), rounded(c.Grace), ready(c.Readiness)}, "\t"))
		}
	}
	pr.table(rows...)
}

// targetRow is the row of a service that the run attaches to.
func (pr printer) targetRow(name string) string {
	t := pr.p.Target
	row := strings.Join([]string{name, "-", "as deployed", "unknown", "-", "-", "in namespace " + t.Namespace}, "\t")
	if t.Change != nil {
		row += "\n  runs take turns: before (unchanged) and after (changed): " + string(t.Change)
	}
	return row
}

// version is the name of a version by its tag.
func version(tag string) string { return cmp.Or(tag, "base") }

func offlineMode(o settings.Offline) string {
	var extra []string
	if o.Notify {
		extra = append(extra, "notifies")
	}
	if o.NoWait && o.Mode == settings.Lossless {
		extra = append(extra, "no adaptive wait")
	}
	if len(extra) == 0 {
		return o.Mode
	}
	return o.Mode + " (" + strings.Join(extra, ", ") + ")"
}

// hook summarizes a hook. The sleeps of a command are those of the run, divided
// by its speed.
func (pr printer) hook(h *podspec.Hook, w Workload) string {
	const maxLength = 40
	if h == nil {
		return "none"
	}
	if h.HTTPGet != nil {
		return h.String()
	}
	scale := 1.0 // of a hook without a command, the plan has divided the sleep
	if len(h.Exec) > 0 {
		scale = pr.p.Speed
	}
	sleeps := func(d time.Duration) string { return "sleeps " + rounded(time.Duration(float64(d)/scale)) }
	read := readHook(h, w.Env, w.FieldRefs)
	after, calls := read.SleptAfter(callsOffline(w.Settings))
	var does []string
	if before := read.Slept() - after; before > 0 {
		does = append(does, sleeps(before))
	}
	if calls {
		does = append(does, "calls /offline")
	}
	if after > 0 {
		does = append(does, sleeps(after))
	}
	if read.Unknown() {
		does = append(does, "unknown before the run")
	}
	if len(does) > 0 {
		return strings.Join(does, ", ")
	}
	text := []rune(strings.Join(strings.Fields(h.String()), " "))
	if len(text) > maxLength {
		return string(text[:maxLength-1]) + "…"
	}
	return string(text)
}

func ready(p *podspec.Probe) string {
	switch {
	case p == nil:
		return "started (no probe)"
	case p.HTTPGet != nil:
		return fmt.Sprintf(":%d%s responds, probed every %s", p.HTTPGet.Port, p.HTTPGet.Path, rounded(p.Period))
	case p.TCPPort != 0:
		return fmt.Sprintf(":%d is open, probed every %s", p.TCPPort, rounded(p.Period))
	}
	return fmt.Sprintf("%s succeeds, probed every %s", strings.Join(p.Exec, " "), rounded(p.Period))
}

// onlineSettings prints how instances come online, where that takes time.
func (pr printer) onlineSettings() {
	var rows []string
	for _, w := range pr.p.Workloads {
		if words := onlineWords(w); len(words) > 0 {
			rows = append(rows, w.Name+"\t"+strings.Join(words, ", "))
		}
	}
	if len(rows) == 0 {
		return
	}
	pr.f("\nhow new instances come online (those at the start of the run are warm unless noted)\n")
	pr.table(rows...)
}

func onlineWords(w Workload) []string {
	var words []string
	o := w.Settings.Online
	if o.StartUp > 0 {
		words = append(words, "listens after "+rounded(o.StartUp))
	}
	switch {
	case o.HealthPath != "":
		words = append(words, fmt.Sprintf("registers when %s responds, checked every %s", o.HealthPath, rounded(o.HealthEvery)))
	case o.Delay > 0:
		words = append(words, "registers "+rounded(o.Delay)+" later")
	}
	if o.Early {
		words = append(words, "registers when its process starts, before it listens")
	}
	if o.Warmup.Window > 0 {
		words = append(words, "warms up: "+curveWords(o.Warmup))
	}
	if k := w.Settings.Work; k.ColdStartCost > 0 && k.ColdStartRequests > 0 {
		words = append(words, fmt.Sprintf("starts cold: the first request takes %s longer, decreasing to 0 after %d requests", rounded(k.ColdStartCost), k.ColdStartRequests))
	}
	if len(words) > 0 && w.ColdStart {
		words = append(words, "also at the start of the run")
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

// timeline lists CronHPA jobs and steps by time.
func (pr printer) timeline() {
	type line struct {
		at   time.Duration
		text string
	}
	lines := []line{{0, "time zero: all pods are registered and known to their consumers; the load starts"}}
	for _, j := range pr.p.ScheduledJobs {
		lines = append(lines, line{j.At, fmt.Sprintf("CronHPA job %s: scale %s to %d", j.Job, j.Workload, j.Target)})
	}
	var after []string
	for _, s := range pr.p.Steps {
		what := pr.step(s)
		if s.After == nil {
			lines = append(lines, line{s.At, "step: " + what})
			continue
		}
		after = append(after, fmt.Sprintf("after %s.%s + %s\tstep: %s", s.After.Source, s.After.Event, rounded(s.After.Delay), what))
	}
	lines = append(lines, line{pr.p.Duration, "end"})
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	var rows []string
	for _, l := range lines {
		rows = append(rows, fmt.Sprintf("+%s\t%s", rounded(l.at), l.text))
	}
	pr.f("\ntimeline\n")
	pr.table(append(rows, after...)...)
}

// step is the name of a step, with the details that the name does not contain.
func (pr printer) step(s Step) string {
	switch a := s.Action.(type) {
	case Scale:
		return fmt.Sprintf("%s to %d", s.Name, a.Replicas)
	case ApplyRules:
		return s.Name + ", " + pr.rules(a.Version)
	case SetImage:
		return s.Name + " to " + a.Image
	case KillPods:
		if a.Count > 1 {
			return fmt.Sprintf("%s, %d pods", s.Name, a.Count)
		}
	case DrainNode:
		return fmt.Sprintf("%s: cordon the node that runs %s, and evict their pods", s.Name, strings.Join(pr.p.DrainedWorkloads(), ", "))
	case RestoreReplicas, RolloutRestart, PauseRollout, ResumeRollout: // the name contains everything
	}
	return s.Name
}

// rules summarizes the rules of a version.
func (pr printer) rules(version int) string {
	var words []string
	for _, w := range pr.p.Workloads {
		if o, ok := pr.p.OnlineUnder(w.Name, version); ok {
			words = append(words, fmt.Sprintf("%s %s, delay %s", w.Name, curveWords(o.Warmup), rounded(o.Delay)))
		}
	}
	return fmt.Sprintf("version %d: %s", version, strings.Join(words, "; "))
}

func (pr printer) load() {
	external := !slices.ContainsFunc(pr.p.Streams, func(s traffic.Stream) bool { return !s.External() })
	pr.f("\nload")
	if !external {
		pr.f(" on %s", pr.p.Entry.Workload)
		if pr.p.Entry.Service != "" {
			pr.f(" (Service %s)", pr.p.Entry.Service)
		}
	}
	pr.f("\n")
	var rows []string
	for _, s := range pr.p.Streams {
		row := fmt.Sprintf("%s\tarm %s\t%s %s", s.Name, s.Arm, s.Method, s.Path)
		if external {
			row += fmt.Sprintf("\tto %s of %s", cmp.Or(s.Target, "Service "+s.Service), s.Workload)
		}
		row += fmt.Sprintf("\t%v/s for %s\t%d requests\t%s", s.Rate, rounded(s.Duration), s.Count(), s.Connections)
		if external {
			row += "\tok: " + successWords(s.Answer)
		} else {
			row += "\tmust be served by " + expectedVersions(s)
		}
		rows = append(rows, row)
	}
	pr.table(rows...)
	if n := pr.p.LoadPods(); n > 1 && !external {
		pr.f("  sent by %d load pods in a cluster: one sends up to %d requests per second\n", n, RatePerLoadPod)
	}
}

// expectedVersions tells which version a stream expects of which services.
func expectedVersions(s traffic.Stream) string {
	if len(s.Expect) == 0 {
		return "any"
	}
	return version(s.Tag) + " " + strings.Join(slices.Sorted(maps.Keys(s.Expect)), ", ")
}

// successWords tells which responses are successful.
func successWords(a *traffic.Answer) string {
	if a == nil {
		return "2xx"
	}
	var words []string
	for _, r := range a.Status {
		if r.From == r.To {
			words = append(words, fmt.Sprint(r.From))
		} else {
			words = append(words, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	out := cmp.Or(strings.Join(words, ", "), "2xx")
	if a.JSONPath != "" {
		out += ", " + a.JSONPath
		if a.Equals != "" {
			out += " is " + a.Equals
		}
	}
	if a.Match != "" {
		out += ", body matches " + a.Match
	}
	return out
}

func (pr printer) capacities() {
	p := pr.p
	if len(p.Capacities()) == 0 {
		return
	}
	pr.f("\ncapacity\n")
	var rows []string
	for _, k := range p.Capacities() {
		limit := "no simulated work"
		if k.Limit > 0 {
			limit = fmt.Sprintf("one instance can handle %.0f/s (work %s)", k.Limit, k.Work)
		}
		scaledIn := ""
		if k.MinInstances != k.Instances {
			scaledIn = fmt.Sprintf(", %.0f/s with %d", k.PeakRatePerInstance, k.MinInstances)
		}
		rows = append(rows, fmt.Sprintf("%s\t%.0f/s over %d: %.0f/s each%s\t%s\ta release without lossless offline loses about %.0f to %.0f requests",
			k.Workload, k.Rate, k.Instances, k.RatePerInstance, scaledIn, limit, k.PredictedLoss[0], k.PredictedLoss[1]))
	}
	pr.table(rows...)
	if m := p.Margin; m.Workload != "" {
		pr.f("  margin: %s has %s from deregistering to closing, %.1f times the push of %s\n", m.Workload, rounded(m.Shortest), m.Ratio, rounded(m.Push))
	}
}

// coldStarts prints the simulation of new instances.
func (pr printer) coldStarts() {
	var rows []string
	for _, c := range pr.p.ColdStarts() {
		var points []string
		for _, a := range c.Points {
			s := fmt.Sprintf("+%s %.1f/s", rounded(a.Age.Round(100*time.Millisecond)), a.Rate)
			if a.Limit > 0 {
				s += fmt.Sprintf(" of %.0f/s", a.Limit)
			}
			points = append(points, s)
		}
		rows = append(rows, strings.Join([]string{c.Workload, c.situation(), strings.Join(points, "\t"), c.result()}, "\t"))
	}
	if len(rows) == 0 {
		return
	}
	pr.f("\ntraffic to a new instance vs. its capacity (other instances warm unless noted)\n")
	pr.table(rows...)
}

// situation tells how the instance warms up, and which others are new.
func (c ColdStart) situation() string {
	words := curveWords(c.Warmup)
	switch {
	case c.AllNew && c.Instances == 1:
		words += ", the only instance"
	case c.AllNew:
		words += fmt.Sprintf(", all %d new", c.Instances)
	case c.FirstInList:
		words += ", first in the list"
	}
	return words
}

// result tells whether the instance can handle its traffic.
func (c ColdStart) result() string {
	switch {
	case c.TimedOut >= 1 && c.AllNew && c.Instances > 1:
		return fmt.Sprintf("overloaded: about %.0f requests time out on each", c.TimedOut)
	case c.TimedOut >= 1:
		return fmt.Sprintf("overloaded: about %.0f requests time out", c.TimedOut)
	case c.Points[0].Limit == 0 && c.Work.ColdStartCost == 0:
		return ""
	}
	return "keeps up"
}

func (pr printer) expectations() {
	pr.f("\nexpectations\n")
	var rows []string
	for _, e := range pr.p.Expect {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s", e.Role, e.Name, e.Why))
	}
	pr.table(rows...)
}

func (pr printer) findings(title string, list []Finding) {
	if len(list) == 0 {
		return
	}
	pr.f("\n%s\n", title)
	for _, f := range list {
		pr.f("  %s\n", f)
	}
}

// rounded formats a duration without digits that do not matter.
func rounded(d time.Duration) string {
	if d >= time.Second {
		d = d.Round(time.Millisecond)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	return s
}
