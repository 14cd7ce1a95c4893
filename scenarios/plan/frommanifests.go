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

// Settings of a scenario generated from manifests.
const (
	fromManifestsName = "manifests"
	defaultArmRate    = 100              // requests per second of each arm
	leadTime          = 10 * time.Second // before the first job, and after the last grace period
	assumedPushDelay  = 500 * time.Millisecond
	searchLimit       = 7 * 24 * time.Hour // how far ahead a job is searched for
)

// FromManifests generates a scenario for manifests, as text that can be read,
// kept and changed. The clock starts ten seconds before the first CronHPA job
// that scales in. The run ends ten seconds after the longest grace period of
// the instances removed until then. Every version is an arm with 100 requests
// per second. Arms that are lossless wherever the arms differ must lose nothing;
// the others must lose requests.
func FromManifests(m *manifests.Set, files []string) (input.Source, error) {
	start, duration, err := startAndDuration(m)
	if err != nil {
		return input.Source{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Generated from manifests: their CronHPA jobs, load on the gateway, and one arm for each version.\n")
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\n", spec.APIVersion, spec.Kind)
	fmt.Fprintf(&b, "metadata:\n  name: %s\n  title: %q\n", fromManifestsName, "Requests lost by the CronHPA jobs of "+strings.Join(baseNames(files), ", "))
	fmt.Fprintf(&b, "spec:\n  manifests:\n")
	for _, f := range files {
		fmt.Fprintf(&b, "    - %q\n", f)
	}
	fmt.Fprintf(&b, "  time: {start: %q, duration: %s}\n", start.Format("2006-01-02 15:04:05"), duration)
	fmt.Fprintf(&b, "  load:\n")
	arms := versionArms(m)
	for _, a := range arms {
		fmt.Fprintf(&b, "    - {name: %[1]q, arm: %[1]q, tag: %[2]q, rate: %[3]d/s, request: GET /A/a}\n", a.name, a.tag, defaultArmRate)
	}
	fmt.Fprintf(&b, "  expect:\n")
	for _, a := range arms {
		a.expect(&b)
	}
	return input.Source{Name: "scenario.yaml", Data: []byte(b.String())}, nil
}

// baseNames returns file names without folders, for the title.
func baseNames(files []string) []string {
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = filepath.Base(f)
	}
	return out
}

// startAndDuration finds the first job that scales in a service in which the
// arms differ, or else any service, and when its effect is over.
func startAndDuration(m *manifests.Set) (start time.Time, duration time.Duration, err error) {
	var problems input.Problems
	var first, differing time.Time
	var zero spec.Clock
	if err := zero.UnmarshalText([]byte("00:00:00")); err != nil {
		return first, 0, err
	}
	arms := len(allTags(m))
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		for _, j := range a.Jobs {
			s, err := control.ParseSchedule(j.Schedule)
			if err != nil {
				problems = append(problems, invalidSchedule(a, j, err))
				continue
			}
			// The clock starts leadTime before the job: earlier jobs do not fit.
			at, comes := s.Next(zero.Time().Add(leadTime - time.Second))
			if !ok || !comes || j.Target >= w.Replicas || at.Sub(zero.Time()) > searchLimit {
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
		return first, 0, input.Problem{File: firstFile(m), Text: "no CronHorizontalPodAutoscaler scales in within a week: there is nothing to measure",
			Hint: "run a scenario with steps instead, such as {at: 10s, restart: spring-cloud-b}"}
	}
	start = first.Add(-leadTime)
	return start, leadTime + longestGrace(m, start) + leadTime, nil
}

// earlier returns the earlier time; a zero time does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func firstFile(m *manifests.Set) string {
	if len(m.Workloads) > 0 {
		return m.Workloads[0].File
	}
	return fromManifestsName
}

// longestGrace is the time from the first job until the last instance is gone
// that this job and those shortly after it remove.
func longestGrace(m *manifests.Set, start time.Time) time.Duration {
	var longest time.Duration
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		for _, j := range a.Jobs {
			s, err := control.ParseSchedule(j.Schedule)
			if err != nil || !ok || j.Target >= w.Replicas {
				continue
			}
			if at, comes := s.Next(start); comes && at.Sub(start) < 2*leadTime {
				longest = max(longest, at.Sub(start)-leadTime+w.Grace)
			}
		}
	}
	return longest
}

// versionArm is the arm of a version.
type versionArm struct {
	name, tag string
	lossless  bool
	minLoss   int // that a contrast must lose
}

// versionArms returns an arm for each tag and one for the base version.
func versionArms(m *manifests.Set) []versionArm {
	tags := allTags(m)
	var arms []versionArm
	for _, tag := range tags {
		a := versionArm{name: version(tag), tag: tag, lossless: true, minLoss: 1}
		for _, w := range m.Workloads {
			if w.Tag == tag && differs(m, w, len(tags)) {
				a.lossless = a.lossless && losslessOffline(w.Switches)
			}
		}
		a.minLoss = minContrastLoss(m, tag)
		arms = append(arms, a)
	}
	return arms
}

func allTags(m *manifests.Set) []string {
	tags := []string{""}
	for _, w := range m.Workloads {
		if w.Tag != "" && !slices.Contains(tags, w.Tag) {
			tags = append(tags, w.Tag)
		}
	}
	return tags
}

// differs reports whether the service has several versions, or there is only
// one arm.
func differs(m *manifests.Set, w manifests.Workload, arms int) bool {
	if arms == 1 {
		return true
	}
	return slices.ContainsFunc(m.Workloads, func(o manifests.Workload) bool { return o.Service == w.Service && o.Tag != w.Tag })
}

// minContrastLoss is half of the loss that the push delay alone predicts for the
// smallest release: less would not distinguish the arms.
func minContrastLoss(m *manifests.Set, tag string) int {
	least := math.Inf(1)
	for _, a := range m.Autoscalers {
		w, ok := m.Workload(a.Target)
		if ok && w.Tag == tag && w.Replicas > 0 && !losslessOffline(w.Switches) {
			least = min(least, defaultArmRate/float64(w.Replicas)*assumedPushDelay.Seconds()/2)
		}
	}
	if math.IsInf(least, 1) {
		return 1
	}
	return max(1, int(least))
}

func (a versionArm) expect(b *strings.Builder) {
	if a.lossless {
		fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: 0, role: gate, why: lossless offline is on wherever the arms differ}\n", a.name)
		fmt.Fprintf(b, "    - {arm: %q, metric: releases, is: \">= 1\", role: contrast, why: an arm without a release cannot lose requests}\n", a.name)
	} else {
		fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: \">= %d\", role: contrast, why: unless the arm without lossless offline loses requests the run proves nothing}\n", a.name, a.minLoss)
	}
	fmt.Fprintf(b, "    - {arm: %q, metric: lost, is: predicted, role: info}\n", a.name)
}
