package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
)

// Warmup is the warm-up of one instance that came under load, as its consumers
// had it to follow, and what came of it.
type Warmup struct {
	Instance               record.Instance
	Workload, Service, Tag string
	Arms                   []string // those whose requests can reach it
	Model                  string
	Curve                  float64       // the model's parameter; 0 is its own
	Window                 time.Duration // as the metadata told it
	Start                  time.Duration // offset from zero at which the age is 0
	// Buckets are what each consumer decided in stretches in which it saw the
	// same instances, up to a quarter of a window beyond the end. Others are left
	// out.
	Buckets []curve.Bucket

	// Marks of its coming, as offsets from zero; nil: did not happen.
	Listening, Registered, Ready, WarmedUp *time.Duration
	// Seen is how much of it the load lasted and the instance stayed, in
	// windows: under 1 nothing can be said of the whole.
	Coverage float64
	Peers    []record.Instance // who else of its service and version was called, by name
	Bins     []WarmupBin       // its picture, by time
	Finding
}

// Shape is the weight that was declared, by age.
func (w Warmup) Shape() curve.Shape {
	return shapeOf(settings.Warmup{Model: w.Model, Curve: w.Curve, Window: w.Window})
}

func shapeOf(s settings.Warmup) curve.Shape {
	m, err := warmup.Find(s.Model)
	if err != nil {
		return curve.Flat()
	}
	return curve.ModelShape(m, s.Curve, s.Window)
}

const (
	warmBuckets = 20   // of a window
	warmUntil   = 1.25 // windows
)

// host is an instance as the lists of its consumers tell it.
type host struct {
	Instance string
	Tag      string
	Start    int64 // milliseconds since the Unix epoch
	Warmup   settings.Warmup
}

// list is what a consumer saw of one service from an instant on.
type list struct {
	at      record.Micros
	service string
	hosts   []host
}

// warmBook is one warm-up while the account is open: the same instance has
// another one if its window is changed.
type warmBook struct {
	life    *life
	service string
	told    host
	start   record.Micros
	inForce
	sketch sketch
}

func (w *warmBook) window() time.Duration { return w.told.Warmup.Window }

func (w *warmBook) at(bucket int) record.Micros {
	return w.start.Add(w.window() * time.Duration(bucket) / warmBuckets)
}

// lists are all that consumers saw, each consumer's by time.
func (w *world) lists() map[record.Instance][]list {
	out := map[record.Instance][]list{}
	for _, e := range w.events {
		if e.Kind != record.KindListChanged {
			continue
		}
		l := list{at: e.At, service: e.Service}
		if json.Unmarshal(e.Data, &l.hosts) != nil {
			l.hosts = nil // of others, or without more than names: it tells no starts
		}
		out[e.Instance] = append(out[e.Instance], l)
	}
	return out
}

// beginWarmups finds the warm-ups of instances that came within the load, as
// consumers were told of them.
func (b *books) beginWarmups() {
	b.beside, b.seen = map[string][]*warmBook{}, b.w.lists()
	for _, lists := range b.seen {
		for _, l := range lists {
			for _, h := range l.hosts {
				b.warming(l.service, h)
			}
		}
	}
	b.retold()
	for _, all := range b.beside {
		slices.SortFunc(all, func(x, y *warmBook) int {
			return cmp.Or(cmp.Compare(x.start, y.start), strings.Compare(x.told.Instance, y.told.Instance), cmp.Compare(x.window(), y.window()))
		})
	}
}

func (b *books) warming(service string, h host) {
	who, err := record.ParseInstance(h.Instance)
	start := record.Micros(h.Start * 1000)
	if err != nil || who == (record.Instance{}) || h.Warmup.Window <= 0 || start < b.w.zero || start >= b.w.end {
		return
	}
	if slices.ContainsFunc(b.beside[service], func(o *warmBook) bool { return o.told == h }) {
		return
	}
	w := &warmBook{life: b.w.life(who), service: service, told: h, start: start}
	w.frame(b.w.end)
	b.beside[service] = append(b.beside[service], w)
}

