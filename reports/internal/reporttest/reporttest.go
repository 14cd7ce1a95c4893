// Package reporttest has reports and run directories for tests. [Report] invents a
// run like that of the offline scenario: deterministic, of any length, with any
// number of losses. [RunDir] is a small run directory to be read. Only tests import
// it.
package reporttest

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
)

// Options shape the run. The zero value is the offline scenario: 70 s at 100
// requests per second and arm, 27 of them lost in base.
type Options struct {
	Duration time.Duration // 0 is 70 s
	Lost     int           // in base; 0 is 27, None is none
	GrayLost int
	Masked   bool // some requests are masked
	Warmups  int  // how many there are, up to 5: as declared, not as declared, cut by the end of the load, oscillating around the declared curve, without any other instance
	Invalid  bool // the generator was starved, and masked losses are not measured
}

// None as Options.Lost makes a run without losses.
const None = -1

const rate = 100.0

// releaseAt is when the release begins: at a seventh of the run, +10 s of 70 s.
func releaseAt(d time.Duration) time.Duration { return d / 7 }

// Report invents a run.
func Report(o Options) *reports.Report {
	if o.Duration == 0 {
		o.Duration = 70 * time.Second
	}
	switch o.Lost {
	case 0:
		o.Lost = 27
	case None:
		o.Lost = 0
	}
	r := &reports.Report{Meta: meta(), Plan: planOf(o), Ledger: &ledger.Ledger{
		Zero: 1_780_000_000_000_000, Duration: o.Duration, Seconds: map[string][]ledger.Second{},
	}}
	b := &builder{o: o, r: r, l: r.Ledger, rng: rand.New(rand.NewPCG(7, 11)), at: releaseAt(o.Duration)}
	b.instances()
	b.stream("base", o.Lost)
	b.stream("gray", o.GrayLost)
	b.finish()
	b.warmups()
	r.Result = judge(o, r.Ledger)
	return r
}

type builder struct {
	o   Options
	r   *reports.Report
	l   *ledger.Ledger
	rng *rand.Rand
	at  time.Duration // of the release
}

// stream adds the requests of one arm. After the release every second one is lost,
// until the given number is reached.
func (b *builder) stream(arm string, lost int) {
	n := int(b.o.Duration.Seconds() * rate)
	secs := make([]ledger.Second, int(math.Ceil(b.o.Duration.Seconds())))
	starve := b.at + 5*time.Second
	unsent, masked := 0, 0
	for i := range n {
		due := time.Duration(float64(i) / rate * float64(time.Second))
		s := &secs[int(due/time.Second)]
		if b.o.Invalid && arm == "gray" && due > starve && due < starve+time.Second/4 {
			s.Unsent++
			unsent++
			continue
		}
		s.Sent++
		p := reports.Point{Stream: arm, DueMs: format.Millis(due), LatencyMs: b.latency()}
		switch {
		case lost > 0 && due > b.at+30*time.Millisecond && (i%2 == 0 || float64(lost) > float64(n-i)*0.48):
			lost--
			s.Lost++
			loss := b.loss(arm, uint64(i), due)
			b.l.Losses = append(b.l.Losses, loss)
			p.Lost, p.Class, p.LatencyMs = true, string(loss.Class), format.Millis(loss.Done-loss.Due)
		default:
			s.OK++
			if b.o.Masked && i%701 == 17 {
				p.Masked = true
				s.Masked++
				masked++
			}
		}
		b.r.Points = append(b.r.Points, p)
	}
	b.l.Seconds[arm] = secs
	b.arm(arm, secs, unsent, masked)
}

func (b *builder) latency() float64 {
	v := 2.6 * math.Exp(b.rng.NormFloat64()*0.35)
	if b.rng.IntN(900) == 0 {
		v *= 9
	}
	return math.Round(v*1000) / 1000
}

