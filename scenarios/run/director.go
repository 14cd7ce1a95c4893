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
	// startupTimeout is how long all pods have to be registered and seen, where
	// the runtime has no terms of its own.
	startupTimeout = 15 * time.Second
	// loadLead is what the load generator has to start before time zero,
	// likewise.
	loadLead = 500 * time.Millisecond
	// loadEndTimeout is how much longer than its streams the load may take: its
	// last answers, and the closing of its log.
	loadEndTimeout = 10 * time.Second
	// shutdownTimeout bounds the end: whatever is left then is named and given up.
	shutdownTimeout = 8 * time.Second
)

type phase int

const (
	startup  phase = iota // pods come up
	waiting               // time zero is set
	running               // load and steps
	stopping              // everything is told to go
	finished
)

func (s phase) String() string {
	return [...]string{"starting", "waiting", "running", "ending", "over"}[s]
}

// Director decides the course of a run: when it has come up, when time zero
// is, when steps come and when it is over. It contains the control plane and
// writes down each of its inputs and outputs. It is pure, like the plane.
//
//	raising ─ all registered and seen ─▶ settled ─ zero ─▶ playing ─ load over ─▶ closing ─ all gone ─▶ over
//	   └───── 15 s, a failure, an interruption ───────────────┴──────────────────▶ closing
type Director struct {
	plan         *plan.Plan
	controlPlane ControlPlane
	options      Options
	startupCheck *startupCheck
	steps        *stepScheduler

	phase     phase
	now       time.Duration
	zero      time.Duration
	cycle     int           // from 1 while playing
	deadline  time.Duration // of the stage: give up raising, time zero, end of load, last word
	loading   bool          // the generator runs
	loadEnded bool          // on purpose, before its time
	err       error
	out       []Command
}

// ControlPlane decides about pods: [control.Plane], or [control.Cluster] where a real
// cluster does.
type ControlPlane interface {
	Step(now time.Duration, e control.Event) []control.Action
	Next() (time.Duration, bool)
	Pods() []control.PodState
	Empty() bool // no container is left
}

// Options is what differs between runtimes in the course of a run. The zero
// value is that of a machine's own processes.
type Options struct {
	ControlPlane   ControlPlane  // nil is control.New
	StartupTimeout time.Duration // how long all pods have to be registered and seen, beside what the plan itself lets them wait; 0 is 15 s
	LoadLead       time.Duration // what the load has to start before time zero; 0 is 0.5 s
}

// NewDirector directs p on a control plane of our own.
func NewDirector(p *plan.Plan) (*Director, error) { return NewDirectorOn(p, Options{}) }

// NewDirectorOn directs p on the given terms.
func NewDirectorOn(p *plan.Plan, t Options) (*Director, error) {
	if t.ControlPlane == nil && p.HasDrain() {
		return nil, fmt.Errorf("directing %q: it drains a node, and a machine's own processes have none", p.Scenario)
	}
	t.StartupTimeout, t.LoadLead = cmp.Or(t.StartupTimeout, startupTimeout), cmp.Or(t.LoadLead, loadLead)
	t.StartupTimeout += p.StartupTime(t.ControlPlane != nil)
	if t.ControlPlane == nil {
		plane, err := control.NewSimulatedControlPlane(p.Control)
		if err != nil {
			return nil, fmt.Errorf("directing %q: %w", p.Scenario, err)
		}
		t.ControlPlane = plane
	}
	return &Director{plan: p, controlPlane: t.ControlPlane, options: t, startupCheck: newStartupCheck(p), steps: &stepScheduler{plan: p}}, nil
}

// Err is why the run is not what it should have been; nil if it is. It is
// final once Finish was ordered.
func (d *Director) Err() error { return d.err }

