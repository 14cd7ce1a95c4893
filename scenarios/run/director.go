package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

const (
	// upTimeout is how long all pods have to be registered and seen, where
	// the runtime has no terms of its own.
	upTimeout = 15 * time.Second
	// zeroLead is what the load generator has to start before time zero,
	// likewise.
	zeroLead = 500 * time.Millisecond
	// loadSlack is how much longer than its streams the load may take: its
	// last answers, and the closing of its log.
	loadSlack = 10 * time.Second
	// lastWord bounds the end: whatever is left then is named and given up.
	lastWord = 8 * time.Second
)

type stage int

const (
	raising stage = iota // pods come up
	settled              // time zero is set
	playing              // load and steps
	closing              // everything is told to go
	over
)

func (s stage) String() string {
	return [...]string{"starting", "waiting", "running", "ending", "over"}[s]
}

// Director decides the course of a run: when it has come up, when time zero
// is, when steps come and when it is over. It contains the control plane and
// writes down each of its inputs and outputs. It is pure, like the plane.
//
//	raising ─ all registered and seen ─▶ settled ─ zero ─▶ playing ─ load over ─▶ closing ─ all gone ─▶ over
//	   └───── 15 s, a failure, an interruption ───────────────┴──────────────────▶ closing
type Director struct {
	plan   *plan.Plan
	plane  Plane
	terms  Terms
	roster *roster
	script *script

	stage   stage
	now     time.Duration
	zero    time.Duration
	cycle   int           // from 1 while playing
	until   time.Duration // of the stage: give up raising, time zero, end of load, last word
	loading bool          // the generator runs
	ended   bool          // on purpose, before its time
	err     error
	out     []Order
}

// Plane decides about pods: [control.Plane], or [control.Cluster] where a real
// cluster does.
type Plane interface {
	Step(now time.Duration, e control.Event) []control.Action
	Next() (time.Duration, bool)
	Pods() []control.PodState
	Empty() bool // no container is left
}

// Terms is what differs between runtimes in the course of a run. The zero
// value is that of a machine's own processes.
type Terms struct {
	Plane Plane         // nil is control.New
	Up    time.Duration // how long all pods have to be registered and seen, beside what the plan itself lets them wait; 0 is 15 s
	Lead  time.Duration // what the load has to start before time zero; 0 is 0.5 s
}

// NewDirector directs p on a control plane of our own.
func NewDirector(p *plan.Plan) (*Director, error) { return NewDirectorOn(p, Terms{}) }

// NewDirectorOn directs p on the given terms.
func NewDirectorOn(p *plan.Plan, t Terms) (*Director, error) {
	if t.Plane == nil && p.HasDrain() {
		return nil, fmt.Errorf("directing %q: it drains a node, and a machine's own processes have none", p.Scenario)
	}
	t.Up, t.Lead = cmp.Or(t.Up, upTimeout), cmp.Or(t.Lead, zeroLead)
	t.Up += p.StartupTime(t.Plane != nil)
	if t.Plane == nil {
		plane, err := control.New(p.Control)
		if err != nil {
			return nil, fmt.Errorf("directing %q: %w", p.Scenario, err)
		}
		t.Plane = plane
	}
	return &Director{plan: p, plane: t.Plane, terms: t, roster: newRoster(p), script: &script{plan: p}}, nil
}

// Err is why the run is not what it should have been; nil if it is. It is
// final once Finish was ordered.
func (d *Director) Err() error { return d.err }

// Step takes in what happened at now and returns what is to be done, in order.
func (d *Director) Step(now time.Duration, in Input) []Order {
	d.now, d.out = max(d.now, now), nil
	if d.stage == over {
		return nil
	}
	switch {
	case in.Control != nil:
		d.tell(*in.Control)
	case in.Fact != nil:
		d.roster.hear(in.Fact.Event)
		d.hear(in.Fact.At, in.Fact.Event)
	case in.Load != nil:
		d.onLoadOver(in.Load.Err)
	case in.Ending != nil:
		d.conclude(*in.Ending)
	case in.Stop != nil:
		d.close(in.Stop)
	}
	d.proceed()
	out := d.out
	d.out = nil
	return out
}