// warmups closes them.
func (b *books) warmups() []Warmup {
	var out []Warmup
	for service, all := range b.beside {
		for _, w := range all {
			if w.never(all) {
				continue
			}
			l := w.life
			one := Warmup{
				Instance: l.instance, Workload: l.workload, Service: service, Tag: w.told.Tag,
				Model: w.told.Warmup.Model, Curve: w.told.Warmup.Curve, Window: w.window(), Start: b.offset(w.start),
			}
			for _, a := range b.p.Arms {
				if reaches(a, l) {
					one.Arms = append(one.Arms, a.Name)
				}
			}
			b.draw(w, &one)
			one.Buckets = b.stretches(w)
			one.Finding = find(one, w.changed())
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(x, y Warmup) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), strings.Compare(x.Instance.String(), y.Instance.String()), cmp.Compare(x.Window, y.Window))
	})
	return out
}

// stretches are the buckets of all consumers, by time.
func (b *books) stretches(w *warmBook) []curve.Bucket {
	var out []curve.Bucket
	for consumer, hits := range w.sketch.byCaller() {
		out = append(out, b.buckets(w, consumer, hits)...)
	}
	slices.SortFunc(out, func(x, y curve.Bucket) int {
		return cmp.Or(cmp.Compare(x.From, y.From), strings.Compare(x.Consumer, y.Consumer))
	})
	return out
}

// buckets are those of one consumer in which nothing changed for it.
func (b *books) buckets(w *warmBook, consumer record.Instance, hits []hit) []curve.Bucket {
	var out []curve.Bucket
	for i := range int(warmBuckets * warmUntil) {
		from, to := w.at(i), w.at(i+1)
		hosts := unchanged(b.seen[consumer], w.service, from, to)
		if to > b.w.end || !slices.Contains(hosts, w.told) || b.going(w.service, w.told.Tag, from, to) {
			continue
		}
		one := curve.Bucket{Consumer: consumer.String(), From: float64(i) / warmBuckets, To: float64(i+1) / warmBuckets}
		if !w.peers(&one, hosts, from) {
			continue
		}
		for _, d := range hits {
			if d.at < from || d.at >= to {
				continue
			}
			one.Sent++
			if d.callee == w.life.instance {
				one.Got++
			} else if j := slices.IndexFunc(one.Others, func(o curve.Other) bool { return o.Instance == d.callee.String() }); j >= 0 {
				one.Others[j].Got++
			}
		}
		out = append(out, one)
	}
	return out
}

// peers fills in the other instances of a bucket that begins at an instant; not
// where one of them warms up by another rule.
func (w *warmBook) peers(in *curve.Bucket, hosts []host, at record.Micros) bool {
	for _, h := range hosts {
		if h.Instance == w.told.Instance {
			in.Position = len(in.Others)
		}
		if h.Instance == w.told.Instance || h.Tag != w.told.Tag {
			continue
		}
		o := curve.Other{Instance: h.Instance}
		start := record.Micros(h.Start * 1000)
		if h.Warmup.Window > 0 && at < start.Add(h.Warmup.Window) {
			if h.Warmup != w.told.Warmup {
				return false
			}
			o.Cold, o.AgeAhead = true, float64(w.start.Sub(start))/float64(w.window())
		}
		in.Others = append(in.Others, o)
	}
	return true
}

// unchanged is a consumer's list of a service if it was the same from an
// instant to another; nil if it was not.
func unchanged(lists []list, service string, from, to record.Micros) []host {
	var now []host
	for _, l := range lists {
		switch {
		case l.service != service:
		case l.at <= from:
			now = l.hosts
		case l.at < to && !slices.Equal(now, l.hosts):
			return nil
		}
	}
	return now
}

// going tells whether an instance of that version was being taken out: its
// consumers avoid it before their lists lack it.
func (b *books) going(service, tag string, from, to record.Micros) bool {
	return slices.ContainsFunc(b.w.releases, func(r *release) bool {
		return r.service == service && r.tag == tag && r.begin < to && max(r.begin, r.lastHeard()) >= from
	})
}
