package reports

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger"
)

// SummarySchema is the format of summary.json, a contract: fields may be
// added, none changes its meaning.
const SummarySchema = "zeroloss.summary/v1"

//go:embed summary.schema.json
var summarySchema []byte

// SummaryJSONSchema is the JSON Schema of summary.json.
func SummaryJSONSchema() []byte { return slices.Clone(summarySchema) }

// Summary is a run in numbers, as programs read it.
type Summary struct {
	Schema       string                `json:"schema"`
	Scenario     string                `json:"scenario"`
	Runtime      string                `json:"runtime"`
	Seed         uint64                `json:"seed"`
	Speed        float64               `json:"speed"`
	Verdict      string                `json:"verdict"`
	Reasons      []string              `json:"reasons"`
	Generator    SummaryGenerator      `json:"generator"`
	Arms         map[string]SummaryArm `json:"arms"`
	Releases     []SummaryRelease      `json:"releases"`
	Push         SummaryPush           `json:"push"`
	Clock        SummaryClock          `json:"clock"`
	Warmups      []SummaryWarmup       `json:"warmups"`
	Expectations []SummaryExpectation  `json:"expectations"`
}

// SummaryGenerator tells whether the load was sent as declared.
type SummaryGenerator struct {
	Due               int     `json:"due"`
	Sent              int     `json:"sent"`
	Unsent            int     `json:"unsent"`
	UnsentNearRelease int     `json:"unsentNearRelease"`
	RateErrorPercent  float64 `json:"rateErrorPercent"`
	SlipP99Ms         float64 `json:"slipP99Ms"`
}

// SummaryArm is one side of the comparison.
type SummaryArm struct {
	Due                int                   `json:"due"`
	Unsent             int                   `json:"unsent"`
	Sent               int                   `json:"sent"`
	OK                 int                   `json:"ok"`
	Lost               int                   `json:"lost"`
	Masked             *int                  `json:"masked"` // null: not measured
	Releases           int                   `json:"releases"`
	PredictedLost      [2]int                `json:"predictedLost"`
	Unpredicted        bool                  `json:"unpredicted,omitempty"` // predictedLost says nothing
	ByClass            map[record.Class]int  `json:"byClass"`               // root cause at the failing hop
	ByClientClass      map[record.Class]int  `json:"byClientClass"`         // what the client saw
	ByHop              map[string]int        `json:"byHop"`
	ByWindow           map[ledger.Window]int `json:"byWindow"`
	MaskedByHop        map[string]int        `json:"maskedByHop"`
	Received           map[string]int        `json:"received"` // requests that reached each instance
	Unexplained        int                   `json:"unexplained"`
	LossUpper95        float64               `json:"lossUpper95"`
	ReleaseLossUpper95 float64               `json:"releaseLossUpper95"`
	LongestOutageMs    float64               `json:"longestOutageMs"`
	StaleRouteMs       *float64              `json:"staleRouteMs"` // null: not measured
	LatencyMs          SummaryLatency        `json:"latencyMs"`    // from due to done, of ok requests
	ServiceMs          SummaryLatency        `json:"serviceMs"`    // from sent to done

	// Of coming online; null: not measured.
	EarlyRequests         *int            `json:"earlyRequests"`         // sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered *int            `json:"readyBeforeRegistered"` // instances
	OnlineLatencyMs       *SummaryLatency `json:"onlineLatencyMs"`       // of requests due while an instance came online
}

// SummaryLatency is quantiles in milliseconds.
type SummaryLatency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// SummaryRelease is one instance taken out, for one arm that it served.
type SummaryRelease struct {
	Instance      string   `json:"instance"` // pod
	Incarnation   int      `json:"incarnation"`
	Arm           string   `json:"arm"`
	Why           string   `json:"why"`
	AtMs          int64    `json:"atMs"`
	Lost          int      `json:"lost"`
	PredictedLost [2]int   `json:"predictedLost"` // of all its arms
	StaleRouteMs  *float64 `json:"staleRouteMs"`  // null: it is not known when it deregistered
}

// SummaryPush is how long the registry took to tell of changes.
type SummaryPush struct {
	Count int     `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	MaxMs float64 `json:"maxMs"`
	// Heard is the same measured at both ends, in every runtime alike: from
	// the acknowledgement of a change to the list of each subscriber.
	Heard SummaryHeard `json:"heard"`
}

// SummaryHeard is how long subscribers took to hear of changes.
type SummaryHeard struct {
	Count int     `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	P90Ms float64 `json:"p90Ms"`
	MaxMs float64 `json:"maxMs"`
}

// SummaryClock is how well instants of different clocks compare; on one
// machine there is one, and all is 0.
type SummaryClock struct {
	UncertaintyMs float64 `json:"uncertaintyMs"` // of the worst, after correction
	Corrected     int     `json:"corrected"`     // clocks whose instants were moved
	Unsure        int     `json:"unsure"`        // losses whose explanation hangs on it
}

// SummaryExpectation is one line of the scenario's expectations.
type SummaryExpectation struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Verdict  string   `json:"verdict"`
	Want     string   `json:"want"`
	Got      string   `json:"got"`
	Evidence []string `json:"evidence"`
}

// JSON writes summary.json.
func JSON(w io.Writer, r *Report) error {
	b, err := json.MarshalIndent(Summarize(r), "", " ")
	if err != nil {
		return fmt.Errorf("encoding summary: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing summary: %w", err)
	}
	return nil
}

