package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
)

// Offset is a time since the run's beginning.
type Offset = time.Duration

// viewInterval is what a view allowed for a while: the instances to pick, by
// tag.
type viewInterval struct {
	from, to record.Micros
	could    map[string][]record.Instance
}

// viewIntervals replays a view. Picks come from other goroutines: a view is
// in a state at the earliest at the time of the step, and at the latest when
// the next step is recorded.
func viewIntervals(events []record.Event, tags []string) (out []viewInterval, err error) {
	var view *consumer.View
	var cfg consumer.Config
	for _, e := range events {
		step, ok := e.Payload.(record.MachineInput)
		if !ok {
			continue
		}
		var in machine.Input
		if err := json.Unmarshal(step.Data, &in); err != nil {
			return nil, fmt.Errorf("reading a view's input: %w", err)
		}
		if in.Config != nil {
			if err := json.Unmarshal(in.Config, &cfg); err != nil {
				return nil, fmt.Errorf("reading a view's settings: %w", err)
			}
			view = consumer.New(cfg)
			continue
		}
		var event consumer.Event
		if err := json.Unmarshal(in.Event, &event); err != nil {
			return nil, fmt.Errorf("reading a view's event: %w", err)
		}
		view.Step(in.Now, event)
		if len(out) > 0 {
			out[len(out)-1].to = e.At
		}
		out = append(out, viewInterval{from: clockZero(cfg) + record.Micros(in.Now.Microseconds()), to: 1 << 62, could: candidatesByTag(view, tags)})
	}
	return out, nil
}

// clockZero is the time at which a view's clock is 0. The view's epoch is on
// the consumer's own clock, which a scenario may set wrong; records are on
// the right clock.
func clockZero(cfg consumer.Config) record.Micros {
	return record.Micros(cfg.Epoch*1000 - cfg.Consumer.ClockSkew.Microseconds())
}

// candidatesByTag are the instances that a view may pick, for each tag.
func candidatesByTag(view *consumer.View, tags []string) map[string][]record.Instance {
	out := map[string][]record.Instance{}
	for _, tag := range tags {
		for _, h := range view.Candidates(tag) {
			out[tag] = append(out[tag], h.Instance)
		}
	}
	return out
}

// CheckPicks checks each call in the trails of requests against the caller's
// view at that time: the callee was on its list, of the right version (one of
// tags), and not marked while an unmarked one was there. It returns the
// number of calls checked.
func CheckPicks(requests []record.Request, s EventLogs, tags []string) (n int, err error) {
	views := map[record.Instance][]viewInterval{}
	for _, events := range s {
		if journal := MachineEvents(events, Consumer); len(journal) > 0 {
			v, err := viewIntervals(journal, tags)
			if err != nil {
				return 0, err
			}
			views[journal[0].Instance] = v
		}
	}
	for _, q := range requests {
		for _, hop := range q.Trail {
			c := hop.Call
			if c == nil || c.Callee == (record.Instance{}) {
				continue
			}
			n++
			fits := slices.ContainsFunc(views[hop.Instance], func(v viewInterval) bool {
				return v.from <= c.At && q.Sent <= v.to && slices.Contains(v.could[c.Wanted], c.Callee)
			})
			if !fits {
				err = errors.Join(err, fmt.Errorf("%s#%d: %v called %v for tag %q, which its view did not allow", q.Stream, q.Seq, hop.Instance, c.Callee, c.Wanted))
			}
		}
	}
	return n, err
}
