package plan

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
)

// String is the dry run: what would happen, when, and what the arithmetic
// says of it.
func (p *Plan) String() string {
	var b strings.Builder
	pr := printer{p: p, w: &b}
	pr.head()
	pr.topology()
	pr.onlineSettings()
	pr.timeline()
	pr.load()
	pr.arithmetic()
	pr.coldStarts()
	pr.expectations()
	pr.findings("repaired in the manifests", p.Corrections)
	pr.findings("worth knowing", p.Warnings)
	return trailing.ReplaceAllString(b.String(), "")
}

// trailing blanks come from aligning empty cells.
var trailing = regexp.MustCompile(`(?m) +$`)

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

func (pr printer) head() {
	p := pr.p
	title := p.Title
	if title == "" {
		title = "(untitled)"
	}
	pr.f("%s: %s\n", p.Scenario, title)
	pr.f("%s", rounded(p.Duration))
	if p.Cycles > 1 {
		pr.f(", %d cycles (%s in all)", p.Cycles, rounded(p.Duration*time.Duration(p.Cycles)))
	}
	pr.f(", speed %v, seed %d; CronHPA's clock starts at %s\n", p.Speed, p.Seed, p.Control.ClockStart.Format("15:04:05"))
	if p.Registry.Workload == "" {
		return
	}
	pr.f("registry pushes %s to %s after a change\n", rounded(p.PushDelay), rounded(p.PushDelay+p.PushTick))
}

func (pr printer) topology() {
	pr.f("\npods\n")
	name := pr.p.Registry.Workload
	if pr.p.Registry.Implied {
		name += " (implied)"
	}
	rows := []string{"workload\tversion\tpods\tgoes offline\thook\tgrace\tready when"}
	if pr.p.Registry.Workload != "" {
		rows = append(rows, fmt.Sprintf("%s\t-\t1\t-\t-\t-\tit answers", name))
	}
	for i, w := range pr.p.Workloads {
		if w.External {
			rows = append(rows, pr.externalRow(w, pr.p.Control.Workloads[i]))
			continue
		}
		c := pr.p.Control.Workloads[i]
		rows = append(rows, strings.Join([]string{
			w.Name, version(w.Tag), fmt.Sprint(w.Replicas), mode(w.Settings.Offline), pr.hook(c.PreStop), rounded(c.Grace), ready(c.Readiness),
		}, "\t"))
	}
	pr.table(rows...)
}

func version(tag string) string {
	if tag == "" {
		return "base"
	}
	return tag
}

func mode(o settings.Offline) string {
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

// hook says what a hook does; its words stand in the manifest. The sleeps of a
// command are those of the run, divided by its speed.
func (pr printer) hook(h *control.Hook) string {
	const longest = 40
	if h == nil {
		return "none"
	}
	m := manifests.Hook{Exec: h.Exec, Sleep: h.Sleep}
	if h.HTTPGet != nil {
		return fmt.Sprintf("httpGet :%d%s", h.HTTPGet.Port, h.HTTPGet.Path)
	}
	slept := m.Slept()
	if len(h.Exec) > 0 {
		slept = time.Duration(float64(slept) / pr.p.Speed)
	}
	var does []string
	if m.CallsOffline() {
		does = append(does, "calls /offline")
	}
	if slept > 0 {
		does = append(does, "sleeps "+rounded(slept))
	}
	if len(does) > 0 {
		return strings.Join(does, ", ")
	}
	text := []rune(strings.Join(strings.Fields(m.String()), " "))
	if len(text) > longest {
		return string(text[:longest-1]) + "…"
	}
	return string(text)
}

func ready(p *control.Probe) string {
	switch {
	case p == nil:
		return "started (no probe)"
	case p.HTTPGet != nil:
		return fmt.Sprintf(":%d%s answers, asked each %s", p.HTTPGet.Port, p.HTTPGet.Path, rounded(p.Period))
	case p.TCPPort != 0:
		return fmt.Sprintf(":%d is open, asked each %s", p.TCPPort, rounded(p.Period))
	}
	return fmt.Sprintf("%s succeeds, each %s", strings.Join(p.Exec, " "), rounded(p.Period))
}

// timeline merges what CronHPA and the steps will do.
func (pr printer) timeline() {
	type line struct {
		at   time.Duration
		text string
	}
	lines := []line{{0, "time zero: all pods are registered and seen; the load starts"}}
	for _, f := range pr.p.ScheduledJobs {
		lines = append(lines, line{f.At, fmt.Sprintf("CronHPA %s: %s to %d", f.Job, f.Workload, f.Target)})
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
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.at - b.at) })
	var rows []string
	for _, l := range lines {
		rows = append(rows, fmt.Sprintf("+%s\t%s", rounded(l.at), l.text))
	}
	pr.f("\ntime line\n")
	pr.table(append(rows, after...)...)
}

