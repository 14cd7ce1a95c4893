package ledger

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// Propagation is how long a change took to reach one subscriber, measured at
// both ends and in the same way in every runtime: from the registry's
// acknowledgement to the instance that changed, to the subscriber's list that
// shows it.
type Propagation struct {
	Service    string
	Instance   record.Instance // that was registered or deregistered
	Added      bool
	Subscriber record.Instance
	Changed    time.Duration // offset of the acknowledgement
	Took       time.Duration
}

// propagations are those of changes under load, to subscribers that apply the
// registry's pushes as they come, by time.
func propagations(h *history.History) []Propagation {
	var out []Propagation
	for _, i := range h.Instances {
		for _, kind := range []record.Kind{record.KindRegistered, record.KindDeregistered} {
			changed, added := i.First(kind), kind == record.KindRegistered
			if i.Declared == nil || changed == 0 || !h.UnderLoad(changed) {
				continue
			}
			for _, subscriber := range h.Instances {
				if at := listedAt(h, subscriber, i, changed, added); at != 0 {
					out = append(out, Propagation{
						Service: i.Service, Instance: i.ID, Added: added, Subscriber: subscriber.ID,
						Changed: h.Offset(changed), Took: max(0, at.Sub(changed)),
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

// listedAt is when the subscriber's list first showed, or first lacked, i after
// i changed; 0 if it had no list before, or ended before the update.
func listedAt(h *history.History, subscriber, i *history.Instance, changed record.Micros, added bool) record.Micros {
	if subscriber == i || !subscriber.TakesPushes() {
		return 0
	}
	before := false // it had a list from before the change
	for _, l := range subscriber.HostLists {
		if l.Service != i.Service {
			continue
		}
		shows := l.Shows(i)
		if before && shows == added && l.At.Add(h.Clocks.Between(subscriber.ID, i.ID)) >= changed {
			return l.At
		}
		before = shows != added
	}
	return 0
}