// Summarize reduces a report to its numbers.
func Summarize(r *Report) Summary {
	g := r.Ledger.Generator
	s := Summary{
		Schema: SummarySchema, Scenario: r.Meta.Scenario, Runtime: r.Meta.Runtime, Seed: r.Meta.Seed, Speed: r.Meta.Speed,
		Verdict: string(r.Result.Verdict), Reasons: orEmpty(r.Result.Reasons),
		Generator: SummaryGenerator{
			Due: g.Due, Sent: g.Sent, Unsent: g.Unsent, UnsentNearRelease: g.UnsentNearRelease,
			RateErrorPercent: round(g.RateErrorPercent, 3), SlipP99Ms: ms(g.SlipP99),
		},
		Arms: map[string]SummaryArm{}, Releases: []SummaryRelease{}, Warmups: summarizeWarmups(r.Ledger), Expectations: []SummaryExpectation{},
	}
	for _, a := range r.Ledger.Arms {
		s.Arms[a.Name] = summarizeArm(r.Ledger, a)
	}
	for _, x := range r.Ledger.Releases {
		s.Releases = append(s.Releases, summarizeRelease(x)...)
	}
	if took := pushTimes(r.Ledger); len(took) > 0 {
		s.Push = SummaryPush{Count: len(took), P50Ms: ms(quantile(took, 0.5)), MaxMs: ms(took[len(took)-1])}
	}
	if took := heardTimes(r.Ledger); len(took) > 0 {
		s.Push.Heard = SummaryHeard{Count: len(took), P50Ms: ms(quantile(took, 0.5)), P90Ms: ms(quantile(took, 0.9)), MaxMs: ms(took[len(took)-1])}
	}
	k := r.Ledger.Clock
	s.Clock = SummaryClock{UncertaintyMs: ms(k.Uncertainty), Corrected: k.Corrected, Unsure: k.UncertainLosses}
	for _, o := range r.Result.Expectations {
		s.Expectations = append(s.Expectations, SummaryExpectation{
			Name: o.Expectation.Name, Role: string(o.Expectation.Role), Verdict: string(o.Verdict),
			Want: o.Want, Got: o.Got, Evidence: orEmpty(o.Evidence),
		})
	}
	return s
}

func summarizeArm(l *ledger.Ledger, a ledger.Arm) SummaryArm {
	out := SummaryArm{
		Due: a.Due, Unsent: a.Unsent, Sent: a.Sent, OK: a.OK, Lost: a.Lost, Masked: a.Masked, Releases: a.Releases,
		PredictedLost: [2]int{a.PredictedLow, a.PredictedHigh},
		Unpredicted:   a.Unpredicted,
		ByClass:       orNone(a.ByClass), ByClientClass: orNone(a.ByClientClass), ByHop: orNone(a.ByHop),
		ByWindow: orNone(a.ByWindow), MaskedByHop: orNone(a.MaskedByHop), Received: orNone(a.Received),
		Unexplained: a.Unexplained, LossUpper95: significant(a.LossUpper95), ReleaseLossUpper95: significant(a.ReleaseLossUpper95),
		LongestOutageMs: ms(a.LongestOutage), LatencyMs: summarizeLatency(a.ResponseTime), ServiceMs: summarizeLatency(a.ServiceTime),
		EarlyRequests: a.EarlyRequests, ReadyBeforeRegistered: a.ReadyBeforeRegistered,
	}
	if staleKnown(l, a) {
		v := ms(a.StaleRoute)
		out.StaleRouteMs = &v
	}
	if a.OnlineResponseTime != nil {
		v := summarizeLatency(*a.OnlineResponseTime)
		out.OnlineLatencyMs = &v
	}
	return out
}

func summarizeLatency(l ledger.Latency) SummaryLatency {
	return SummaryLatency{P50: ms(l.P50), P99: ms(l.P99), Max: ms(l.Max)}
}

// summarizeRelease is a line for each arm that the instance served, so that
// losses can be summed.
func summarizeRelease(x ledger.Release) []SummaryRelease {
	var stale *float64
	if x.Deregistered != nil {
		v := ms(x.StaleRoute)
		stale = &v
	}
	var out []SummaryRelease
	for _, arm := range x.Arms {
		out = append(out, SummaryRelease{
			Instance: x.Instance.Pod, Incarnation: x.Instance.Incarnation, Arm: arm, Why: x.Reason,
			AtMs: x.At.Milliseconds(), Lost: x.LostByArm[arm],
			PredictedLost: [2]int{x.PredictedLow, x.PredictedHigh}, StaleRouteMs: stale,
		})
	}
	return out
}

func pushTimes(l *ledger.Ledger) []time.Duration {
	var took []time.Duration
	for _, p := range l.Pushes {
		took = append(took, p.Took)
	}
	slices.Sort(took)
	return took
}

func heardTimes(l *ledger.Ledger) []time.Duration {
	var took []time.Duration
	for _, p := range l.Propagations {
		took = append(took, p.Took)
	}
	slices.Sort(took)
	return took
}

func quantile(sorted []time.Duration, q float64) time.Duration { return exact.Quantile(sorted, q) }

// ms is milliseconds to a hundredth.
func ms(d time.Duration) float64 { return round(millis(d), 2) }

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// significant keeps four digits of a bound, rounded up.
func significant(v float64) float64 {
	if v <= 0 {
		return 0
	}
	p := math.Pow10(3 - int(math.Floor(math.Log10(v))))
	return min(1, math.Ceil(v*p-1e-6)/p)
}

// orEmpty and orNone make null impossible where a reader iterates.
func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func orNone[K comparable](m map[K]int) map[K]int {
	if m == nil {
		return map[K]int{}
	}
	return m
}
