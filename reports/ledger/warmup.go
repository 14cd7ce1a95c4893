package ledger

import (
	"cmp"
	"math"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/exact"
)

// WarmupBin is one stretch of a warm-up as it is drawn: what consumers sent to
// the service and version, and whom of its instances they chose.
type WarmupBin struct {
	From, To time.Duration // offsets from zero
	Sent     int           // calls of the service and version, by all consumers
	Got      int           // of them addressed to the one that warms up
	Others   []int         // addressed to each of Warmup.Beside
	Failed   int           // of Got
	// Expected is what Got should be: for each call, the weight that its
	// consumer should have given to the one that warms up, as a share of those
	// of all that its list showed. Low and High are the band around it (95 %).
	Expected, Low, High float64
	Weight              float64       // as declared, in the middle: 0..1 of a warm instance's
	Latency             time.Duration // median of Got's, failed ones too, as the callers had it: with their own work; 0 is none
	OthersLatency       time.Duration // the same of those addressed to Others
}

// QPS is n requests of the bin as a rate.
func (b WarmupBin) QPS(n float64) float64 { return n / (b.To - b.From).Seconds() }

// Around a warm-up a picture shows at least a tenth of a window before, and not
// more than half a one, so that it can show the instance begin to listen.
const (
	leastLead = 0.1
	mostLead  = 0.5
)

// binWidth is a second, or less for windows of less than 20.
func binWidth(window time.Duration) time.Duration {
	for _, w := range []time.Duration{time.Second, 500 * time.Millisecond, 200 * time.Millisecond, 100 * time.Millisecond} {
		if w*20 <= window {
			return w
		}
	}
	return 50 * time.Millisecond
}

// sketch is a warm-up's picture while the account is open.
type sketch struct {
	from, to record.Micros
	width    time.Duration
	hits     []hit
}

// hit is one call of the service and version.
type hit struct {
	at             record.Micros
	caller, callee record.Instance
	took           time.Duration
	failed         bool
}

func (w *warmBook) frame(end record.Micros) {
	window, lead := w.window(), time.Duration(0)
	if at := w.life.when[record.KindListening]; at != 0 && at < w.start {
		lead = w.start.Sub(at) + window/50
	}
	lead = min(max(lead, time.Duration(leastLead*float64(window))), time.Duration(mostLead*float64(window)))
	width := binWidth(window)
	lead = (lead + width - 1).Truncate(width) // so that a bin begins where the age is 0
	w.sketch = sketch{from: w.start.Add(-lead), to: min(w.at(warmBuckets*warmUntil), end), width: width}
}

// decided books the call of a trail's first hop, which its consumer decided,
// with the warm-ups that it was made beside.
func (b *books) decided(t record.Trail) {
	c := t[0].Call
	for _, w := range b.beside[c.Service] {
		s := &w.sketch
		if c.At < s.from || c.At >= s.to || c.Tag != w.told.Tag {
			continue
		}
		s.hits = append(s.hits, hit{at: c.At, caller: t[0].Instance, callee: c.Callee, took: t[0].Took, failed: c.Class != ""})
	}
}

// byCaller parts what was decided by who did.
func (s *sketch) byCaller() map[record.Instance][]hit {
	out := map[record.Instance][]hit{}
	for _, h := range s.hits {
		out[h.caller] = append(out[h.caller], h)
	}
	return out
}

// draw fills in what the picture of a warm-up shows.
func (b *books) draw(w *warmBook, out *Warmup) {
	l := w.life
	out.Listening, out.Registered, out.WarmedUp = b.ptr(l.when[record.KindListening]), b.ptr(l.when[record.KindRegistered]), b.ptr(l.when[record.KindWarmupEnd])
	out.Ready = b.ptr(cmp.Or(l.when[record.KindPodReady], l.when[record.KindReady]))
	until := b.w.end
	if at := l.leaves(); at != 0 {
		until = min(until, at)
	}
	out.Coverage = max(0, until.Sub(w.start).Seconds()/w.window().Seconds())

	s := &w.sketch
	slices.SortStableFunc(s.hits, func(x, y hit) int { return cmp.Compare(x.at, y.at) })
	out.Peers = w.others()
	shape, next := out.Shape(), 0
	for from := s.from; from.Add(s.width) <= s.to; from = from.Add(s.width) {
		if from < b.in.Zero {
			continue // before the load, or partly so
		}
		first := next
		for next < len(s.hits) && s.hits[next].at < from.Add(s.width) {
			if s.hits[next].at < from {
				first++
			}
			next++
		}
		out.Bins = append(out.Bins, b.bin(w, *out, shape, from, s.hits[first:next]))
	}
}

