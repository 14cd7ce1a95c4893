package warmup

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger/history"
)

// Meter measures the warm-ups of instances that started under load. It is built
// by [NewMeter] before the first request is added.
type Meter struct {
	history   *history.History
	byService map[string][]*candidate // by start
}

// candidate is one warm-up while requests are added. An instance has several if
// its rule changes; those that never took effect are dropped in the end.
type candidate struct {
	instance *history.Instance
	service  string
	host     history.Host // as consumers' lists have it
	start    record.Micros
	rule     ruleInterval
	from, to record.Micros // of the picture
	binWidth time.Duration
	calls    []call // of the service and version, from..to
}

// call is one call of the service and version.
type call struct {
	at             record.Micros
	caller, callee record.Instance
	took           time.Duration
	failed         bool
}

// NewMeter finds the warm-ups that consumers' lists announce.
func NewMeter(h *history.History) *Meter {
	m := &Meter{history: h, byService: map[string][]*candidate{}}
	for _, consumer := range h.Instances {
		for _, l := range consumer.HostLists {
			for _, host := range l.Hosts {
				m.addHost(l.Service, host)
			}
		}
	}
	m.findRuleChanges()
	for _, all := range m.byService {
		slices.SortFunc(all, func(x, y *candidate) int {
			return cmp.Or(cmp.Compare(x.start, y.start), strings.Compare(x.host.Instance, y.host.Instance), cmp.Compare(x.window(), y.window()))
		})
	}
	return m
}

func (m *Meter) addHost(service string, host history.Host) {
	id, err := record.ParseInstance(host.Instance)
	start := startOf(host)
	if err != nil || id == (record.Instance{}) || host.Warmup.Window <= 0 || !m.history.UnderLoad(start) {
		return
	}
	if slices.ContainsFunc(m.byService[service], func(w *candidate) bool { return w.host == host }) {
		return
	}
	w := &candidate{instance: m.history.Instance(id), service: service, host: host, start: start}
	w.setPicture(m.history.LoadEnd)
	m.byService[service] = append(m.byService[service], w)
}

// startOf is when a host's age is 0.
func startOf(h history.Host) record.Micros { return record.Micros(h.Start * 1000) }

func (w *candidate) window() time.Duration { return w.host.Warmup.Window }

func (w *candidate) end() record.Micros { return w.start.Add(w.window()) }

// age is the warm-up's at an instant, in windows.
func (w *candidate) age(at record.Micros) float64 {
	return float64(at.Sub(w.start)) / float64(w.window())
}

// Add takes in the call of a trail's first hop. It counts with the warm-ups of
// the called service and version.
func (m *Meter) Add(t record.Trail) {
	c := t[0].Call
	for _, w := range m.byService[c.Service] {
		if c.At < w.from || c.At >= w.to || c.Tag != w.host.Tag {
			continue
		}
		w.calls = append(w.calls, call{at: c.At, caller: t[0].Instance, callee: c.Callee, took: t[0].Took, failed: c.Class != ""})
	}
}

// Result returns the measurement of each warm-up, by start.
func (m *Meter) Result() []Measurement {
	var out []Measurement
	for service, all := range m.byService {
		for _, w := range all {
			if w.neverInEffect(all) {
				continue
			}
			i := w.instance
			one := Measurement{
				Instance: i.ID, Workload: i.Workload, Service: service, Tag: w.host.Tag,
				Model: w.host.Warmup.Model, Curve: w.host.Warmup.Curve, Window: w.window(), Start: m.history.Offset(w.start),
			}
			for _, a := range m.history.Plan.Arms {
				if i.ReachableFrom(a) {
					one.Arms = append(one.Arms, a.Name)
				}
			}
			m.draw(w, &one)
			one.Buckets = m.buckets(w)
			one.Finding = newFinding(one, w.ruleChanged())
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(x, y Measurement) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), strings.Compare(x.Instance.String(), y.Instance.String()), cmp.Compare(x.Window, y.Window))
	})
	return out
}

