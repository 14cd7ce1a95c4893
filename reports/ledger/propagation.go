package ledger

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// Propagation is how long one subscriber took to hear of a change, measured at
// both ends and the same in every runtime: from the registry's acknowledgement
// to the instance that changed, to the list of the subscriber that shows it.
type Propagation struct {
	Service    string
	Instance   record.Instance // that was registered or deregistered
	Added      bool
	Subscriber record.Instance
	Changed    time.Duration // offset of the acknowledgement
	Took       time.Duration
}

// propagations are those of changes under load, to subscribers that take the
// registry's pushes as they come, by time.
func (b *books) propagations() []Propagation {
	var out []Propagation
	for _, l := range b.w.order {
		for _, kind := range []record.Kind{record.KindRegistered, record.KindDeregistered} {
			at := l.when[kind]
			if !l.known || at == 0 || at < b.w.zero || at >= b.w.end {
				continue
			}
			for _, c := range b.w.order {
				if heard := b.heardOf(c, l, at, kind == record.KindRegistered); heard != 0 {
					out = append(out, Propagation{
						Service: l.service, Instance: l.instance, Added: kind == record.KindRegistered, Subscriber: c.instance,
						Changed: b.offset(at), Took: max(0, heard.Sub(at)),
					})
				}
			}
		}
	}
	slices.SortStableFunc(out, func(x, y Propagation) int {
		return cmp.Or(cmp.Compare(x.Changed, y.Changed), cmp.Compare(x.Subscriber.String(), y.Subscriber.String()))
	})
	return out
}

// heardOf is when c's list first showed, or first lacked, l after the change
// at at; 0: it had no list before, or did not live to hear of it.
func (b *books) heardOf(c, l *life, at record.Micros, added bool) record.Micros {
	if c == l || !b.pushed(c.instance) {
		return 0
	}
	before := false // the list was there, as it was before the change
	for _, v := range c.lists {
		if v.service != l.service {
			continue
		}
		shows := v.has(l, b.w.addresses(l))
		if before && shows == added && v.at.Add(b.clocks.between(c.instance, l.instance)) >= at {
			return v.at
		}
		before = shows != added
	}
	return 0
}

// addresses are those at which l stood.
func (w *world) addresses(l *life) []string {
	var out []string
	for a, ls := range w.byAddr {
		if slices.Contains(ls, l) {
			out = append(out, a)
		}
	}
	return out
}
