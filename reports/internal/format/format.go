// Package format is what the page and the pictures of a run have in common:
// the colours, the names on legends, and the sentences that tell the result.
// Integers come first, and a zero is told as a bound.
//
// It draws nothing, and counts nothing that the ledger has not counted.
package format

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

// Int writes n with thin groups of three: 7,000.
func Int(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Count writes "1 release", "2 releases".
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Int(n) + " " + one + "s"
}

// Ms writes d in milliseconds, with as many digits as say something: 0.09,
// 3.1, 548.
func Ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	switch {
	case v == 0:
		return "0"
	case v < 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return Int(int(v + 0.5))
}

// At writes an offset from zero in seconds, to the millisecond: +10.012 s.
func At(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("−%.3f s", -d.Seconds())
	}
	return fmt.Sprintf("+%.3f s", d.Seconds())
}

// Share writes a probability as a percentage of two significant digits that
// is never rounded to 0 or to 100.
func Share(p float64) string {
	switch {
	case p >= 1:
		return "100 %"
	case p > 0.995:
		return "over 99 %"
	case p >= 0.1:
		return fmt.Sprintf("%.0f %%", p*100)
	}
	return strconv.FormatFloat(p*100, 'g', 2, 64) + " %"
}

// Lost is the arm in one clause: "base lost 27 of 7,000".
func Lost(a ledger.Arm) string {
	if a.Sent == 0 {
		return a.Name + " sent nothing"
	}
	return fmt.Sprintf("%s lost %s of %s", a.Name, Int(a.Lost), Int(a.Sent))
}

// Headline tells all arms in one sentence.
func Headline(l *ledger.Ledger) string {
	var parts []string
	for _, a := range l.Arms {
		parts = append(parts, Lost(a))
	}
	if len(parts) == 0 {
		return "No request was recorded."
	}
	return strings.Join(parts, ", ") + "."
}

// Bound says what the arm's count does and does not prove: for an arm without
// loss, that zero is an upper bound whose honest unit is the release.
func Bound(a ledger.Arm) string {
	switch {
	case a.Sent == 0:
		return "Nothing was sent, so nothing is known."
	case a.Lost > 0:
		return fmt.Sprintf("In %s: %s; at %s.", Count(a.Releases, "release"), counts(a.ByWindow), Arrow(strings.Join(byCount(a.ByHop), ", ")))
	case a.Releases == 0:
		return fmt.Sprintf("No release in this arm: its zero says nothing about releases. 0 of %s requests: under %s of requests (95 %% confidence).", Int(a.Sent), Share(a.LossUpper95))
	}
	return fmt.Sprintf("Zero is a bound: 0 of %s means nothing better than “under %s of releases lose” (95 %% confidence); 0 of %s requests, under %s of requests.",
		Count(a.Releases, "release"), Share(a.ReleaseLossUpper95), Int(a.Sent), Share(a.LossUpper95))
}

// byCount lists a map's keys, the most frequent first.
func byCount[K ~string](m map[K]int) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(m[b]-m[a], cmp.Compare(a, b)) })
}

// counts lists what a map counts: "26 stale-route, 1 drain-cut".
func counts[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range byCount(m) {
		parts = append(parts, Int(m[k])+" "+string(k))
	}
	return strings.Join(parts, ", ")
}

// Arrow writes a hop's "a->b" as "a → b".
func Arrow(s string) string { return strings.ReplaceAll(s, "->", " → ") }

// Prediction is Predicted in a sentence: "predicted 23–31".
func Prediction(a ledger.Arm) string {
	if a.Unpredicted {
		return Predicted(a)
	}
	return "predicted " + Predicted(a)
}

// Predicted is the arm's predicted loss: "0", "23–31".
func Predicted(a ledger.Arm) string {
	if a.Unpredicted {
		return "not predicted"
	}
	if a.PredictedLow == a.PredictedHigh {
		return Int(a.PredictedLow)
	}
	return Int(a.PredictedLow) + "–" + Int(a.PredictedHigh)
}

