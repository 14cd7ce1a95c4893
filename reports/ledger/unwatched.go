package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// gap is a stretch over which a cluster was not watched, or not all of it. What
// happened in it was told after it, with the instants of then, or not at all.
type gap struct {
	from, to record.Micros // to is 0: to the end of the record
	of       []string      // what was not seen
}

// toldAfter is how long after a gap its facts still come in.
const toldAfter = time.Second

// gaps are those of a run, by time; stretches that overlap are one.
func gaps(events []record.Event) []gap {
	type key struct {
		of    string
		since record.Micros
	}
	at := map[key]int{}
	var all []gap
	for _, e := range events {
		if e.Kind != record.KindUnwatched {
			continue
		}
		k := key{e.Text, e.Since}
		if _, ok := at[k]; !ok {
			at[k] = len(all)
			all = append(all, gap{from: e.Since, of: []string{e.Text}})
		}
		if e.N > 0 {
			all[at[k]].to = e.Since + record.Micros(e.N)
		}
	}
	slices.SortStableFunc(all, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	var out []gap
	for _, g := range all {
		if n := len(out); n > 0 && out[n-1].reaches(g.from) {
			out[n-1] = out[n-1].with(g)
			continue
		}
		out = append(out, g)
	}
	return out
}

func (g gap) reaches(t record.Micros) bool { return g.to == 0 || t <= g.to }

// with is both, g being the earlier one.
func (g gap) with(h gap) gap {
	if g.to != 0 && (h.to == 0 || h.to > g.to) {
		g.to = h.to
	}
	if !slices.Contains(g.of, h.of[0]) {
		g.of = append(slices.Clone(g.of), h.of[0])
	}
	return g
}

// touches reports whether what lasted from from to to may be told wrongly for
// the gap; to 0 is that nobody saw its end.
func (g gap) touches(from, to record.Micros) bool {
	return (to == 0 || to >= g.from) && (g.to == 0 || from <= g.to.Add(toldAfter))
}

// text says what was not seen, and when.
func (b *books) text(g gap) string {
	until := "the end"
	if g.to != 0 {
		until = ms(g.to.Sub(b.w.zero))
	}
	return fmt.Sprintf("the cluster (%s) was not watched from %s to %s", strings.Join(g.of, ", "), ms(g.from.Sub(b.w.zero)), until)
}

// met is what of the account a gap touches; "" if nothing is.
func (b *books) met(g gap) string {
	var out []string
	for _, r := range b.w.releases {
		if g.touches(r.begin.Add(-deletionLag), max(r.gone(), r.dropped())) || r.gone() == 0 && g.touches(r.begin, 0) {
			out = append(out, r.instance.String()+" went")
		}
	}
	n := 0
	for _, l := range b.losses {
		if g.touches(b.w.zero.Add(l.Sent), b.w.zero.Add(l.Done)) {
			n++
		}
	}
	if n > 0 {
		out = append(out, counted(n, "request")+" failed")
	}
	return strings.Join(out, ", ")
}

// unwatched lists the gaps in which something went or was lost: when, and why,
// is not known then.
func (b *books) unwatched() []string {
	var out []string
	for _, g := range b.gaps {
		if what := b.met(g); what != "" {
			out = append(out, fmt.Sprintf("%s, and %s: when, and why, cannot be told; run it again", b.text(g), what))
		}
	}
	return out
}

// glances are the notes of the other gaps within the load.
func (b *books) glances() []Note {
	var out []Note
	for _, g := range b.gaps {
		if b.met(g) == "" && g.from < b.w.end && g.touches(b.w.zero, b.w.end) {
			out = append(out, Note{At: b.offset(g.from), Text: b.text(g)})
		}
	}
	return out
}