func (b *builder) loss(arm string, seq uint64, due time.Duration) ledger.Loss {
	class, took, window := record.Refused, 3*time.Millisecond, ledger.StaleRoute
	switch {
	case seq%23 == 0:
		class, took, window = record.ResetBeforeByte, 9*time.Millisecond, ledger.DrainCut
	case seq%31 == 0:
		class, took, window = record.TimeoutFirstByte, 806*time.Millisecond, ledger.StaleRoute
	case b.o.Lost > 1000 && seq%997 == 0:
		class, took, window = record.Other, 41*time.Millisecond, ledger.Unexplained
	}
	took += time.Duration(b.rng.IntN(4000)) * time.Microsecond
	caller, callee := inst(workload("a", arm), int(seq/2%2)+1), inst(workload("b", arm), 2)
	since := due - b.at - 12*time.Millisecond
	return ledger.Loss{
		Stream: arm, Arm: arm, Seq: seq, Due: due, Sent: due + 200*time.Microsecond, Done: due + took,
		Class: class, ClientClass: record.Status5xx, Status: 502, Hop: "a->b", Caller: caller, Callee: callee,
		CalleeWorkload: workload("b", arm), Phase: "closed", Window: window, Release: callee,
		Explanation: fmt.Sprintf("a->b %s: %s had deregistered %d ms earlier; %s received the update %d ms later",
			class, callee, since.Milliseconds(), caller, max(0, 548-since.Milliseconds())),
		Error: "dial tcp 127.0.2.12:20002: connect: connection refused",
		Trail: record.Trail{
			{Service: "spring-cloud-zuul", Instance: inst("spring-cloud-zuul", 1), Took: took, Call: &record.Call{Service: "spring-cloud-a", Callee: caller, Status: 502, Class: record.Status5xx, Attempts: 1}},
			{Service: "spring-cloud-a", Instance: caller, Tag: tag(arm), Took: took - time.Millisecond, Call: &record.Call{Service: "spring-cloud-b", Callee: callee, Addr: "127.0.2.12:20002", Class: class, Attempts: 1}},
		},
	}
}

func (b *builder) arm(name string, secs []ledger.Second, unsent, masked int) {
	a := ledger.Arm{
		Name: name, Tag: tag(name), Unsent: unsent, Releases: 1,
		ByClass: map[record.Class]int{}, ByClientClass: map[record.Class]int{}, ByHop: map[string]int{},
		ByWindow: map[ledger.Window]int{}, ByInstance: map[string]int{}, Received: map[string]int{},
		StaleRoute: 38 * time.Millisecond, LongestOutage: 14 * time.Millisecond,
		PredictionBasis: "0: the marker and the notice reach the callers before the listener closes",
	}
	for _, s := range secs {
		a.Sent += s.Sent
		a.OK += s.OK
		a.Lost += s.Lost
	}
	a.Due = a.Sent + a.Unsent
	if !b.o.Invalid {
		a.Masked = &masked
		a.MaskedByHop = map[string]int{"client->gateway": masked}
	}
	for _, l := range b.l.Losses {
		if l.Arm != name {
			continue
		}
		a.ByClass[l.Class]++
		a.ByClientClass[l.ClientClass]++
		a.ByHop[l.Hop]++
		a.ByWindow[l.Window]++
		a.ByInstance[l.Callee.String()]++
		if l.Window == ledger.Unexplained {
			a.Unexplained++
		}
	}
	if name == "base" {
		a.StaleRoute, a.LongestOutage = 548*time.Millisecond, 31*time.Millisecond
		a.PredictedLow, a.PredictedHigh = 23, 31
		a.PredictionBasis = "50/s × 0.55 s between the listener's close (+10.031 s) and the last caller's news (+10.572 s)"
	}
	a.LossUpper95 = 3 / float64(max(1, a.Sent))
	a.ReleaseLossUpper95 = 0.95
	if a.Lost > 0 {
		a.LossUpper95, a.ReleaseLossUpper95 = (float64(a.Lost)+1.7*math.Sqrt(float64(a.Lost)+1)+3)/float64(a.Sent), 1
	}
	a.ServiceTime = ledger.Latency{P50: 2580 * time.Microsecond, P90: 4100 * time.Microsecond, P99: 7300 * time.Microsecond, P999: 24 * time.Millisecond, Max: 40 * time.Millisecond}
	a.ResponseTime = ledger.Latency{P50: 2610 * time.Microsecond, P90: 4150 * time.Microsecond, P99: 7400 * time.Microsecond, P999: 24 * time.Millisecond, Max: 41 * time.Millisecond}
	b.l.Arms = append(b.l.Arms, a)
	b.l.Streams = append(b.l.Streams, ledger.Stream{Name: name, Arm: name, Due: a.Due, Unsent: a.Unsent, Sent: a.Sent, OK: a.OK, Lost: a.Lost, Masked: masked})
}

