package warmup

import (
	"fmt"
	"math"
	"slices"
	"strings"

	model "zeroloss/demo-services/warmup"
	"zeroloss/reports/curve"
)

// Finding is what the counts of a warm-up show. A figure that could not be
// measured is nil.
type Finding struct {
	// Unmeasured is why nothing, or not the exponent, could be measured; "" if it
	// was.
	Unmeasured string
	// Truncated: a part of the window was not observed, or the rule changed in it.
	Truncated bool
	// NoEffect: no warm instance could take the requests that it should not get, so
	// that any curve gives the same shares.
	NoEffect bool
	// DeclaredExponent is that of the rule; 0 if the model has none, or rounds so
	// coarsely that it cannot be measured.
	DeclaredExponent float64
	Requests         int // to its service and version within the window, by consumers that saw it
	// RequestsNeeded is how many of them distinguish the declared exponent from the
	// neighbouring whole ones in 99 of 100 runs; 0 if there is no declared one.
	RequestsNeeded int
	Exponent       *curve.Estimate
	Fit            *curve.Fit      // of the share to the declared shape
	Fairness       *curve.Fairness // among those that were warm, and with it, when it was
	Step           *curve.Step     // at the end of the window
	Governed       *curve.Estimate // share of the requests whose consumers follow the weights
	UnlistedCalls  int             // calls of instances that the consumer's list did not have
	Consumers      []Consumer
}

// Consumer is one consumer's part of a warm-up.
type Consumer struct {
	Name      string
	Sent, Got int // within the window
	Exponent  curve.Estimate
	Governed  curve.Estimate
}

// FitSignificance is the significance level of [Finding].Fit: at most one in a
// hundred runs that follow the curve is found not to.
const FitSignificance = 0.01

// The exponents that can be declared.
const (
	minExponent = 1
	maxExponent = 5
)

// NeighbourExponents are the whole exponents next to c that can be declared. A
// measurement should distinguish c from them.
func NeighbourExponents(c float64) []float64 {
	var out []float64
	for _, n := range []float64{math.Ceil(c) - 1, math.Floor(c) + 1} {
		if minExponent <= n && n <= maxExponent {
			out = append(out, n)
		}
	}
	return out
}

// Informative reports whether an interval excludes the declared exponent or one
// of its neighbours. An interval that contains all of them shows nothing.
func Informative(e curve.Estimate, declared float64) bool {
	return declared > 0 && slices.ContainsFunc(append(NeighbourExponents(declared), declared), func(c float64) bool { return !e.Contains(c) })
}

// newFinding evaluates the buckets of a warm-up.
func newFinding(w Measurement, changed bool) Finding {
	f := Finding{DeclaredExponent: declaredExponent(w)}
	within := slices.DeleteFunc(slices.Clone(w.Buckets), func(b curve.Bucket) bool { return b.From >= 1 })
	most, alone := 0, true
	for _, b := range within {
		f.Requests += b.Sent
		if b.Sent > 0 {
			most = max(most, len(b.Others)+1)
			alone = alone && len(b.Others) == 0
		}
	}
	f.UnlistedCalls = curve.Missing(w.Buckets)
	if f.DeclaredExponent > 0 && most > 1 {
		for _, other := range NeighbourExponents(f.DeclaredExponent) {
			f.RequestsNeeded = max(f.RequestsNeeded, curve.RequestsNeeded(most, f.DeclaredExponent, other, 0.99))
		}
	}
	switch {
	case changed:
		f.Truncated, f.Unmeasured = true, "its rule changed during the warm-up"
	case f.Requests == 0:
		f.Unmeasured = "no consumer that reports its list called it during the warm-up"
	case alone:
		f.NoEffect, f.Unmeasured = true, "it was the only instance: without others, a warm-up has no effect"
	case w.Coverage < 1:
		f.Truncated, f.Unmeasured = true, fmt.Sprintf("only %.0f %% of its window was observed: the load ended or the instance left", math.Floor(100*w.Coverage))
	}
	if f.Unmeasured == "" {
		f.measure(w, within)
	}
	return f
}

