// Package summary writes summary.json: a run in figures, for programs. Its fields
// are a contract, summary.schema.json its JSON Schema.
package summary

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// SchemaName is the format of summary.json. Fields may be added; none changes its
// meaning.
const SchemaName = "zeroloss.summary/v2"

//go:embed summary.schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema of summary.json.
func JSONSchema() []byte { return slices.Clone(jsonSchema) }

// Summary is a run in figures.
type Summary struct {
	Schema       string         `json:"schema"`
	Scenario     string         `json:"scenario"`
	Runtime      string         `json:"runtime"`
	Seed         uint64         `json:"seed"`
	Speed        float64        `json:"speed"`
	Verdict      string         `json:"verdict"`
	Reasons      []string       `json:"reasons"`
	Generator    Generator      `json:"generator"`
	Arms         map[string]Arm `json:"arms"`
	Releases     []Release      `json:"releases"`
	Propagation  Propagation    `json:"propagation"`
	Clock        Clock          `json:"clock"`
	Warmups      []Warmup       `json:"warmups"`
	Expectations []Expectation  `json:"expectations"`
}

// Generator says whether the load was sent as declared.
type Generator struct {
	Due               int     `json:"due"`
	Sent              int     `json:"sent"`
	Unsent            int     `json:"unsent"`
	UnsentNearRelease int     `json:"unsentNearRelease"`
	RateErrorPercent  float64 `json:"rateErrorPercent"`
	SlipP99Ms         float64 `json:"slipP99Ms"`
}

// Arm is one side of the comparison.
type Arm struct {
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
	LatencyMs          Latency               `json:"latencyMs"`    // from due to done, of ok requests
	ServiceMs          Latency               `json:"serviceMs"`    // from sent to done

	// Of starting instances; null: not measured.
	EarlyRequests         *int     `json:"earlyRequests"`         // sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered *int     `json:"readyBeforeRegistered"` // instances
	OnlineLatencyMs       *Latency `json:"onlineLatencyMs"`       // of requests due while an instance came online
}

// Latency is quantiles in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Release is one instance taken out, for one of the arms that it served.
type Release struct {
	Instance      string   `json:"instance"` // pod
	Incarnation   int      `json:"incarnation"`
	Arm           string   `json:"arm"`
	Reason        string   `json:"reason"` // scale-in, rollout, drain, kill, crash
	AtMs          int64    `json:"atMs"`
	Lost          int      `json:"lost"`
	PredictedLost [2]int   `json:"predictedLost"` // of all its arms
	StaleRouteMs  *float64 `json:"staleRouteMs"`  // null: it is not known when it deregistered
}

// Propagation is how long the registry took to spread changes.
type Propagation struct {
	// Acknowledged is the time until subscribers acknowledged the push of a
	// change, as the registry server records it.
	Acknowledged Delays `json:"acknowledged"`
	// Received is the time from the acknowledgement of a change to the list of
	// each subscriber, measured the same way in every runtime.
	Received Delays `json:"received"`
}