func (b *builder) finish() {
	l := b.l
	slices.SortStableFunc(l.Losses, func(x, y ledger.Loss) int { return int(x.Due - y.Due) })
	for _, a := range l.Arms {
		l.Generator.Due += a.Due
		l.Generator.Sent += a.Sent
		l.Generator.Unsent += a.Unsent
	}
	l.Generator.RateErrorPercent = 0.01
	l.Generator.SlipP50, l.Generator.SlipP99, l.Generator.SlipMax = 90*time.Microsecond, 1200*time.Microsecond, 6*time.Millisecond
	for _, p := range []struct{ service, sub string }{{"spring-cloud-b", "127.0.1.11"}, {"spring-cloud-b", "127.0.1.12"}, {"spring-cloud-b", "127.0.1.21"}, {"spring-cloud-b", "127.0.1.22"}} {
		took := 548*time.Millisecond + time.Duration(b.rng.IntN(55))*time.Millisecond
		l.Propagations = append(l.Propagations, ledger.Propagation{Service: p.service, Instance: inst("spring-cloud-b", 2), Subscriber: inst("spring-cloud-a", 1), Changed: b.at + 12*time.Millisecond, Took: took})
		l.Pushes = append(l.Pushes, ledger.Push{Service: p.service, Subscriber: p.sub, Changed: b.at + 12*time.Millisecond, Acked: b.at + 12*time.Millisecond + took, Took: took})
	}
	l.Notes = append(l.Notes, ledger.Note{At: b.at + 30*time.Second, Instance: inst("spring-cloud-b-gray", 2), Text: "preStop hook abandoned: it sleeps 30 s and terminationGracePeriodSeconds is 30; TERM was sent at the end of the grace"})
	if b.o.Invalid {
		l.Defects = append(l.Defects, "spring-cloud-c-7c9f8d-2/1: its events have no end line")
	}
	if len(l.Instances) > 0 {
		b.lostByInstance()
	}
}

func (b *builder) lostByInstance() {
	for i := range b.l.Instances {
		in := &b.l.Instances[i]
		for _, a := range b.l.Arms {
			in.Lost += a.ByInstance[in.Instance.String()]
		}
	}
	for i := range b.l.Releases {
		rel := &b.l.Releases[i]
		rel.LostByArm = map[string]int{}
		for _, x := range b.l.Losses {
			if x.Release == rel.Instance {
				rel.LostByArm[x.Arm]++
				rel.Lost++
			}
		}
	}
}

func judge(o Options, l *ledger.Ledger) gate.Result {
	res := gate.Result{Verdict: gate.Pass, Criteria: gate.Criteria{MaxUnsentShare: 0.001, MaxRateErrorPct: 1, MaxSlipP99Ms: 50}}
	base, gray := l.Arms[0], l.Arms[1]
	add := func(e expect.Expectation, got int, met bool, evidence ...string) {
		v := gate.Pass
		if !met {
			v = map[expect.Role]gate.Verdict{expect.Gate: gate.Fail, expect.Contrast: gate.Invalid, expect.Info: gate.Fail}[e.Role]
		}
		res.Expectations = append(res.Expectations, gate.Outcome{Expectation: e, Verdict: v, Want: e.Is.Text, Got: fmt.Sprint(got), Evidence: evidence})
	}
	add(expect.Expectation{Name: "gray lost is 0", Arm: "gray", Metric: expect.Lost, Is: expect.Comparison{Text: "0"}, Role: expect.Gate}, gray.Lost, gray.Lost == 0)
	windows := slices.Sorted(maps.Keys(base.ByWindow))
	var ev []string
	for _, w := range windows {
		ev = append(ev, fmt.Sprintf("%s: %d at a->b", w, base.ByWindow[w]))
	}
	add(expect.Expectation{Name: "base lost is >= 10", Arm: "base", Metric: expect.Lost, Is: expect.Comparison{Text: ">= 10"}, Role: expect.Contrast, Why: "without loss in the off-arm the run proves nothing"}, base.Lost, base.Lost >= 10, ev...)
	add(expect.Expectation{Name: "base lost is predicted", Arm: "base", Metric: expect.Lost, Is: expect.Comparison{Text: "predicted", Predicted: true}, Role: expect.Info}, base.Lost, base.Lost >= base.PredictedLow && base.Lost <= base.PredictedHigh, ev...)
	res.Expectations[2].Want = "23..31"
	switch {
	case o.Invalid:
		res.Verdict = gate.Invalid
		res.Reasons = []string{
			fmt.Sprintf("generator: %d of %d due requests were not sent, the limit is 0.1 %%: take load off this machine, or lower the rate", l.Generator.Unsent, l.Generator.Due),
			"ledger: " + l.Defects[0] + ": see events/ in the run directory",
		}
	case gray.Lost > 0:
		res.Verdict = gate.Fail
		res.Reasons = []string{fmt.Sprintf("gray lost %d, want 0 (gate): %d stale-route at a->b; see the losses below", gray.Lost, gray.Lost)}
	case base.Lost < 10:
		res.Verdict = gate.Invalid
		res.Reasons = []string{fmt.Sprintf("base lost %d, want >= 10 (contrast): without loss in the off-arm the run proves nothing", base.Lost)}
	}
	return res
}