const (
	bucketsPerWindow = 20
	measuredWindows  = 1.25 // windows from the start
)

func (w *candidate) bucketStart(bucket int) record.Micros {
	return w.start.Add(w.window() * time.Duration(bucket) / bucketsPerWindow)
}

// buckets are those of all consumers, by time.
func (m *Meter) buckets(w *candidate) []curve.Bucket {
	byCaller := map[record.Instance][]call{}
	for _, c := range w.calls {
		byCaller[c.caller] = append(byCaller[c.caller], c)
	}
	var out []curve.Bucket
	for consumer, calls := range byCaller {
		out = append(out, m.consumerBuckets(w, m.history.Instance(consumer), calls)...)
	}
	slices.SortFunc(out, func(x, y curve.Bucket) int {
		return cmp.Or(cmp.Compare(x.From, y.From), strings.Compare(x.Consumer, y.Consumer))
	})
	return out
}

// consumerBuckets are the buckets of one consumer in which nothing changed for
// it.
func (m *Meter) consumerBuckets(w *candidate, consumer *history.Instance, calls []call) []curve.Bucket {
	var out []curve.Bucket
	for i := range int(bucketsPerWindow * measuredWindows) {
		from, to := w.bucketStart(i), w.bucketStart(i+1)
		hosts := unchangedHosts(consumer, w.service, from, to)
		if to > m.history.LoadEnd || !slices.Contains(hosts, w.host) || m.versionLeaving(w, from, to) {
			continue
		}
		b := curve.Bucket{Consumer: consumer.ID.String(), From: float64(i) / bucketsPerWindow, To: float64(i+1) / bucketsPerWindow}
		if !w.addOthers(&b, hosts, from) {
			continue
		}
		for _, c := range calls {
			if c.at < from || c.at >= to {
				continue
			}
			b.Sent++
			if c.callee == w.instance.ID {
				b.Got++
			} else if j := slices.IndexFunc(b.Others, func(o curve.Other) bool { return o.Instance == c.callee.String() }); j >= 0 {
				b.Others[j].Got++
			}
		}
		out = append(out, b)
	}
	return out
}

// addOthers adds the other instances to a bucket that begins at from. It reports
// false if one of them warms up by another rule.
func (w *candidate) addOthers(b *curve.Bucket, hosts []history.Host, from record.Micros) bool {
	for _, h := range hosts {
		if h.Instance == w.host.Instance {
			b.Position = len(b.Others)
		}
		if h.Instance == w.host.Instance || h.Tag != w.host.Tag {
			continue
		}
		o := curve.Other{Instance: h.Instance}
		if start := startOf(h); h.Warmup.Window > 0 && from < start.Add(h.Warmup.Window) {
			if h.Warmup != w.host.Warmup {
				return false
			}
			o.Cold, o.AgeAhead = true, float64(w.start.Sub(start))/float64(w.window())
		}
		b.Others = append(b.Others, o)
	}
	return true
}

// unchangedHosts is a consumer's list of a service if it was the same from an
// instant to another; nil if it was not.
func unchangedHosts(consumer *history.Instance, service string, from, to record.Micros) []history.Host {
	var now []history.Host
	for _, l := range consumer.HostLists {
		switch {
		case l.Service != service:
		case l.At <= from:
			now = l.Hosts
		case l.At < to && !slices.Equal(now, l.Hosts):
			return nil
		}
	}
	return now
}

// versionLeaving reports whether an instance of the same version was being taken
// out: its consumers avoid it before their lists lack it.
func (m *Meter) versionLeaving(w *candidate, from, to record.Micros) bool {
	return slices.ContainsFunc(m.history.Releases, func(r *history.Release) bool {
		return r.Instance.Service == w.service && r.Instance.Tag == w.host.Tag && r.Began < to && max(r.Began, r.LastHeardAt()) >= from
	})
}
