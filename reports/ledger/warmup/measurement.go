// Package warmup measures the warm-ups of a run: what each consumer sent to an
// instance that started under load, what it should have sent by the rule that
// the instance publishes, and whether the two agree.
//
// A [Meter] finds the warm-ups in the history of the run, takes in the calls of
// every request, and returns one [Measurement] per warm-up. The statistics are
// those of reports/curve.
package warmup

import (
	"time"

	"zeroloss/demo-services/settings"
	model "zeroloss/demo-services/warmup"
	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
)

// Measurement is the warm-up of one instance that started under load: the rule
// that its consumers were to follow, and what they did.
type Measurement struct {
	Instance               record.Instance
	Workload, Service, Tag string
	Arms                   []string // whose requests can reach it
	Model                  string
	Curve                  float64       // the model's parameter; 0 is its default
	Window                 time.Duration // as in the instance's metadata
	Start                  time.Duration // offset from zero at which its age is 0
	// Buckets are the decisions of each consumer in the parts of the window in
	// which it saw the same instances throughout, up to a quarter of a window
	// beyond the end.
	Buckets []curve.Bucket

	// Instants of its start, as offsets from zero; nil: did not happen.
	Listening, Registered, Ready, WarmedUp *time.Duration
	// Coverage is how much of the window the load lasted and the instance
	// stayed, in windows: under 1 the whole is not known.
	Coverage float64
	Peers    []record.Instance // of its service and version that were called too, by name
	Bins     []Bin             // its picture, by time
	Finding
}

// Bin is one interval of a warm-up as it is drawn: the calls of the service and
// version, and the instances that consumers chose.
type Bin struct {
	From, To time.Duration // offsets from zero
	Sent     int           // calls of the service and version, by all consumers
	Got      int           // of these, to the instance that warms up
	Others   []int         // to each of Measurement.Peers
	Failed   int           // of Got
	// Expected is what Got should be: for each call, the weight that its consumer
	// should have given to the instance that warms up, as a share of the weights
	// of all instances in its list. Low and High are the band around it (95 %).
	Expected, Low, High float64
	Weight              float64       // as declared, in the middle: 0..1 of a warm instance's
	Latency             time.Duration // median of Got's, failed ones included, as the callers measured it: with the callee's own calls; 0 is none
	OthersLatency       time.Duration // likewise of the calls to Others
}

// QPS is n requests of the bin as a rate.
func (b Bin) QPS(n float64) float64 { return n / (b.To - b.From).Seconds() }

// Shape is the weight that was declared, by age.
func (w Measurement) Shape() curve.Shape {
	return ruleShape(settings.Warmup{Model: w.Model, Curve: w.Curve, Window: w.Window})
}

func ruleShape(s settings.Warmup) curve.Shape {
	m, err := model.Find(s.Model)
	if err != nil {
		return curve.Flat()
	}
	return curve.ModelShape(m, s.Curve, s.Window)
}
