package replay

import (
	"encoding/json"
	"fmt"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// Kubernetes lists where our control plane decides otherwise than the cluster
// of a run did. harness is the name of the stream that has the cluster's
// inputs; the others are the instances' own.
func Kubernetes(cfg control.Config, s Streams, harness string) ([]control.Difference, error) {
	o, err := observed(s, harness)
	if err != nil {
		return nil, err
	}
	return control.Compare(cfg, o)
}

func observed(s Streams, harness string) (control.Observed, error) {
	var o control.Observed
	for _, e := range Steps(s[harness], control.MachineName) {
		if e.Kind != record.KindMachineInput {
			continue
		}
		var in control.TimedEvent
		if err := json.Unmarshal(e.Data, &in); err != nil {
			return o, fmt.Errorf("reading what the cluster did: %w", err)
		}
		o.Inputs = append(o.Inputs, in)
		// A line is written after what it tells of: the earliest is nearest.
		if began := e.At.Add(-in.At); o.Began == 0 || began < o.Began {
			o.Began = began
		}
	}
	for name, events := range s {
		if name != harness {
			o.Own = append(o.Own, events...)
		}
	}
	return o, nil
}