// step is a step with what its name does not say.
func (pr printer) step(s Step) string {
	switch a := s.Action.(type) {
	case Scale:
		return fmt.Sprintf("%s to %d", s.Name, a.Replicas)
	case ApplyRules:
		return s.Name + ", " + pr.ruled(a.Version)
	case SetImage:
		return s.Name + " to " + a.Image
	case KillPods:
		if a.Count > 1 {
			return fmt.Sprintf("%s, %d pods", s.Name, a.Count)
		}
	case RestoreReplicas, RolloutRestart, PauseRollout, ResumeRollout: // their names say it all
	case DrainNode:
		return fmt.Sprintf("%s: the node that carries %s is cordoned, and they are evicted", s.Name, strings.Join(pr.p.DrainedWorkloads(), ", "))
	}
	return s.Name
}

// ruled tells what the rules of a version say.
func (pr printer) ruled(version int) string {
	words := []string{fmt.Sprintf("version %d:", version)}
	for _, w := range pr.p.Workloads {
		if o, ok := pr.p.OnlineUnder(w.Name, version); ok {
			words = append(words, w.Name, curveWords(o.Warmup)+",", "delay", rounded(o.Delay)+";")
		}
	}
	return strings.TrimSuffix(strings.Join(words, " "), ";")
}

func (pr printer) load() {
	if pr.externalLoad() {
		return
	}
	pr.f("\nload on %s", pr.p.Entry.Workload)
	if pr.p.Entry.Service != "" {
		pr.f(" (Service %s)", pr.p.Entry.Service)
	}
	pr.f("\n")
	var rows []string
	for _, s := range pr.p.Streams {
		rows = append(rows, fmt.Sprintf("%s\tarm %s\t%s %s\t%v/s for %s\t%d requests\t%s\tmust be answered by %s",
			s.Name, s.Arm, s.Method, s.Path, s.Rate, rounded(s.Duration), s.Count(), s.Connections, versions(s)))
	}
	pr.table(rows...)
	if n := pr.p.LoadPods(); n > 1 {
		pr.f("  from %d load pods in a cluster: one sends up to %d requests a second\n", n, RatePerLoadPod)
	}
}

// versions says which version a stream expects where.
func versions(s traffic.Stream) string {
	if len(s.Expect) == 0 {
		return "any"
	}
	return version(s.Tag) + " " + strings.Join(slices.Sorted(maps.Keys(s.Expect)), ", ")
}

func (pr printer) arithmetic() {
	p := pr.p
	if len(p.Capacities()) == 0 {
		return
	}
	pr.f("\narithmetic\n")
	var rows []string
	for _, k := range p.Capacities() {
		limit := "its work takes no time"
		if k.Limit > 0 {
			limit = fmt.Sprintf("one can do %.0f/s (work %s)", k.Limit, k.Work)
		}
		few := ""
		if k.MinInstances != k.Instances {
			few = fmt.Sprintf(", %.0f/s with %d", k.PeakRatePerInstance, k.MinInstances)
		}
		rows = append(rows, fmt.Sprintf("%s\t%.0f/s over %d: %.0f/s each%s\t%s\ta release that is not lossless loses about %.0f to %.0f",
			k.Workload, k.Rate, k.Instances, k.RatePerInstance, few, limit, k.PredictedLoss[0], k.PredictedLoss[1]))
	}
	pr.table(rows...)
	if m := p.Margin; m.Workload != "" {
		pr.f("  margin: %s has %s from deregistering to closing, %.1f times the push of %s\n", m.Workload, rounded(m.Shortest), m.Ratio, rounded(m.Push))
	}
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

// String is "file:line: text (fix)".
func (f Finding) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Fix == "" {
		return where + ": " + f.Text
	}
	return where + ": " + f.Text + " (" + f.Fix + ")"
}

// rounded drops digits that nobody reads.
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