// Begin brings the pods up.
func (d *Director) Begin() Input {
	return Input{Control: &control.Event{Kind: control.Begin}}
}

// Next is the earliest deadline it or the control plane owns.
func (d *Director) Next() (time.Duration, bool) {
	if d.stage == over {
		return 0, false
	}
	next, ok := d.plane.Next()
	for _, t := range d.deadlines() {
		if !ok || t < next {
			next, ok = t, true
		}
	}
	return next, ok
}

func (d *Director) deadlines() []time.Duration {
	var out []time.Duration
	if d.until > 0 {
		out = append(out, d.until)
	}
	if d.stage == playing {
		if t, ok := d.script.next(); ok {
			out = append(out, t)
		}
		if d.cycle < d.plan.Cycles {
			out = append(out, d.cycleEnd())
		}
	}
	return out
}

func (d *Director) cycleEnd() time.Duration {
	return d.zero + time.Duration(d.cycle)*d.plan.Duration
}

// total is the length of all cycles.
func (d *Director) total() time.Duration {
	return time.Duration(max(1, d.plan.Cycles)) * d.plan.Duration
}

// tell steps the control plane, and writes down with what and what came of it.
func (d *Director) tell(e control.Event) {
	actions := d.plane.Step(d.now, e)
	if e.Kind != control.Tick || len(actions) > 0 {
		d.write(trace(record.KindMachineInput, control.TimedEvent{At: d.now, Event: e}))
	}
	if len(actions) > 0 {
		d.write(trace(record.KindMachineOutput, actions))
	}
	for _, a := range actions {
		if a.Kind == control.Note {
			d.write(*a.Note)
			d.hear(d.now, *a.Note)
			continue
		}
		d.out = append(d.out, Order{Do: &a})
	}
}

// trace is a line for replay.
func trace(kind record.Kind, v any) record.Event {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return record.Event{Kind: kind, Text: control.MachineName, Data: b}
}

func (d *Director) write(e record.Event) { d.out = append(d.out, Order{Write: &e}) }

// hear lets steps that wait for an event have it.
func (d *Director) hear(at time.Duration, e record.Event) {
	if d.stage != playing {
		return
	}
	w := e.Workload
	if w == "" {
		w = d.workloadOf(e.Instance)
	}
	d.script.hear(at, e, w)
}

func (d *Director) workloadOf(i record.Instance) string {
	for _, p := range d.plane.Pods() {
		if p.Instance.Pod == i.Pod {
			return p.Workload
		}
	}
	return ""
}

// proceed does what is due, and changes the stage when it is time.
func (d *Director) proceed() {
	if at, ok := d.plane.Next(); ok && at <= d.now {
		d.tell(control.Event{Kind: control.Tick})
	}
	switch d.stage {
	case raising:
		d.raise()
	case settled:
		if d.now >= d.until {
			d.begin()
		}
	case playing:
		d.play()
	case closing:
		d.end()
	}
}

// raise sets time zero once all are registered and seen. That readiness
// probes have passed too is waited for as long, but not insisted on: what is
// registered can be called.
func (d *Director) raise() {
	if d.until == 0 {
		d.until = d.now + d.terms.Up
	}
	pods := d.plane.Pods()
	missing := d.roster.missing(pods)
	late := d.now >= d.until
	switch {
	case len(missing) > 0 && late:
		d.close(fmt.Errorf("%w: not all is up after %v: %s", ErrEnvironment, d.terms.Up, strings.Join(missing, "; ")))
	case len(missing) == 0 && (late || len(unready(pods)) == 0):
		d.stage, d.zero = settled, d.now+d.terms.Lead
		d.until, d.loading = d.zero, true
		d.out = append(d.out, Order{StartLoad: true, Zero: d.zero})
	}
}

