package ledger

import (
	"fmt"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
)

// earlyEnd is the event that ended the load before its time, on purpose:
// Concluded or Aborted. The zero event: the load was not ended early.
func earlyEnd(events []record.Event) record.Event {
	for _, e := range events {
		if k := e.Kind(); k == record.KindConcluded || k == record.KindAborted {
			return e
		}
	}
	return record.Event{}
}

// wanted is how many requests a stream should have. If the load was ended early
// these are what its log has: [fitness.truncatedLog] compares that with what the
// generator reports.
func (f defectFinder) wanted(s *streamAccount) uint64 {
	if earlyEnd(f.in.Events).Kind() != "" {
		return min(s.sequence.top(), s.spec.Count())
	}
	return s.spec.Count()
}

// truncatedLog checks whether the log of a load that was ended early ends where
// the generator did.
func (f defectFinder) truncatedLog() []string {
	if earlyEnd(f.in.Events).Kind() == "" {
		return nil
	}
	reported, logged := 0, 0
	for _, e := range f.in.Events {
		if end, ok := e.Payload.(record.LoadEnd); ok {
			reported += end.Sent
		}
	}
	for _, s := range f.intake.streams {
		logged += s.Sent
	}
	if reported == logged {
		return nil
	}
	return []string{fmt.Sprintf("the load ended early: the generator reports that it sent %s, but its log has %d", format.Count(reported, "request"), logged)}
}
