package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// streams are a run's events, by file; each in the order in which it was
// written.
type streams map[string][]record.Event

func readStreams(t *testing.T, dir string) streams {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, rundir.EventsDir, "*.ndjson"))
	require.NoError(t, err)
	out := streams{}
	for _, path := range files {
		f, err := os.Open(path)
		require.NoError(t, err)
		events, _, err := record.ReadEvents(f)
		require.NoError(t, errors.Join(err, f.Close()))
		out[strings.TrimSuffix(filepath.Base(path), ".ndjson")] = events
	}
	return out
}

// steps are the journal lines of one machine.
func steps(events []record.Event, name string) []record.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e record.Event) bool {
		return e.Text != name || e.Kind != record.StepInput && e.Kind != record.StepDone
	})
}

func lines(events []record.Event) (out []machine.Line) {
	for _, e := range events {
		out = append(out, machine.Line{Kind: string(e.Kind), Data: e.Data})
	}
	return out
}

// replay feeds all inputs of a run to fresh machines: the control plane, and
// each instance's lifecycle and view. It says at which step one of them did
// what the run did not.
func replay(r *rundir.Run, all streams) error {
	errs := []error{replayControl(r.Plan.Control, steps(all[rundir.Harness], run.MachineName))}
	for name, events := range all {
		if err := lossless.Replay(lines(steps(events, "lossless"))); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle of %s: %w", name, err))
		}
		if err := consumer.Replay(lines(steps(events, "consumer"))); err != nil {
			errs = append(errs, fmt.Errorf("view of %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func replayControl(cfg control.Config, events []record.Event) error {
	plane, err := control.New(cfg)
	if err != nil {
		return err
	}
	for i := 0; i < len(events); i++ {
		var in control.TimedEvent
		if err := json.Unmarshal(events[i].Data, &in); err != nil || events[i].Kind != record.StepInput {
			return fmt.Errorf("control plane, line %d: no input: %w", i, err)
		}
		got := []byte("null")
		if actions := plane.Step(in.At, in.Event); len(actions) > 0 {
			if got, err = json.Marshal(actions); err != nil {
				return err
			}
		}
		want := []byte("null")
		if i+1 == len(events) {
			return nil // killed before it could write what came of it
		}
		if events[i+1].Kind == record.StepDone {
			i++
			want = events[i].Data
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("control plane at %v, event %s: got %s, the run has %s", in.At, events[i].Data, got, want)
		}
	}
	return nil
}

// span is a view as it was for a while: whom it could pick, by wanted tag.
type span struct {
	from, to record.Micros
	could    map[string][]record.Instance
}

// wantedTags are those that the streams of the short scenario ask for.
var wantedTags = []string{"", "gray"}

// spans replays a view. It was in a state at the earliest when the step's own
// time had come, and at the latest when the next step was written down: picks
// come from other goroutines.
func spans(events []record.Event) (out []span, err error) {
	var view *consumer.View
	var cfg consumer.Config
	for _, e := range events {
		if e.Kind != record.StepInput {
			continue
		}
		var in machine.Input
		if err := json.Unmarshal(e.Data, &in); err != nil {
			return nil, err
		}
		if in.Config != nil {
			if err := json.Unmarshal(in.Config, &cfg); err != nil {
				return nil, err
			}
			view = consumer.New(cfg)
			continue
		}
		var event consumer.Event
		if err := json.Unmarshal(in.Event, &event); err != nil {
			return nil, err
		}
		view.Step(in.Now, event)
		if len(out) > 0 {
			out[len(out)-1].to = e.At
		}
		s := span{from: record.Micros(cfg.Epoch*1000) + record.Micros(in.Now.Microseconds()), to: 1 << 62, could: map[string][]record.Instance{}}
		for _, tag := range wantedTags {
			// As often as it takes to come round to everyone.
			for range 8 * (len(view.Hosts()) + 1) {
				if h, _, err := view.Pick(in.Now, tag); err == nil && !slices.Contains(s.could[tag], h.Instance) {
					s.could[tag] = append(s.could[tag], h.Instance)
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// picks holds every call that the trails tell of against the caller's view at
// that time: the callee was on its list, of the right version, and not marked
// while another was there. It returns how many it has looked at.
func picks(r *rundir.Run, all streams) (n int, err error) {
	views := map[record.Instance][]span{}
	for _, events := range all {
		if journal := steps(events, "consumer"); len(journal) > 0 {
			s, err := spans(journal)
			if err != nil {
				return 0, err
			}
			views[journal[0].Instance] = s
		}
	}
	for _, q := range r.Requests {
		for _, hop := range q.Trail {
			c := hop.Call
			if c == nil || c.Callee == (record.Instance{}) {
				continue
			}
			n++
			fits := slices.ContainsFunc(views[hop.Instance], func(s span) bool {
				return s.from <= c.At && q.Sent <= s.to && slices.Contains(s.could[c.Wanted], c.Callee)
			})
			if !fits {
				err = errors.Join(err, fmt.Errorf("%s#%d: %v called %v for tag %q, whom it could not pick then", q.Stream, q.Seq, hop.Instance, c.Callee, c.Wanted))
			}
		}
	}
	return n, err
}

// replays asserts both of a run directory, and returns how many picks there
// were.
func replays(t *testing.T, dir string) int {
	t.Helper()
	r, err := rundir.Open(dir)
	require.NoError(t, err)
	all := readStreams(t, dir)
	require.NoError(t, replay(r, all))
	n, err := picks(r, all)
	require.NoError(t, err)
	return n
}

// differs asserts that replay notices each change of one recorded input, and
// picks a callee that was not to be had.
func differs(t *testing.T, dir string) {
	t.Helper()
	r, err := rundir.Open(dir)
	require.NoError(t, err)
	for what, change := range map[string]struct{ machine, old, new string }{
		"another pod is killed":        {run.MachineName, `"kind":"kill-pod","workload":"spring-cloud-b"`, `"kind":"kill-pod","workload":"spring-cloud-c"`},
		"a workload keeps its size":    {run.MachineName, `"kind":"set-scale","workload":"spring-cloud-b-gray","n":1`, `"kind":"set-scale","workload":"spring-cloud-b-gray","n":2`},
		"the registry says no":         {"lossless", `"kind":"registered","op":`, `"kind":"registered","op":9`},
		"TERM does not come":           {"lossless", `"kind":"term"`, `"kind":"trem"`},
		"a list is pushed empty":       {"consumer", `"kind":"pushed","hosts":[`, `"kind":"pushed","hoses":[`},
		"a mark is another instance's": {"consumer", `"kind":"marked","of":{`, `"kind":"marked","off":{`},
	} {
		all := readStreams(t, dir)
		require.True(t, all.change(change.machine, change.old, change.new), "%s: no input has %s", what, change.old)
		require.Error(t, replay(r, all), what)
	}
	q := slices.IndexFunc(r.Requests, func(q record.Request) bool { return len(q.Trail) > 1 && q.Trail[1].Call != nil })
	require.GreaterOrEqual(t, q, 0)
	r.Requests[q].Trail[1].Call.Callee.Incarnation++
	_, err = picks(r, readStreams(t, dir))
	require.ErrorContains(t, err, "whom it could not pick then")
}

// change replaces a text in the first input of a machine that has it.
func (s streams) change(name, old, new string) bool {
	for _, events := range s {
		for i, e := range events {
			if e.Kind == record.StepInput && e.Text == name && bytes.Contains(e.Data, []byte(old)) {
				events[i].Data = bytes.Replace(e.Data, []byte(old), []byte(new), 1)
				return true
			}
		}
	}
	return false
}