// Missing lists what the run still waits for.
func (d *Director) Missing() []string {
	if d.stage != raising {
		return nil
	}
	pods := d.plane.Pods()
	return append(d.roster.missing(pods), unready(pods)...)
}

// begin is time zero.
func (d *Director) begin() {
	d.stage, d.cycle = playing, 1
	d.until = d.zero + d.total() + loadSlack
	d.out = append(d.out, Order{Write: &record.Event{Kind: record.KindTimeZero}, Zero: d.zero})
	d.write(record.Event{Kind: record.KindHostStats, Text: "begin"})
	d.script.begin(d.zero)
	d.tell(control.Event{Kind: control.Zero})
	d.play()
}

func (d *Director) play() {
	for d.cycle < d.plan.Cycles && d.now >= d.cycleEnd() {
		at := d.cycleEnd()
		d.cycle++
		d.script.begin(at)
		d.tell(control.Event{Kind: control.SetBack})
	}
	for _, st := range d.script.take(d.now) {
		d.perform(st)
	}
	switch {
	case d.stage != playing:
	case !d.loading && (d.ended || d.now >= d.zero+d.total()):
		d.close(nil)
	case !d.loading:
		d.until = d.zero + d.total()
	case d.now >= d.until:
		d.close(fmt.Errorf("%w: the load generator has not ended %v after its last request was due", ErrEnvironment, loadSlack))
	}
}

// conclude ends the load, and no step comes any more. Where there is no load
// yet, or none any more, there is nothing to end.
func (d *Director) conclude(e Ending) {
	if d.stage != playing || d.ended || !d.loading {
		return
	}
	d.ended, d.until = true, d.now+loadSlack
	d.write(record.Event{Kind: e.Kind, Text: e.Why})
	d.script.stop()
	d.out = append(d.out, Order{StopLoad: true})
}

func (d *Director) perform(st plan.Step) {
	es, err := events(d.plan, st)
	if err != nil {
		d.close(err)
		return
	}
	d.write(record.Event{Kind: record.KindStep, Workload: st.Workload, N: int64(st.N), Text: st.Name})
	for _, e := range es {
		d.tell(e)
	}
}

func (d *Director) onLoadOver(err error) {
	d.loading = false
	switch {
	case d.stage == closing && (err == nil || d.err != nil):
	case err != nil:
		d.fail(fmt.Errorf("%w: the load generator failed: %w", ErrEnvironment, err))
		d.close(d.err)
	case d.stage == settled:
		d.close(fmt.Errorf("%w: the load generator ended before time zero", ErrEnvironment))
	}
}

// fail keeps the first reason.
func (d *Director) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// close begins the end: nothing new is started, all that is there is told to
// go. err is why, if it is early.
func (d *Director) close(err error) {
	if d.stage >= closing {
		return
	}
	if err != nil {
		d.fail(err)
		d.write(record.Event{Kind: record.KindInterrupted, Text: err.Error()})
	}
	d.write(record.Event{Kind: record.KindHostStats, Text: "end"})
	d.script.stop()
	d.stage, d.until = closing, d.now+lastWord
	if d.loading {
		d.out = append(d.out, Order{StopLoad: true})
	}
	d.tell(control.Event{Kind: control.Shutdown})
	d.end()
}

// end is over when nothing is left.
func (d *Director) end() {
	gone := d.plane.Empty() && !d.loading
	if !gone && d.now < d.until {
		return
	}
	if !gone {
		d.fail(fmt.Errorf("%w: not all that was started has stopped", ErrEnvironment))
	}
	if d.err == nil {
		d.write(record.Event{Kind: record.KindRunEnd})
	}
	d.stage = over
	d.write(record.Event{Kind: record.KindEnd})
	d.out = append(d.out, Order{Finish: true})
}
