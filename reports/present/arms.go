package present

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports"
	"zeroloss/reports/ledger"
)

// Arm is one side of the comparison in a few words.
type Arm struct {
	Name     string
	Shutdown string // how released instances go offline; "" if the plan does not say
	Sent     bool   // anything at all
	NoLoss   bool
	// Lost and Total are the figures of "27 lost of 7,000".
	Lost, Total string
	Detail      string   // "predicted 23–31 · all explained"; "" if nothing was sent
	Meaning     []string // sentences: where the losses are, or what zero is worth
	Bounds      []string // sentences: what the counts prove at 95 % confidence
	Arithmetic  string   // how the prediction was computed; "" if it was not
}

func arms(r *reports.Report) []Arm {
	var out []Arm
	for _, a := range r.Ledger.Arms {
		x := Arm{
			Name: a.Name, Shutdown: shutdown(r, a.Name), Sent: a.Sent > 0, NoLoss: a.Lost == 0,
			Lost: format.Int(a.Lost), Total: format.Int(a.Sent), Bounds: bounds(r.Ledger, a),
		}
		if a.Releases > 0 && !a.Unpredicted {
			x.Arithmetic = a.PredictionBasis
		}
		switch {
		case a.Sent == 0:
			x.Lost, x.Meaning = noValue, x.Bounds
		case a.Lost == 0:
			x.Detail, x.Meaning = Prediction(a), x.Bounds
		default:
			x.Detail, x.Meaning = Prediction(a)+" · "+explained(a), []string{whereLost(a)}
		}
		out = append(out, x)
	}
	return out
}

// headline sums up all arms in one sentence.
func headline(l *ledger.Ledger) string {
	if len(l.Arms) == 0 {
		return "No request was sent."
	}
	var parts []string
	for _, a := range l.Arms {
		parts = append(parts, LossCount(a))
	}
	return strings.Join(parts, ", ") + "."
}

// LossCount is the figure of an arm that a run is about: "base lost 27 of 7,000".
func LossCount(a ledger.Arm) string {
	if a.Sent == 0 {
		return a.Name + " sent nothing"
	}
	return fmt.Sprintf("%s lost %s of %s", a.Name, format.Int(a.Lost), format.Int(a.Sent))
}

func explained(a ledger.Arm) string {
	if a.Unexplained > 0 {
		return format.Int(a.Unexplained) + " unexplained"
	}
	return "all explained"
}

// Prediction is the predicted loss of an arm: "predicted 23–31".
func Prediction(a ledger.Arm) string {
	if a.Unpredicted {
		return predicted(a.PredictedLow, a.PredictedHigh, true)
	}
	return "predicted " + predicted(a.PredictedLow, a.PredictedHigh, false)
}

// predicted is a range of losses: "0", "23–31".
func predicted(low, high int, unpredicted bool) string {
	switch {
	case unpredicted:
		return "not predicted"
	case low == high:
		return format.Int(low)
	}
	return format.Int(low) + "–" + format.Int(high)
}

// whereLost counts the losses of an arm by window and by hop.
func whereLost(a ledger.Arm) string {
	return fmt.Sprintf("In %s: %s; at %s.", format.Count(a.Releases, "release"), counts(a.ByWindow), Arrows(strings.Join(byCount(a.ByHop), ", ")))
}

// byCount lists the keys of a map, the most frequent first.
func byCount[K ~string](m map[K]int) []K {
	return slices.SortedFunc(maps.Keys(m), func(a, b K) int { return cmp.Or(m[b]-m[a], cmp.Compare(a, b)) })
}

// counts lists the counts of a map: "26 stale-route, 1 drain-cut".
func counts[K ~string](m map[K]int) string {
	var parts []string
	for _, k := range byCount(m) {
		parts = append(parts, format.Int(m[k])+" "+string(k))
	}
	return strings.Join(parts, ", ")
}

// bounds says what the counts of an arm prove. Losses come in bursts, one for each
// release, so the honest unit is the release, not the request.
func bounds(l *ledger.Ledger, a ledger.Arm) []string {
	if a.Sent == 0 {
		return []string{"No request was sent, so nothing is known."}
	}
	ofReleases := "No instance was released, so this says nothing about releases."
	if a.Releases > 0 {
		ofReleases = fmt.Sprintf("%d of %s lost requests: at 95 %% confidence, up to %s of releases lose requests.",
			LossyReleases(l, a), format.Count(a.Releases, "release"), format.UpperBound(a.ReleaseLossUpper95))
	}
	return []string{ofReleases, fmt.Sprintf("%s of %s requests lost: at 95 %% confidence, up to %s of requests are lost%s.",
		format.Int(a.Lost), format.Int(a.Sent), format.UpperBound(a.LossUpper95), oneIn(a.LossUpper95))}
}

// oneIn makes a small probability readable: " (1 in 166)".
func oneIn(p float64) string {
	if p <= 0 || p >= 0.5 {
		return ""
	}
	return " (1 in " + format.Int(int(1/p)) + ")"
}

// LossyReleases counts the releases that lost requests of an arm.
func LossyReleases(l *ledger.Ledger, a ledger.Arm) (n int) {
	for _, r := range l.Releases {
		if r.LostByArm[a.Name] > 0 {
			n++
		}
	}
	return n
}
