package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// Clock is how well instants of different clocks can be compared. All are on
// the load's clock; on one machine there is one, and all of it is zero.
type Clock struct {
	Measured        int           // clocks whose offset to the load's was measured
	Corrected       int           // of these, whose instants were moved: it was more than the measurement's own error
	Uncertainty     time.Duration // how wrong the worst may still be
	WorstClock      string        // whose that is
	UncertainLosses int           // losses whose explanation hangs on an order of instants that lie closer together
	PushDelay       time.Duration // what it has to be small against: how long a release goes unheard
}

// client is the name of the clock that requests are sent by.
const client = ""

// harnessClock is the name of the harness's own, which is no instance's.
const harnessClock = "the harness"

// clocks are how wrong each clock's instants may be; one that was not
// measured is the load's own, or of its machine.
type clocks struct {
	sum    Clock
	within map[string]time.Duration
}

func newClocks(events []record.Event, push time.Duration) clocks {
	c := clocks{within: map[string]time.Duration{}, sum: Clock{PushDelay: push}}
	measured := map[string]record.Offset{} // the last of each, by which it was corrected
	for _, e := range events {
		var o record.Offset
		if e.Kind == record.KindClockOffset && json.Unmarshal(e.Data, &o) == nil {
			measured[cmp.Or(e.Instance.String(), harnessClock)] = o
		}
	}
	c.sum.Measured = len(measured)
	for _, name := range slices.Sorted(maps.Keys(measured)) {
		o := measured[name]
		if o.Significant() {
			c.sum.Corrected++
		}
		c.within[name] = time.Duration(o.Doubt()) * time.Microsecond
		if c.within[name] > c.sum.Uncertainty {
			c.sum.Uncertainty, c.sum.WorstClock = c.within[name], name
		}
		if strings.HasPrefix(name, rundir.Load+"-") { // one of several generators: which sent a request is not told
			c.within[client] = max(c.within[client], c.within[name])
		}
	}
	return c
}

// between is how far apart instants of two clocks have to be for their order
// to be certain. The zero instance is the client: the load pod whose clock all
// go by, or the worst of several.
func (c clocks) between(a, b record.Instance) time.Duration {
	if a == b {
		return 0 // one clock
	}
	return c.within[a.String()] + c.within[b.String()]
}

// harness is likewise, with the harness's clock.
func (c clocks) harness(a record.Instance) time.Duration {
	return c.within[a.String()] + c.within[harnessClock]
}

// order is two instants that an explanation puts in order, and by how much
// their clocks may be wrong.
type order struct {
	a, b   record.Micros
	within time.Duration
}

// uncertain is the words for an explanation that hangs on one of orders, and
// whether it does.
func uncertain(orders ...order) (string, bool) {
	for _, o := range orders {
		if o.within > 0 && near(o.a, o.b, o.within) {
			return fmt.Sprintf(" (within the clocks' uncertainty of %s)", ms(o.within)), true
		}
	}
	return "", false
}

// measureWithin is how long an instance may take to measure its clock: eight
// questions, 50 ms apart, and a busy machine.
const measureWithin = 5 * time.Second

// unmeasured are the instances that lived for longer than that
// without a word on their clock, where others have one.
func (b *books) unmeasured() []string {
	if b.clocks.sum.Measured == 0 {
		return nil // one machine, one clock
	}
	var out []string
	for _, l := range b.w.order {
		name := l.instance.String()
		until := cmp.Or(l.since(record.KindContainerExited, record.KindKillSent), b.w.end)
		if _, ok := b.clocks.within[name]; !ok && l.known && l.own && until.Sub(l.first) > measureWithin {
			out = append(out, "the clock of "+name+" was never measured: its instants cannot be compared with others'; run it again")
		}
	}
	return out
}
