package reports

import (
	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/rundir"
)

// Assemble reads the run directory dir, counts its requests and judges them by the
// expectations of its own plan. Errors are those of [rundir.Open]. A run that was
// killed is not an error: its verdict is invalid.
func Assemble(dir string) (*Report, error) {
	run, err := rundir.Open(dir)
	if err != nil {
		return nil, err
	}
	return FromRun(run, gate.Criteria{}, run.Plan.Expect), nil
}

// FromRun counts the requests of run and judges them by the given criteria (zero
// values are the defaults) and expectations.
func FromRun(run *rundir.Run, c gate.Criteria, es []expect.Expectation) *Report {
	l := ledger.Build(ledger.Input{
		Plan: run.Plan, Zero: run.Zero, End: run.End, Requests: run.Requests, Events: run.Events,
		Incomplete: run.Incomplete, Torn: run.Torn, Interrupted: run.Interrupted, Runtime: run.Meta.Runtime,
	})
	return &Report{
		Meta: run.Meta, Plan: run.Plan, Ledger: l,
		Result: gate.Judge(c, l, es), Points: points(run, l),
	}
}

// points returns every request that was sent.
func points(run *rundir.Run, l *ledger.Ledger) []Point {
	type id struct {
		stream string
		seq    uint64
	}
	lost := make(map[id]record.Class, len(l.Losses))
	for i := range l.Losses {
		x := &l.Losses[i]
		lost[id{x.Stream, x.Seq}] = x.Class
	}
	out := make([]Point, 0, len(run.Requests))
	for i := range run.Requests {
		r := &run.Requests[i]
		if r.Unsent {
			continue
		}
		class, isLost := lost[id{r.Stream, r.Seq}]
		out = append(out, Point{
			Stream: r.Stream, DueMs: format.Millis(r.Due.Sub(run.Zero)), LatencyMs: format.Millis(r.Done.Sub(r.Due)),
			Lost: isLost, Masked: !isLost && resent(r), Class: string(class),
		})
	}
	return out
}

// resent reports whether a delivery of r failed and was silently sent again.
func resent(r *record.Request) bool {
	if len(r.Attempts) > 0 {
		return true
	}
	for i := range r.Trail {
		if c := r.Trail[i].Call; c != nil && len(c.Masked) > 0 {
			return true
		}
	}
	return false
}
