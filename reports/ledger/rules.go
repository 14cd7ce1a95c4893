package ledger

import (
	"slices"
	"zeroloss/loadgen/record"
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