// Delays sums up a number of times; all is 0 if there are none.
type Delays struct {
	Count int     `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	P90Ms float64 `json:"p90Ms"`
	MaxMs float64 `json:"maxMs"`
}

// Clock is how well times of different clocks compare. On one machine there is
// one clock, and all is 0.
type Clock struct {
	UncertaintyMs   float64 `json:"uncertaintyMs"`   // of the least precise clock, after correction
	Corrected       int     `json:"corrected"`       // clocks whose times were moved
	UncertainLosses int     `json:"uncertainLosses"` // losses whose explanation depends on it
}

// Expectation is one line of the scenario's expectations.
type Expectation struct {
	Name     string   `json:"name"`
	Role     string   `json:"role"`
	Verdict  string   `json:"verdict"`
	Want     string   `json:"want"`
	Got      string   `json:"got"`
	Evidence []string `json:"evidence"`
}

// Render writes summary.json.
func Render(w io.Writer, d *present.Document) error {
	b, err := json.MarshalIndent(Of(d.Run), "", " ")
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// Of reduces a report to its figures.
func Of(r *reports.Report) Summary {
	g, k := r.Ledger.Generator, r.Ledger.Clock
	s := Summary{
		Schema: SchemaName, Scenario: r.Meta.Scenario, Runtime: r.Meta.Runtime, Seed: r.Meta.Seed, Speed: r.Meta.Speed,
		Verdict: string(r.Result.Verdict), Reasons: orEmpty(r.Result.Reasons),
		Generator: Generator{
			Due: g.Due, Sent: g.Sent, Unsent: g.Unsent, UnsentNearRelease: g.UnsentNearRelease,
			RateErrorPercent: round(g.RateErrorPercent, 3), SlipP99Ms: ms(g.SlipP99),
		},
		Arms: map[string]Arm{}, Releases: []Release{}, Warmups: warmups(r.Ledger), Expectations: []Expectation{},
		Propagation: propagation(r.Ledger),
		Clock:       Clock{UncertaintyMs: ms(k.Uncertainty), Corrected: k.Corrected, UncertainLosses: k.UncertainLosses},
	}
	for _, a := range r.Ledger.Arms {
		s.Arms[a.Name] = newArm(r.Ledger, a)
	}
	for _, x := range r.Ledger.Releases {
		s.Releases = append(s.Releases, releasesByArm(x)...)
	}
	for _, o := range r.Result.Expectations {
		s.Expectations = append(s.Expectations, Expectation{
			Name: o.Expectation.Name, Role: string(o.Expectation.Role), Verdict: string(o.Verdict),
			Want: o.Want, Got: o.Got, Evidence: orEmpty(o.Evidence),
		})
	}
	return s
}

func newArm(l *ledger.Ledger, a ledger.Arm) Arm {
	out := Arm{
		Due: a.Due, Unsent: a.Unsent, Sent: a.Sent, OK: a.OK, Lost: a.Lost, Masked: a.Masked, Releases: a.Releases,
		PredictedLost: [2]int{a.PredictedLow, a.PredictedHigh},
		Unpredicted:   a.Unpredicted,
		ByClass:       orNone(a.ByClass), ByClientClass: orNone(a.ByClientClass), ByHop: orNone(a.ByHop),
		ByWindow: orNone(a.ByWindow), MaskedByHop: orNone(a.MaskedByHop), Received: orNone(a.Received),
		Unexplained: a.Unexplained, LossUpper95: RoundUp(a.LossUpper95), ReleaseLossUpper95: RoundUp(a.ReleaseLossUpper95),
		LongestOutageMs: ms(a.LongestOutage), LatencyMs: newLatency(a.ResponseTime), ServiceMs: newLatency(a.ServiceTime),
		EarlyRequests: a.EarlyRequests, ReadyBeforeRegistered: a.ReadyBeforeRegistered,
	}
	if present.StaleRouteKnown(l, a) {
		v := ms(a.StaleRoute)
		out.StaleRouteMs = &v
	}
	if a.OnlineResponseTime != nil {
		v := newLatency(*a.OnlineResponseTime)
		out.OnlineLatencyMs = &v
	}
	return out
}

func newLatency(l ledger.Latency) Latency {
	return Latency{P50: ms(l.P50), P99: ms(l.P99), Max: ms(l.Max)}
}

// releasesByArm returns one for each arm that the instance served, so that losses
// can be summed.
func releasesByArm(x ledger.Release) []Release {
	var stale *float64
	if x.Deregistered != nil {
		v := ms(x.StaleRoute)
		stale = &v
	}
	var out []Release
	for _, arm := range x.Arms {
		out = append(out, Release{
			Instance: x.Instance.Pod, Incarnation: x.Instance.Incarnation, Arm: arm, Reason: x.Reason,
			AtMs: x.At.Milliseconds(), Lost: x.LostByArm[arm],
			PredictedLost: [2]int{x.PredictedLow, x.PredictedHigh}, StaleRouteMs: stale,
		})
	}
	return out
}

func propagation(l *ledger.Ledger) Propagation {
	var acknowledged, received []time.Duration
	for _, p := range l.Pushes {
		acknowledged = append(acknowledged, p.Took)
	}
	for _, p := range l.Propagations {
		received = append(received, p.Took)
	}
	return Propagation{Acknowledged: newDelays(acknowledged), Received: newDelays(received)}
}

func newDelays(took []time.Duration) Delays {
	if len(took) == 0 {
		return Delays{}
	}
	slices.Sort(took)
	return Delays{
		Count: len(took), P50Ms: ms(exact.Quantile(took, 0.5)), P90Ms: ms(exact.Quantile(took, 0.9)), MaxMs: ms(took[len(took)-1]),
	}
}

// ms is d in milliseconds, to a hundredth.
func ms(d time.Duration) float64 { return round(format.Millis(d), 2) }

func round(v float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(v*p) / p
}

// RoundUp keeps four digits of an upper bound, rounded up.
func RoundUp(v float64) float64 {
	if v <= 0 {
		return 0
	}
	p := math.Pow10(3 - int(math.Floor(math.Log10(v))))
	return min(1, math.Ceil(v*p-1e-6)/p)
}

// orEmpty and orNone avoid null for lists and maps.
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