// Step takes in what happened at now and returns what is to be done, in order.
func (d *Director) Step(now time.Duration, in Input) []Command {
	d.now, d.out = max(d.now, now), nil
	if d.phase == finished {
		return nil
	}
	switch {
	case in.Control != nil:
		d.stepControlPlane(in.Control)
	case in.Observed != nil:
		d.startupCheck.observe(in.Observed.Event)
		d.triggerSteps(in.Observed.At, in.Observed.Event)
	case in.LoadEnded != nil:
		d.onLoadOver(in.LoadEnded.Err)
	case in.EndLoad != nil:
		d.endLoad(*in.EndLoad)
	case in.Stop != nil:
		d.shutDown(in.Stop)
	}
	d.advance()
	out := d.out
	d.out = nil
	return out
}

// Begin brings the pods up.
func (d *Director) Begin() Input {
	return Input{Control: control.Begin{}}
}

// Next is the earliest deadline it or the control plane owns.
func (d *Director) Next() (time.Duration, bool) {
	if d.phase == finished {
		return 0, false
	}
	next, ok := d.controlPlane.Next()
	for _, t := range d.deadlines() {
		if !ok || t < next {
			next, ok = t, true
		}
	}
	return next, ok
}

func (d *Director) deadlines() []time.Duration {
	var out []time.Duration
	if d.deadline > 0 {
		out = append(out, d.deadline)
	}
	if d.phase == running {
		if t, ok := d.steps.next(); ok {
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

// stepControlPlane steps the control plane, and writes down with what and what came of it.
func (d *Director) stepControlPlane(e control.Event) {
	actions := d.controlPlane.Step(d.now, e)
	if _, tick := e.(control.Tick); !tick || len(actions) > 0 {
		d.write(record.Event{Payload: record.MachineInput{Machine: control.MachineName, Data: encode(control.TimedEvent{At: d.now, Event: e})}})
	}
	if len(actions) > 0 {
		d.write(record.Event{Payload: record.MachineOutput{Machine: control.MachineName, Data: encode(control.Actions(actions))}})
	}
	for _, a := range actions {
		if a, ok := a.(control.RecordEvent); ok {
			d.write(a.Event)
			d.triggerSteps(d.now, a.Event)
			continue
		}
		d.out = append(d.out, Command{Execute: a})
	}
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}

func (d *Director) write(e record.Event) { d.out = append(d.out, Command{Write: &e}) }

// triggerSteps lets steps that wait for an event have it.
func (d *Director) triggerSteps(at time.Duration, e record.Event) {
	if d.phase != running {
		return
	}
	w := e.Workload
	if w == "" {
		w = d.workloadOf(e.Instance)
	}
	d.steps.onEvent(at, e, w)
}

func (d *Director) workloadOf(i record.Instance) string {
	for _, p := range d.controlPlane.Pods() {
		if p.Instance.Pod == i.Pod {
			return p.Workload
		}
	}
	return ""
}

// advance does what is due, and changes the stage when it is time.
func (d *Director) advance() {
	if at, ok := d.controlPlane.Next(); ok && at <= d.now {
		d.stepControlPlane(control.Tick{})
	}
	switch d.phase {
	case startup:
		d.awaitStartup()
	case waiting:
		if d.now >= d.deadline {
			d.startTimeZero()
		}
	case running:
		d.advanceRun()
	case stopping:
		d.finishIfEmpty()
	}
}

// awaitStartup sets time zero once all are registered and seen. That readiness
// probes have passed too is waited for as long, but not insisted on: what is
// registered can be called.
func (d *Director) awaitStartup() {
	if d.deadline == 0 {
		d.deadline = d.now + d.options.StartupTimeout
	}
	pods := d.controlPlane.Pods()
	missing := d.startupCheck.missing(pods)
	late := d.now >= d.deadline
	switch {
	case len(missing) > 0 && late:
		d.shutDown(fmt.Errorf("%w: not all is up after %v: %s", ErrEnvironment, d.options.StartupTimeout, strings.Join(missing, "; ")))
	case len(missing) == 0 && (late || len(unready(pods)) == 0):
		d.phase, d.zero = waiting, d.now+d.options.LoadLead
		d.deadline, d.loading = d.zero, true
		d.out = append(d.out, Command{StartLoad: true, Zero: d.zero})
	}
}

// Missing lists what the run still waits for.
func (d *Director) Missing() []string {
	if d.phase != startup {
		return nil
	}
	pods := d.controlPlane.Pods()
	return append(d.startupCheck.missing(pods), unready(pods)...)
}

// startTimeZero is time zero.
func (d *Director) startTimeZero() {
	d.phase, d.cycle = running, 1
	d.deadline = d.zero + d.total() + loadEndTimeout
	d.out = append(d.out, Command{Write: &record.Event{Payload: record.TimeZero{}}, Zero: d.zero})
	d.write(record.Event{Payload: record.HostStats{Phase: record.StatsBegin}})
	d.steps.startCycle(d.zero)
	d.stepControlPlane(control.TimeZero{})
	d.advanceRun()
}

func (d *Director) advanceRun() {
	for d.cycle < d.plan.Cycles && d.now >= d.cycleEnd() {
		at := d.cycleEnd()
		d.cycle++
		d.steps.startCycle(at)
		d.stepControlPlane(control.CycleStart{})
	}
	for _, st := range d.steps.take(d.now) {
		d.executeStep(st)
	}
	switch {
	case d.phase != running:
	case !d.loading && (d.loadEnded || d.now >= d.zero+d.total()):
		d.shutDown(nil)
	case !d.loading:
		d.deadline = d.zero + d.total()
	case d.now >= d.deadline:
		d.shutDown(fmt.Errorf("%w: the load generator has not ended %v after its last request was due", ErrEnvironment, loadEndTimeout))
	}
}

// endLoad ends the load, and no step comes any more. Where there is no load
// yet, or none any more, there is nothing to end.
func (d *Director) endLoad(e EndLoad) {
	if d.phase != running || d.loadEnded || !d.loading {
		return
	}
	d.loadEnded, d.deadline = true, d.now+loadEndTimeout
	d.write(record.Event{Payload: e.Payload, Text: e.Why})
	d.steps.stop()
	d.out = append(d.out, Command{StopLoad: true})
}

func (d *Director) executeStep(st plan.Step) {
	es, err := controlEvents(d.plan, st)
	if err != nil {
		d.shutDown(err)
		return
	}
	step := record.Step{Name: st.Name}
	if rules, ok := st.Action.(plan.ApplyRules); ok {
		step.Version = rules.Version
	}
	d.write(record.Event{Workload: st.Workload(), Payload: step})
	for _, e := range es {
		d.stepControlPlane(e)
	}
}

func (d *Director) onLoadOver(err error) {
	d.loading = false
	switch {
	case d.phase == stopping && (err == nil || d.err != nil):
	case err != nil:
		d.fail(fmt.Errorf("%w: the load generator failed: %w", ErrEnvironment, err))
		d.shutDown(d.err)
	case d.phase == waiting:
		d.shutDown(fmt.Errorf("%w: the load generator ended before time zero", ErrEnvironment))
	}
}

// fail keeps the first reason.
func (d *Director) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// shutDown begins the end: nothing new is started, all that is there is told to
// go. err is why, if it is early.
func (d *Director) shutDown(err error) {
	if d.phase >= stopping {
		return
	}
	if err != nil {
		d.fail(err)
		d.write(record.Event{Payload: record.Interrupted{}, Text: err.Error()})
	}
	d.write(record.Event{Payload: record.HostStats{Phase: record.StatsEnd}})
	d.steps.stop()
	d.phase, d.deadline = stopping, d.now+shutdownTimeout
	if d.loading {
		d.out = append(d.out, Command{StopLoad: true})
	}
	d.stepControlPlane(control.Shutdown{})
	d.finishIfEmpty()
}

// finishIfEmpty is over when nothing is left.
func (d *Director) finishIfEmpty() {
	gone := d.controlPlane.Empty() && !d.loading
	if !gone && d.now < d.deadline {
		return
	}
	if !gone {
		d.fail(fmt.Errorf("%w: not all that was started has stopped", ErrEnvironment))
	}
	if d.err == nil {
		d.write(record.Event{Payload: record.RunEnd{}})
	}
	d.phase = finished
	d.write(record.Event{Payload: record.End{}})
	d.out = append(d.out, Command{Finish: true})
}
