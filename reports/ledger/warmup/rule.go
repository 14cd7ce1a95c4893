package warmup

import (
	"slices"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// begunDivisor: a warm-up counts as begun after a tenth of its window. A pod that
// is created after its rules were changed registers with the rules that it was
// created with, and publishes the changed ones a moment later.
const begunDivisor = 10

// ruleInterval is when a consumer's lists had a rule of an instance.
type ruleInterval struct {
	from, until record.Micros // it replaced another one, was replaced; 0: did not happen
}

// begun is when w's warm-up counts as begun.
func (w *candidate) begun() record.Micros { return w.start.Add(w.window() / begunDivisor) }

// neverInEffect reports whether nothing happened by w's rule: it was replaced
// before a tenth of its window, or consumers learned of it after the window
// ended.
func (w *candidate) neverInEffect(all []*candidate) bool {
	if w.rule.from >= w.end() {
		return true
	}
	replaced := w.rule.until != 0 && w.rule.until < w.begun()
	return replaced && slices.ContainsFunc(all, func(o *candidate) bool {
		return o != w && o.host.Instance == w.host.Instance && o.host.Start == w.host.Start && o.rule.from != 0
	})
}

// ruleChanged reports whether another rule was in effect for a part of w's
// window.
func (w *candidate) ruleChanged() bool {
	return w.rule.from >= w.begun() || w.rule.until != 0 && w.rule.until < w.end()
}

// findRuleChanges finds when the rules of instances changed, as consumers heard:
// a change lasts from the first consumer that hears to the last.
func (m *Meter) findRuleChanges() {
	type key struct{ service, instance string }
	for _, consumer := range m.history.Instances {
		known := map[key]history.Host{}
		for _, l := range consumer.HostLists {
			for _, h := range l.Hosts {
				k := key{l.Service, h.Instance}
				if before, ok := known[k]; ok && before != h {
					m.addRuleChange(l, before, h)
				}
				known[k] = h
			}
		}
	}
}

func (m *Meter) addRuleChange(l history.HostList, before, after history.Host) {
	for _, w := range m.byService[l.Service] {
		switch w.host {
		case before:
			w.rule.until = history.Earlier(w.rule.until, l.At)
		case after:
			w.rule.from = max(w.rule.from, l.At)
		}
	}
}
