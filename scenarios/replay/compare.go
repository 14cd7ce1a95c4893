package replay

import (
	"encoding/json"
	"fmt"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// CompareWithKubernetes lists the decisions of a cluster that the simulated
// control plane takes differently. harness is the name of the event log with
// the inputs of the cluster; the other logs are those of the instances.
func CompareWithKubernetes(cfg control.Config, s EventLogs, harness string) ([]control.Difference, error) {
	o, err := observed(s, harness)
	if err != nil {
		return nil, err
	}
	return control.Compare(cfg, o)
}

func observed(s EventLogs, harness string) (control.RecordedRun, error) {
	var o control.RecordedRun
	for _, e := range MachineEvents(s[harness], control.MachineName) {
		step, ok := e.Payload.(record.MachineInput)
		if !ok {
			continue
		}
		var in control.TimedEvent
		if err := json.Unmarshal(step.Data, &in); err != nil {
			return o, fmt.Errorf("reading what the cluster did: %w", err)
		}
		o.Inputs = append(o.Inputs, in)
		// An input is recorded after its time: the earliest result is
		// closest.
		if began := e.At.Add(-in.At); o.Start == 0 || began < o.Start {
			o.Start = began
		}
	}
	for name, events := range s {
		if name != harness {
			o.InstanceEvents = append(o.InstanceEvents, events...)
		}
	}
	return o, nil
}
