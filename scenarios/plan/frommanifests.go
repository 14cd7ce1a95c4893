package plan

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// What bare manifests are run with.
const (
	bareName   = "manifests"
	bareRate   = 100              // requests a second, an arm
	bareLead   = 10 * time.Second // before the first job, and after the last grace
	barePush   = 500 * time.Millisecond
	bareSearch = 7 * 24 * time.Hour // how far ahead a job is looked for
)

// FromManifests writes the scenario of bare manifests, as text that can be
// read, kept and changed: the clock starts ten seconds before the first CronHPA
// job that takes an instance out, the run ends ten seconds after the longest
// grace of what is fired until then; every version is an arm of 100 requests a
// second. Arms that are lossless wherever the arms differ must lose nothing;
// the others must lose.
func FromManifests(m *manifests.Set, files []string) (input.Source, error) {
	start, duration, err := bareTime(m)
	if err != nil {
		return input.Source{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Made from bare manifests: their CronHPA, a load on the gateway, an arm for each version.\n")
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\n", spec.APIVersion, spec.Kind)
	fmt.Fprintf(&b, "metadata:\n  name: %s\n  title: %q\n", bareName, "What "+strings.Join(baseNames(files), ", ")+" loses by its own CronHPA")
	fmt.Fprintf(&b, "spec:\n  manifests:\n")
	for _, f := range files {
		fmt.Fprintf(&b, "    - %q\n", f)
	}
	fmt.Fprintf(&b, "  time: {start: %q, duration: %s}\n", start.Format("2006-01-02 15:04:05"), duration)
	fmt.Fprintf(&b, "  load:\n")
	arms := bareArms(m)
	for _, a := range arms {
		fmt.Fprintf(&b, "    - {name: %[1]q, arm: %[1]q, tag: %[2]q, rate: %[3]d/s, request: GET /A/a}\n", a.name, a.tag, bareRate)
	}
	fmt.Fprintf(&b, "  expect:\n")
	for _, a := range arms {
		a.expect(&b)
	}
	return input.Source{Name: "scenario.yaml", Data: []byte(b.String())}, nil
}

// baseNames are short enough for a title.
func baseNames(files []string) []string {
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = filepath.Base(f)
	}
	return out
}

// bareTime finds the first job that shrinks something in which the arms
// differ (else anything), and the end of it.
func bareTime(m *manifests.Set) (start time.Time, duration time.Duration, err error) {
	var problems input.Problems
	var first, differing time.Time
	var zero spec.Clock
	if err := zero.UnmarshalText([]byte("00:00:00")); err != nil {
		return first, 0, err
	}
	arms := len(bareTags(m))
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		for _, j := range a.Jobs {
			s, err := control.ParseSchedule(j.Schedule)
			if err != nil {
				problems = append(problems, badSchedule(a, j, err))
				continue
			}
			// The clock starts a lead before the job: nothing earlier fits.
			at, comes := s.Next(zero.Time().Add(bareLead - time.Second))
			if !ok || !comes || j.Target >= w.Replicas || at.Sub(zero.Time()) > bareSearch {
				continue
			}
			first = earlier(first, at)
			if differs(m, w, arms) {
				differing = earlier(differing, at)
			}
		}
	}
	if err := problems.Err(); err != nil {
		return first, 0, err
	}
	if !differing.IsZero() {
		first = differing
	}
	if first.IsZero() {
		return first, 0, input.Problem{File: bareFile(m), Text: "no CronHorizontalPodAutoscaler takes an instance out within a week: there is nothing to measure",
			Hint: "write a scenario with steps, such as {at: 10s, restart: spring-cloud-b}, and run that"}
	}
	start = first.Add(-bareLead)
	return start, bareLead + bareGrace(m, start) + bareLead, nil
}

// earlier is the earlier one; a zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func badSchedule(a manifests.Autoscaler, j manifests.Job, err error) input.Problem {
	return input.Problem{File: a.File, Line: j.Line, Text: fmt.Sprintf("job %s: %v", j.Name, err)}
}

func bareFile(m *manifests.Set) string {
	if len(m.Workloads) > 0 {
		return m.Workloads[0].File
	}
	return bareName
}

// bareGrace is the longest grace of what is fired at the start's job, with
// the delay of those that come within it.
func bareGrace(m *manifests.Set, start time.Time) time.Duration {
	var longest time.Duration
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		for _, j := range a.Jobs {
			s, err := control.ParseSchedule(j.Schedule)
			if err != nil || !ok || j.Target >= w.Replicas {
				continue
			}
			if at, comes := s.Next(start); comes && at.Sub(start) < 2*bareLead {
				longest = max(longest, at.Sub(start)-bareLead+w.Grace)
			}
		}
	}
	return longest
}

// bareArm is one version.
type bareArm struct {
	name, tag string
	lossless  bool
	least     int // that a contrast must lose
}

// bareArms makes an arm of each tag and one without.
func bareArms(m *manifests.Set) []bareArm {
	tags := bareTags(m)
	var arms []bareArm
	for _, tag := range tags {
		a := bareArm{name: version(tag), tag: tag, lossless: true, least: 1}
		for _, w := range m.Workloads {
			if w.Tag == tag && differs(m, w, len(tags)) {
				a.lossless = a.lossless && losslessOffline(w.Switches)
			}
		}
		a.least = bareLeast(m, tag)
		arms = append(arms, a)
	}
	return arms
}

func bareTags(m *manifests.Set) []string {
	tags := []string{""}
	for _, w := range m.Workloads {
		if w.Tag != "" && !slices.Contains(tags, w.Tag) {
			tags = append(tags, w.Tag)
		}
	}
	return tags
}

// differs: the service has more than one version, or there is but one arm.
func differs(m *manifests.Set, w manifests.Workload, arms int) bool {
	if arms == 1 {
		return true
	}
	return slices.ContainsFunc(m.Workloads, func(o manifests.Workload) bool { return o.Service == w.Service && o.Tag != w.Tag })
}

// bareLeast is half of what the push alone predicts for the smallest of the
// releases: less would not tell the arms apart.
func bareLeast(m *manifests.Set, tag string) int {
	least := math.Inf(1)
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		if ok && w.Tag == tag && w.Replicas > 0 && !losslessOffline(w.Switches) {
			least = min(least, bareRate/float64(w.Replicas)*barePush.Seconds()/2)
		}
	}
	if math.IsInf(least, 1) {
		return 1
	}
	return max(1, int(least))
}

func (a bareArm) expect(b *strings.Builder) {
	if a.lossless {
		fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: 0, role: gate, why: lossless offline is on wherever the arms differ}\n", a.name)
		fmt.Fprintf(b, "    - {arm: %q, metric: releases, is: \">= 1\", role: contrast, why: an arm that releases nothing cannot lose by a release}\n", a.name)
	} else {
		fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: \">= %d\", role: contrast, why: without loss in the off-arm the run proves nothing}\n", a.name, a.least)
	}
	fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: predicted, role: info}\n", a.name)
}
