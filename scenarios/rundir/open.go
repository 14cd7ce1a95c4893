package rundir

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// Run is the content of a run directory, as far as it could be read.
type Run struct {
	Path     string
	Meta     Meta
	Plan     *plan.Plan
	Requests []record.Request // from all logs; one log: in its order, several: in the order in which requests ended
	Events   []record.Event   // from all files, by time

	Zero record.Micros // the plan's time zero; 0 if it was never reached
	End  record.Micros // end of the run; 0 if it was never reached
	// Interrupted means that the run was ended early, or is still running.
	Interrupted bool
	// Incomplete is why the events of an instance are incomplete, by
	// "pod/incarnation". It does not contain instances that the harness killed.
	Incomplete map[string]string
	// Torn lists the parts of the logs that could not be read.
	Torn []string
}

// Open reads the run directory dir. It reads as much as a killed run has left,
// and reports what is missing in Interrupted, Incomplete and Torn. An error means
// that there is no run to report on: ErrNotFound, ErrNoRun, ErrTruncated,
// ErrNewer, or the system's.
func Open(dir string) (*Run, error) {
	r := &Run{Path: dir, Incomplete: map[string]string{}}
	fi, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("opening %q: %w; runs are kept under runs/, the last one is runs/latest", dir, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("opening run directory: %w", err)
	case !fi.IsDir():
		return nil, fmt.Errorf("opening %q: %w: it is a file; pass the directory that contains it", dir, ErrNoRun)
	}
	if err := r.readMeta(); err != nil {
		return nil, err
	}
	if err := r.readPlan(); err != nil {
		return nil, err
	}
	if err := r.readRequests(); err != nil {
		return nil, err
	}
	if err := r.readEvents(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Run) readMeta() error {
	return r.readJSON(MetaFile, Schema, &r.Meta)
}

func (r *Run) readPlan() error {
	r.Plan = &plan.Plan{}
	return r.readJSON(PlanFile, plan.Schema, r.Plan)
}

// readJSON reads a file of a run directory whose format is schema, "name/vN". It
// is strict about the format and about fields: a field that this version does
// not know could change what the run meant.
func (r *Run) readJSON(name, schema string, into any) error {
	b, err := os.ReadFile(filepath.Join(r.Path, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("opening %q: %w: it has no %s%s", r.Path, ErrNoRun, name, r.killedBeforeStart())
	}
	if err != nil {
		return fmt.Errorf("opening run directory: %w", err)
	}
	var head struct{ Schema string }
	if err := json.Unmarshal(b, &head); err != nil {
		return jsonError(r.Path, name, b, err)
	}
	if err := checkSchema(head.Schema, schema); err != nil {
		return fmt.Errorf("opening %q: %s: %w", r.Path, name, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return jsonError(r.Path, name, b, err)
	}
	return nil
}

// killedBeforeStart returns an explanation if only the lock of a run is left.
func (r *Run) killedBeforeStart() string {
	if _, err := os.Stat(filepath.Join(r.Path, LockFile)); err != nil {
		return ""
	}
	return "; the run was killed before it began"
}

func jsonError(dir, name string, b []byte, err error) error {
	var syntax *json.SyntaxError
	if len(bytes.TrimSpace(b)) == 0 || errors.As(err, &syntax) && syntax.Offset >= int64(len(b)) {
		return fmt.Errorf("opening %q: %s: %w: it ends after %d bytes; the run was killed, or the copy is incomplete",
			dir, name, ErrTruncated, len(b))
	}
	return fmt.Errorf("opening %q: %s: %w: %w", dir, name, ErrNoRun, err)
}

func checkSchema(got, want string) error {
	if got == want {
		return nil
	}
	name, version, _ := strings.Cut(want, "/v")
	gotName, gotVersion, ok := strings.Cut(got, "/v")
	g, err := strconv.Atoi(gotVersion)
	w, werr := strconv.Atoi(version)
	if ok && err == nil && werr == nil && gotName == name && g != w {
		return fmt.Errorf("%w: it has schema %q, and this version reads %q; use the version that wrote it", ErrOtherVersion, got, want)
	}
	return fmt.Errorf("%w: schema %q, want %q", ErrNoRun, got, want)
}

func (r *Run) readRequests() error {
	entries, err := os.ReadDir(r.Path)
	if err != nil {
		return fmt.Errorf("opening run directory: %w", err)
	}
	logs := 0
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, requestsPrefix) && strings.HasSuffix(n, requestsExt) {
			logs++
			if err := r.readLog(filepath.Join(r.Path, n)); err != nil {
				return err
			}
		}
	}
	switch {
	case logs == 0:
		r.addTorn("%s: missing; the load never started", RequestsFile)
	case logs > 1:
		// This is the order in which one generator would have logged them.
		slices.SortStableFunc(r.Requests, func(a, b record.Request) int {
			return cmp.Or(cmp.Compare(max(a.Due, a.Done), max(b.Due, b.Done)), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Seq, b.Seq))
		})
	}
	return nil
}

func (r *Run) readLog(path string) error {
	name := filepath.Base(path)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening run directory: %w", err)
	}
	defer f.Close()
	requests, tail, err := record.ReadRequests(f)
	switch {
	case errors.Is(err, record.ErrNewer):
		return fmt.Errorf("opening %q: %s: %w: %w", r.Path, name, ErrOtherVersion, err)
	case errors.Is(err, record.ErrNotRequestLog):
		r.addTorn("%s: %v", name, err)
	case err != nil:
		return fmt.Errorf("opening %q: %s: %w", r.Path, name, err)
	case tail.Reason != nil:
		r.addTorn("%s: %d bytes dropped %v", name, tail.Dropped, tail.Reason)
	case !tail.Complete:
		r.addTorn("%s: has no end; the load generator was killed", name)
	}
	r.Requests = append(r.Requests, requests...)
	return nil
}