func (f *Finding) measure(w Measurement, within []curve.Bucket) {
	shape, family := w.Shape(), w.Family()
	if fit := curve.GoodnessOfFit(w.Buckets, shape); fit.DF > 0 {
		f.Fit = &fit
	}
	if fair := curve.TestFairness(w.FairnessBuckets()); fair.DF > 0 {
		f.Fairness = &fair
	}
	if step := curve.StepAtEnd(w.Buckets, shape); step.High-step.Low < 1 {
		f.Step = &step
	}
	if alpha := curve.Governed(within, shape); alpha.Requests > 0 {
		f.Governed = &alpha
	}
	e := curve.Exponent(within, family)
	switch {
	case f.Requests < f.RequestsNeeded:
		f.Unmeasured = fmt.Sprintf("%d requests arrived within the window; distinguishing an exponent of %g from its neighbours takes %d", f.Requests, f.DeclaredExponent, f.RequestsNeeded)
	case f.Fit == nil:
		f.Unmeasured = fmt.Sprintf("%d requests arrived within the window: too few to test its curve", f.Requests)
	case e.Open():
		f.NoEffect, f.Unmeasured = true, "the exponent has no effect: all instances warmed up at the same time"
		f.Fit, f.Step, f.Governed = nil, nil, nil
	case f.DeclaredExponent > 0:
		f.Exponent = &e
	}
	f.addConsumers(within, shape, family)
}

// FairnessBuckets are the buckets in which warm instances are compared: after
// the window, the instance that warmed up is one of them.
func (w Measurement) FairnessBuckets() []curve.Bucket {
	out := slices.Clone(w.Buckets)
	for i, b := range out {
		if b.From >= 1 {
			out[i].Others = append(slices.Clone(b.Others), curve.Other{Instance: w.Instance.String(), Got: b.Got})
		}
	}
	return out
}

func (f *Finding) addConsumers(within []curve.Bucket, shape curve.Shape, family curve.Family) {
	by := map[string][]curve.Bucket{}
	for _, b := range within {
		by[b.Consumer] = append(by[b.Consumer], b)
	}
	for name, buckets := range by {
		c := Consumer{Name: name, Exponent: curve.Exponent(buckets, family), Governed: curve.Governed(buckets, shape)}
		for _, b := range buckets {
			c.Sent += b.Sent
			c.Got += b.Got
		}
		f.Consumers = append(f.Consumers, c)
	}
	slices.SortFunc(f.Consumers, func(a, b Consumer) int { return strings.Compare(a.Name, b.Name) })
}

// declaredExponent is the exponent of w's rule, 0 if its model has none that
// can be measured.
func declaredExponent(w Measurement) float64 {
	m, err := model.Find(w.Model)
	switch {
	case err != nil || m.CacheFor > 0 || m.Parameter != "" && m.Parameter != "exponent":
		return 0
	case m.Parameter == "":
		return 1
	case w.Curve > 0:
		return w.Curve
	}
	return m.Curve
}

// Family is the declared curve for other exponents than its own, with the
// roundings of its model.
func (w Measurement) Family() curve.Family { return curve.FamilyOf(w.Shape(), effectiveExponent(w)) }

// effectiveExponent is the exponent that consumers compute with: Sermant
// truncates it to a whole number.
func effectiveExponent(w Measurement) float64 {
	c := declaredExponent(w)
	m, err := model.Find(w.Model)
	if err != nil || c <= 0 {
		return 0
	}
	const base = 1_000_000 // no rounding hides a difference
	half := func(c float64) int { return m.Weight(c, w.Window/2, w.Window, base) }
	if whole := max(minExponent, math.Trunc(c)); m.Parameter != "" && half(c) == half(whole) {
		return whole
	}
	return c
}

// Holds reports whether a warm-up followed its rule, by its exponent and its
// shares; known is false if either could not be measured.
func (f Finding) Holds() (holds, known bool) {
	if f.Unmeasured != "" || f.Fit == nil || f.DeclaredExponent > 0 && f.Exponent == nil {
		return false, false
	}
	return f.Fit.Agrees(FitSignificance) && (f.DeclaredExponent == 0 || f.Exponent.Contains(f.DeclaredExponent)), true
}
