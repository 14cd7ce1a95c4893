package consumer

import (
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/loadgen/record"
)

// mark says that an incarnation is closing and is to be avoided. It is the
// incarnation that is marked, not its address: a pod restarted there is
// welcome.
type mark struct {
	until time.Duration
}

// maxMarks bounds what others can make us keep.
const maxMarks = 2000

// mark avoids an incarnation from here on, and asks for the list.
func (v *View) mark(e Event) {
	if v.cfg.Consumer.Ungoverned || len(v.marks) >= maxMarks {
		return
	}
	if _, already := v.marks[e.Of]; already {
		return
	}
	v.marks[e.Of] = mark{until: v.now + v.cfg.Consumer.MarkTTL}
	v.out = append(v.out, Action{Kind: Note, Event: record.KindMarkSet, Peer: e.Of.Instance.String(), Text: e.By})
	v.balancer.update(v.list, v.marks)
	v.pull()
}

// clearMarksOfGone ends the marks of those that a list, just seen, is without. Both
// lists count: while an old cache still has the host, the mark is needed.
func (v *View) clearMarksOfGone() {
	v.clearMarks("registry", func(id lossless.Identity, _ mark) bool {
		return !containsIdentity(v.source, id) && !containsIdentity(v.list, id)
	})
}

func (v *View) clearExpiredMarks() {
	v.clearMarks("expired", func(_ lossless.Identity, m mark) bool { return v.now >= m.until })
}

func (v *View) clearMarks(why string, over func(lossless.Identity, mark) bool) {
	var ended []lossless.Identity
	for id, m := range v.marks {
		if over(id, m) {
			ended = append(ended, id)
		}
	}
	if len(ended) == 0 {
		return
	}
	slices.SortFunc(ended, func(a, b lossless.Identity) int { return strings.Compare(a.String(), b.String()) })
	for _, id := range ended {
		delete(v.marks, id)
		v.out = append(v.out, Action{Kind: Note, Event: record.KindMarkCleared, Peer: id.Instance.String(), Text: why})
	}
	v.balancer.update(v.list, v.marks)
}

func containsIdentity(hosts []Host, id lossless.Identity) bool {
	return slices.ContainsFunc(hosts, func(h Host) bool { return h.Identity == id })
}
