package ledger

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// begun is how much of its window a warm-up has behind it before one can say
// that it has begun: a tenth. A pod that comes to a cluster after its rules were
// changed registers by those that it was made with, and tells the others a
// moment later.
const begun = 10

// inForce is when a consumer's lists told a rule of an instance.
type inForce struct {
	from, until record.Micros // took another one's place, was replaced; 0: did not happen
}

// end is that of w's window.
func (w *warmBook) end() record.Micros { return w.start.Add(w.window()) }

// never tells whether nothing came by w's rule: it was replaced before anything
// had begun, or told when, by it, all was over.
func (w *warmBook) never(all []*warmBook) bool {
	if w.from >= w.end() {
		return true
	}
	replaced := w.until != 0 && w.until < w.start.Add(w.window()/begun)
	return replaced && slices.ContainsFunc(all, func(o *warmBook) bool {
		return o != w && o.told.Instance == w.told.Instance && o.told.Start == w.told.Start && o.from != 0
	})
}

// changed tells whether another rule was in force for a part of w's window.
func (w *warmBook) changed() bool {
	return w.from >= w.start.Add(w.window()/begun) || w.until != 0 && w.until < w.end()
}

// retold finds when the rules of instances changed, as consumers heard: a change
// from the first to the last of them.
func (b *books) retold() {
	type key struct{ service, instance string }
	for _, lists := range b.seen {
		told := map[key]host{}
		for _, l := range lists {
			for _, h := range l.hosts {
				k := key{l.service, h.Instance}
				if was, ok := told[k]; ok && was != h {
					b.replaced(l, was, h)
				}
				told[k] = h
			}
		}
	}
}

func (b *books) replaced(l list, was, is host) {
	for _, w := range b.beside[l.service] {
		switch w.told {
		case was:
			if w.until == 0 || l.at < w.until {
				w.until = l.at
			}
		case is:
			w.from = max(w.from, l.at)
		}
	}
}

// An instance may take toObey to acknowledge rules: it puts them into force when
// the registry has them. A run that goes faster than the clock gives it less, but
// not less than toObeyLeast.
const (
	toObey      = 5 * time.Second
	toObeyLeast = time.Second
)

// disobeyed lists the instances that rules which a step changed were not in force
// in, though they were there to take them: what such a run shows, it does not
// show of those rules.
func (b *books) disobeyed() []string {
	var out []string
	within := toObey
	if b.p.Speed > 1 {
		within = max(toObeyLeast, time.Duration(float64(toObey)/b.p.Speed))
	}
	for _, e := range b.ruleSteps() {
		for _, l := range b.w.order {
			if _, ok := b.p.OnlineUnder(l.workload, int(e.N)); !ok || !l.own {
				continue
			}
			from, until := max(e.At, l.when[record.KindRegistered]), b.w.end
			if at := l.leaves(); at != 0 {
				until = min(until, at)
			}
			if l.when[record.KindRegistered] == 0 || l.obeys(e.N) {
				continue
			}
			failed, why := l.ruleFailed(e.At, until)
			if !failed && until.Sub(from) <= within {
				continue
			}
			out = append(out, fmt.Sprintf("instance %s: the rules of version %d, of step %q, were never in force there: %s", l.instance, e.N, e.Text, why))
		}
	}
	return out
}

// ruleSteps are the first of each step that changed rules.
func (b *books) ruleSteps() []record.Event {
	var out []record.Event
	for _, e := range b.in.Events {
		isRule := func(s plan.Step) bool {
			a, ok := s.Action.(plan.ApplyRules)
			return ok && s.Name == e.Text && int64(a.Version) == e.N
		}
		known := func(o record.Event) bool { return o.N == e.N }
		if e.Kind == record.KindStep && e.At < b.w.end && slices.ContainsFunc(b.p.Steps, isRule) && !slices.ContainsFunc(out, known) {
			out = append(out, e)
		}
	}
	return out
}

// obeys tells whether l acknowledged rules of a version, or of a later one.
func (l *life) obeys(version int64) bool {
	return slices.ContainsFunc(l.events, func(e record.Event) bool { return e.Kind == record.KindSettingsApplied && e.N >= version })
}

// ruleFailed tells whether rules did not reach l while it was there, and why it
// did not obey.
func (l *life) ruleFailed(from, until record.Micros) (failed bool, why string) {
	for _, e := range l.events {
		if e.Kind == record.KindRuleFailed && e.At >= from && e.At < until {
			return true, e.Text
		}
	}
	return false, "it did not acknowledge them"
}

// leaves is when l began to go, 0 if it stayed.
func (l *life) leaves() record.Micros {
	return l.since(record.KindPodDeleted, record.KindOffline, record.KindDeregistered, record.KindKillSent, record.KindContainerExited)
}