func (r *Run) addTorn(format string, args ...any) {
	r.Torn = append(r.Torn, fmt.Sprintf(format, args...))
}

func (r *Run) readEvents() error {
	entries, err := os.ReadDir(filepath.Join(r.Path, EventsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("opening run directory: %w", err)
	}
	open := map[record.Instance]string{}  // instances without an end
	hasFile := map[record.Instance]bool{} // instances with an event file
	names := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), eventsExt); ok {
			names[name] = true
			if err := r.readEventFile(name, open, hasFile); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(r.Events, func(a, b record.Event) int { return cmp.Compare(a.At, b.At) })
	r.findBounds()
	r.checkRequiredEvents(names)
	for _, e := range r.Events {
		if e.Kind() == record.KindContainerStarted && !hasFile[e.Instance] && r.WritesEvents(e.Workload) {
			open[e.Instance] = "it was started but has no events"
		}
	}
	for i, why := range open {
		if !killed(r.Events, i) {
			r.Incomplete[i.String()] = why
		}
	}
	return nil
}

func (r *Run) readEventFile(name string, open map[record.Instance]string, hasFile map[record.Instance]bool) error {
	f, err := os.Open(filepath.Join(r.Path, EventsDir, name+eventsExt))
	if err != nil {
		return fmt.Errorf("opening run directory: %w", err)
	}
	defer f.Close()
	events, tail, err := record.ReadEvents(f)
	if err != nil {
		return fmt.Errorf("opening %q: events of %s: %w", r.Path, name, err)
	}
	r.Events = append(r.Events, events...)
	i, isInstance := parseEventsName(name)
	hasFile[i] = true
	unread := fmt.Sprintf("%s (%d bytes) could not be read", format.Count(tail.Lines, "line"), tail.Bytes)
	if kind, n := unknownKind(events); n > 0 {
		r.addTorn("%s/%s%s: %s of a kind that this version does not know, such as %q", EventsDir, name, eventsExt, format.Count(n, "event"), kind)
	}
	if tail.Ends > 1 {
		r.addTorn("%s/%s%s: it ends %d times; its lines are there more than once", EventsDir, name, eventsExt, tail.Ends)
	}
	switch {
	case isInstance && !tail.Complete:
		open[i] = noEnd(events)
	case isInstance && tail.Lines > 0:
		open[i] = unread
	case isInstance:
	case tail.Lines > 0:
		r.addTorn("%s/%s%s: %s", EventsDir, name, eventsExt, unread)
	case !tail.Complete:
		r.addTorn("%s/%s%s: has no end; its writer was killed, or the copy is incomplete", EventsDir, name, eventsExt)
	}
	return nil
}

// unknownKind counts the events of kinds that this version does not know, and
// names the first of them.
func unknownKind(events []record.Event) (first record.Kind, n int) {
	for _, e := range events {
		if u, ok := e.Payload.(record.Unknown); ok {
			first = cmp.Or(first, u.Name)
			n++
		}
	}
	return first, n
}

// checkRequiredEvents reports missing events that would make the ledger wrong:
// without the load's events, the shutdown at the end of a run looks like
// releases. An interrupted run may lack them, as it proves nothing anyway. files
// are the names of the event files.
func (r *Run) checkRequiredEvents(files map[string]bool) {
	if r.Interrupted {
		return
	}
	if !slices.ContainsFunc(r.Events, func(e record.Event) bool { return e.Kind() == record.KindLoadEnd }) {
		r.addTorn("%s: no event says when the load ended", EventsDir)
	}
	if !r.Meta.InCluster() && !files[RegistryServer] {
		r.addTorn("%s/%s%s: missing; what the registry did is unknown", EventsDir, RegistryServer, eventsExt)
	}
}

func noEnd(events []record.Event) string {
	if len(events) == 0 {
		return "it wrote no events"
	}
	return fmt.Sprintf("its events have no end; the last one is %q", events[len(events)-1].Kind())
}

// parseEventsName parses the result of [EventsName]. It returns false for the
// files of the harness, the registry and the load.
func parseEventsName(name string) (record.Instance, bool) {
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 {
		return record.Instance{}, false
	}
	n, err := strconv.Atoi(name[dot+1:])
	return record.Instance{Pod: name[:dot], Incarnation: n}, err == nil && n > 0
}

func (r *Run) findBounds() {
	ended := slices.ContainsFunc(r.Events, func(e record.Event) bool { return e.Kind() == record.KindConcluded || e.Kind() == record.KindAborted })
	r.Zero = record.Micros(r.Meta.ZeroMicros)
	for _, e := range r.Events {
		switch e.Kind() {
		case record.KindTimeZero:
			r.Zero = e.At
		case record.KindRunEnd:
			r.End = e.At
		case record.KindInterrupted:
			// The load also reports this if it was ended on purpose.
			r.Interrupted = r.Interrupted || !ended || e.Instance == (record.Instance{})
		default: // it bounds nothing
		}
	}
	r.Interrupted = r.Interrupted || r.End == 0
}

// WritesEvents reports whether workload's instances write events.
func (r *Run) WritesEvents(workload string) bool {
	return slices.ContainsFunc(r.Plan.Workloads, func(w plan.Workload) bool { return w.Name == workload && !w.External })
}

// killed reports whether the harness killed i, so that i could not write the end
// of its events.
func killed(events []record.Event, i record.Instance) bool {
	return slices.ContainsFunc(events, func(e record.Event) bool {
		return e.Kind() == record.KindKillSent && e.Instance == i
	})
}
