package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// clientClock is the name of the clock by which requests are sent.
	clientClock = ""
	// harnessClock is the name of the harness's clock, which is no instance's.
	harnessClock = "the harness"
)

// Clocks is how wrong the instants of each clock may be, after correction. A
// clock that was not measured is the load's, or on its machine.
type Clocks struct {
	Measured  int           // clocks whose offset to the load's was measured
	Corrected int           // of these, whose instants were moved: the offset exceeded the error of its measurement
	Worst     time.Duration // the largest uncertainty of a clock
	WorstName string        // the clock that has it

	uncertainty map[string]time.Duration
}

func newClocks(events []record.Event) Clocks {
	c := Clocks{uncertainty: map[string]time.Duration{}}
	measured := map[string]record.Offset{} // the last of each, by which it was corrected
	for _, e := range events {
		if o, ok := e.Payload.(record.ClockOffset); ok {
			measured[cmp.Or(e.Instance.String(), harnessClock)] = record.Offset(o)
		}
	}
	c.Measured = len(measured)
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		o := measured[name]
		if o.Significant() {
			c.Corrected++
		}
		u := time.Duration(o.Uncertainty()) * time.Microsecond
		c.uncertainty[name] = u
		if u > c.Worst {
			c.Worst, c.WorstName = u, name
		}
		if strings.HasPrefix(name, record.LoadPod+"-") { // one of several generators: a request does not tell which one sent it
			c.uncertainty[clientClock] = max(c.uncertainty[clientClock], u)
		}
	}
	return c
}

// Between is how far apart instants of the clocks of two instances have to be
// for their order to be certain. The zero instance is the client: the load pod
// whose clock all others are compared with, or the worst of several.
func (c Clocks) Between(a, b record.Instance) time.Duration {
	if a == b {
		return 0 // one clock
	}
	return c.uncertainty[a.String()] + c.uncertainty[b.String()]
}

// WithHarness is [Clocks.Between] for an instance and the harness.
func (c Clocks) WithHarness(a record.Instance) time.Duration {
	return c.uncertainty[a.String()] + c.uncertainty[harnessClock]
}

// Has reports whether an instance's clock was measured.
func (c Clocks) Has(a record.Instance) bool {
	_, ok := c.uncertainty[a.String()]
	return ok
}