// others are those that were called while w warmed up, by name.
func (w *warmBook) others() []record.Instance {
	seen := map[record.Instance]bool{w.life.instance: true, {}: true}
	var out []record.Instance
	for _, h := range w.sketch.hits {
		if !seen[h.callee] {
			seen[h.callee] = true
			out = append(out, h.callee)
		}
	}
	slices.SortFunc(out, func(x, y record.Instance) int { return cmp.Compare(x.String(), y.String()) })
	return out
}

func (b *books) bin(w *warmBook, of Warmup, shape curve.Shape, from record.Micros, hits []hit) WarmupBin {
	out := WarmupBin{From: b.offset(from), To: b.offset(from.Add(w.sketch.width)), Others: make([]int, len(of.Peers))}
	if x := w.age(from.Add(w.sketch.width / 2)); x >= 0 {
		out.Weight = shape.At(x)
	}
	var own, others []time.Duration
	weighed := 0.0
	for _, h := range hits {
		out.Sent++
		share, weight := b.due(w, shape, h)
		out.Expected += share
		weighed += weight
		switch i := slices.Index(of.Peers, h.callee); {
		case h.callee == w.life.instance:
			out.Got++
			own = append(own, h.took)
			if h.failed {
				out.Failed++
			}
		case i >= 0:
			out.Others[i]++
			others = append(others, h.took)
		}
	}
	if out.Sent > 0 {
		if shape.Grouped() { // what it weighs is not told by its age alone
			out.Weight = weighed / float64(out.Sent)
		}
		low, high := curve.BinomialRange(out.Sent, out.Expected/float64(out.Sent), confidence)
		out.Low, out.High = float64(low), float64(high)
	}
	out.Latency, out.OthersLatency = median(own), median(others)
	return out
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return exact.Quantile(of, 0.5)
}

// age is the warm-up's at an instant, in windows.
func (w *warmBook) age(at record.Micros) float64 {
	return float64(at.Sub(w.start)) / float64(w.window())
}

// due is the probability with which a call should have gone to the one that
// warms up, by what its consumer saw, and what that one weighed by it.
func (b *books) due(w *warmBook, shape curve.Shape, h hit) (share, weight float64) {
	var ages, weights []float64
	who := -1
	for _, seen := range b.at(h.caller, w.service, h.at) {
		if seen.Tag != w.told.Tag || b.avoided(h.caller, seen.Instance, h.at) {
			continue
		}
		if seen.Instance == w.told.Instance {
			who = len(ages)
		}
		age := math.Inf(1)
		if seen.Warmup.Window > 0 {
			age = float64(h.at.Sub(record.Micros(seen.Start*1000))) / float64(seen.Warmup.Window)
		}
		ages = append(ages, age)
		weights = append(weights, w.shapeOf(seen, shape).At(age))
	}
	switch {
	case who < 0:
		return 0, 0 // not yet, or no more
	case shape.Grouped():
		weight, share = shape.WeightAmong(ages, who)
		return share, weight
	}
	return curve.WeightShare(weights, who), weights[who]
}

// shapeOf is a host's own, which is w's where their rule is the same.
func (w *warmBook) shapeOf(of host, shape curve.Shape) curve.Shape {
	if of.Warmup.Window == 0 {
		return curve.Flat()
	}
	if of.Warmup != w.told.Warmup {
		return shapeOf(of.Warmup)
	}
	return shape
}

// at is the list of a service that a consumer had at an instant.
func (b *books) at(consumer record.Instance, service string, t record.Micros) (hosts []host) {
	for _, l := range b.seen[consumer] {
		if l.at > t {
			break
		}
		if l.service == service {
			hosts = l.hosts
		}
	}
	return hosts
}

// avoided tells whether a consumer had marked an instance.
func (b *books) avoided(consumer record.Instance, instance string, t record.Micros) (marked bool) {
	c := b.lookup(consumer)
	if c == nil || len(c.marks) == 0 {
		return false
	}
	for _, e := range c.events {
		if e.At > t {
			break
		}
		if e.Peer == instance && (e.Kind == record.KindMarkSet || e.Kind == record.KindMarkCleared) {
			marked = e.Kind == record.KindMarkSet
		}
	}
	return marked
}