// Verdict in words: what it means for the reader.
func Verdict(res gate.Result) string {
	contrast := slices.ContainsFunc(res.Expectations, func(o gate.Outcome) bool { return o.Expectation.Role == expect.Contrast })
	switch {
	case res.Verdict == gate.Pass && contrast:
		return "Every gate held, and the contrast shows that this run could have seen a loss."
	case res.Verdict == gate.Pass:
		return "Every gate held. No contrast was asked for, so nothing shows that this run could have seen a loss."
	case res.Verdict == gate.Fail:
		return "A gate was not met."
	}
	return "This run proves nothing, neither that requests were lost nor that none were."
}

// Switch says how the instances go that are released in the arm: "lossless
// on", "lossless off (deregister-first)". It is "" where the plan does not tell.
func Switch(r *reports.Report, arm string) string {
	if r.Plan == nil {
		return ""
	}
	names := released(r, arm)
	var modes []string
	for _, w := range r.Plan.Workloads {
		mode := switchName(w.Settings.Offline.Mode)
		if w.External {
			mode = foreignName(r.Plan, w.Name)
		}
		if names[w.Name] && !slices.Contains(modes, mode) {
			modes = append(modes, mode)
		}
	}
	slices.Sort(modes)
	return strings.Join(modes, " and ")
}

// foreignName says what of a service's going is known that is none of ours.
func foreignName(p *plan.Plan, workload string) string {
	for _, w := range p.Control.Workloads {
		switch h := w.PreStop; {
		case w.Name != workload || p.Target != nil:
		case h == nil:
			return "no preStop hook"
		case h.Sleep > 0:
			return "preStop sleeps " + h.Sleep.String()
		default:
			return "a preStop hook"
		}
	}
	return "none of ours"
}

func switchName(mode string) string {
	switch mode {
	case settings.Lossless:
		return "lossless on"
	case settings.Reject:
		return "lossless on, rejecting"
	case "":
		mode = settings.DeregisterFirst
	}
	return "lossless off (" + mode + ")"
}

// released names the workloads that lost an instance in the arm, or that the
// plan meant to change where the run did not come to it.
func released(r *reports.Report, arm string) map[string]bool {
	names := map[string]bool{}
	for _, rel := range r.Ledger.Releases {
		if slices.Contains(rel.Arms, arm) {
			names[rel.Workload] = true
		}
	}
	if len(names) > 0 {
		return names
	}
	var planned []string
	for _, f := range r.Plan.ScheduledJobs {
		planned = append(planned, f.Workload)
	}
	for _, s := range r.Plan.Steps {
		planned = append(planned, s.Workload())
	}
	for _, a := range r.Plan.Arms {
		for _, w := range a.Workloads {
			if a.Name == arm && slices.Contains(planned, w) {
				names[w] = true
			}
		}
	}
	return names
}

// ShortPod cuts what all pods of the demo share, so that a name fits beside a
// bar: "b-gray-7c9f8d-2" for spring-cloud-b-gray-7c9f8d-2/1. Later
// incarnations keep their number.
func ShortPod(i record.Instance) string {
	s := strings.TrimPrefix(i.Pod, "spring-cloud-")
	if i.Incarnation > 1 {
		s += "/" + strconv.Itoa(i.Incarnation)
	}
	return s
}

// End is the right end of the axis of time: the first whole second by which
// the run is over, at least one.
func End(l *ledger.Ledger) time.Duration {
	end := max(l.Duration, time.Second)
	for _, x := range l.Losses {
		end = max(end, x.Done)
	}
	return (end + time.Second - 1).Truncate(time.Second)
}

// StaleRoute is the stretch in which a deregistered instance was still
// addressed; ok is false where there was none.
func StaleRoute(rel ledger.Release) (from, to time.Duration, ok bool) {
	if rel.Deregistered == nil || rel.LastAttempt == nil || *rel.LastAttempt <= *rel.Deregistered {
		return 0, 0, false
	}
	return *rel.Deregistered, *rel.LastAttempt, true
}

// Classes lists the classes that occur among the losses, in the order of
// reports, with their counts.
func Classes(l *ledger.Ledger) ([]record.Class, map[record.Class]int) {
	counts := map[record.Class]int{}
	for _, x := range l.Losses {
		counts[x.Class]++
	}
	var present []record.Class
	for _, c := range append(record.Classes(), record.Other) {
		if counts[c] > 0 {
			present = append(present, c)
		}
	}
	return present, counts
}
