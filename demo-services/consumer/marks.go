package consumer

import (
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/loadgen/record"
)

// mark records that an incarnation is closing and is to be avoided. It marks the
// incarnation, not its address: a pod that restarts there is not avoided.
type mark struct {
	until time.Duration
}

// maxMarks bounds how many marks are kept: they come from other processes.
const maxMarks = 2000

// mark avoids an incarnation from here on, and pulls the list.
func (v *View) mark(e Event) {
	if v.cfg.Consumer.Ungoverned || len(v.marks) >= maxMarks {
		return
	}
	if _, already := v.marks[e.Of]; already {
		return
	}
	v.marks[e.Of] = mark{until: v.now + v.cfg.Consumer.MarkTTL}
	v.note(record.MarkSet{Marked: e.Of.Instance, Source: e.By}, "")
	v.balancer.update(v.list, v.marks)
	v.pull()
}

// clearMarksOfGone clears the marks of incarnations that are in neither list.
// While an old cache still contains the host, the mark is needed.
func (v *View) clearMarksOfGone() {
	v.clearMarks(record.ClearedByRegistry, func(id lossless.Identity, _ mark) bool {
		return !containsIdentity(v.source, id) && !containsIdentity(v.list, id)
	})
}

func (v *View) clearExpiredMarks() {
	v.clearMarks(record.ClearedByExpiry, func(_ lossless.Identity, m mark) bool { return v.now >= m.until })
}

func (v *View) clearMarks(why record.ClearReason, over func(lossless.Identity, mark) bool) {
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
		v.note(record.MarkCleared{Marked: id.Instance, Reason: why}, "")
	}
	v.balancer.update(v.list, v.marks)
}

func containsIdentity(hosts []Host, id lossless.Identity) bool {
	return slices.ContainsFunc(hosts, func(h Host) bool { return h.Identity == id })
}
