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
	// startupTimeout is the default of Options.StartupTimeout.
	startupTimeout = 15 * time.Second
	// loadLead is the default of Options.LoadLead.
	loadLead = 500 * time.Millisecond
	// loadEndTimeout is how much longer than its streams the load may take: for
	// its last responses, and to close its log.
	loadEndTimeout = 10 * time.Second
	// shutdownTimeout bounds the time that everything has to exit.
	shutdownTimeout = 8 * time.Second
)

type phase int

const (
	startup  phase = iota // pods come up
	waiting               // time zero is set
	running               // load and steps
	stopping              // everything is told to exit
	finished
)

func (p phase) String() string {
	return [...]string{"starting", "waiting", "running", "ending", "over"}[p]
}

// Director decides the course of a run: when it has started up, when time zero
// is, when steps are due and when the run is over. It steps the control plane,
// and records its inputs and outputs. It is pure.
//
//	startup ── all pods registered and known ─▶ waiting ── time zero ─▶ running ── load ended ─▶ stopping ── all exited ─▶ finished
//	   │                                          │                       │                        ▲
//	   └─ timeout, failure, interruption ─────────┴───────────────────────┴────────────────────────┘
type Director struct {
	plan         *plan.Plan
	controlPlane ControlPlane
	options      Options
	startupCheck *startupCheck
	steps        *stepScheduler

	phase     phase
	now       time.Duration
	zero      time.Duration
	cycle     int           // from 1 while running
	deadline  time.Duration // of the phase: startup timeout, time zero, end of the load, shutdown timeout
	loading   bool          // the load generator runs
	loadEnded bool          // early and on purpose
	err       error
	out       []Command
}

// ControlPlane decides about pods: a [control.SimulatedControlPlane], or a
// [control.ObservedCluster] if a real cluster decides.
type ControlPlane interface {
	Step(now time.Duration, e control.Event) []control.Action
	Next() (time.Duration, bool)
	Pods() []control.PodState
	Empty() bool // all containers have ended
}

// Options are the differences between runtimes in the course of a run. The zero
// value is for processes of this machine.
type Options struct {
	ControlPlane   ControlPlane  // nil: a control.SimulatedControlPlane
	StartupTimeout time.Duration // for all pods to be registered and known to their callers, in addition to the time that the plan itself allows; 0: 15 s
	LoadLead       time.Duration // for the load generator to start before time zero; 0: 0.5 s
}

// NewDirector returns a Director of p. It returns an error if the plan cannot be
// carried out.
func NewDirector(p *plan.Plan, o Options) (*Director, error) {
	if o.ControlPlane == nil && p.HasDrain() {
		return nil, fmt.Errorf("directing %q: a step drains a node, and processes of this machine have none", p.Scenario)
	}
	o.StartupTimeout, o.LoadLead = cmp.Or(o.StartupTimeout, startupTimeout), cmp.Or(o.LoadLead, loadLead)
	o.StartupTimeout += p.StartupTime(o.ControlPlane != nil)
	if o.ControlPlane == nil {
		simulated, err := control.NewSimulatedControlPlane(p.Control)
		if err != nil {
			return nil, fmt.Errorf("directing %q: %w", p.Scenario, err)
		}
		o.ControlPlane = simulated
	}
	return &Director{plan: p, controlPlane: o.ControlPlane, options: o, startupCheck: newStartupCheck(p), steps: &stepScheduler{plan: p}}, nil
}

// Err is the reason why the run failed or ended early; nil if it did not. It is
// final after Finish.
func (d *Director) Err() error { return d.err }

// Step handles an input at now and returns the commands that follow from it, in
// order.
func (d *Director) Step(now time.Duration, in Input) []Command {
	d.now, d.out = max(d.now, now), nil
	if d.phase == finished {
		return nil
	}
	switch in := in.(type) {
	case Tick: // advance does what is due
	case ControlEvent:
		d.stepControlPlane(in.Event)
	case ObservedEvent:
		d.startupCheck.observe(in.Event)
		d.triggerSteps(in.At, in.Event)
	case LoadEnded:
		d.onLoadEnded(in.Err)
	case EndLoad:
		d.endLoad(in)
	case Stop:
		d.shutDown(in.Err)
	}
	d.advance()
	out := d.out
	d.out = nil
	return out
}

// Begin is the first input: it creates the pods.
func (d *Director) Begin() Input { return ControlEvent{control.Begin{}} }

// Next is the earliest deadline of the Director and the control plane.
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

// stepControlPlane steps the control plane, and records its input and output.
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
		d.add(Execute{a})
	}
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}

func (d *Director) add(c Command) { d.out = append(d.out, c) }

func (d *Director) write(e record.Event) { d.add(WriteEvent{e}) }

// triggerSteps schedules the steps that wait for e, which happened at at.
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

// advance does what is due, and changes the phase when it is time.
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
	case finished: // nothing is due
	}
}

// awaitStartup sets time zero once all pods are registered and known to their
// callers. It waits for readiness probes too, but only until the timeout: an
// instance that is registered can be called.
func (d *Director) awaitStartup() {
	if d.deadline == 0 {
		d.deadline = d.now + d.options.StartupTimeout
	}
	pods := d.controlPlane.Pods()
	missing := d.startupCheck.missing(pods)
	late := d.now >= d.deadline
	switch {
	case len(missing) > 0 && late:
		d.shutDown(fmt.Errorf("%w: pods not ready after %v: %s", ErrEnvironment, d.options.StartupTimeout, strings.Join(missing, "; ")))
	case len(missing) == 0 && (late || len(unready(pods)) == 0):
		d.phase, d.zero = waiting, d.now+d.options.LoadLead
		d.deadline, d.loading = d.zero, true
		d.add(StartLoad{d.zero})
	}
}

// Missing lists what the startup still waits for.
func (d *Director) Missing() []string {
	if d.phase != startup {
		return nil
	}
	pods := d.controlPlane.Pods()
	return append(d.startupCheck.missing(pods), unready(pods)...)
}

func (d *Director) startTimeZero() {
	d.phase, d.cycle = running, 1
	d.deadline = d.zero + d.total() + loadEndTimeout
	d.add(WriteTimeZero{d.zero})
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
		d.shutDown(fmt.Errorf("%w: the load generator did not end within %v of its last request", ErrEnvironment, loadEndTimeout))
	}
}

// endLoad ends the load and the steps. Before the load has started and after it
// has ended, it does nothing.
func (d *Director) endLoad(e EndLoad) {
	if d.phase != running || d.loadEnded || !d.loading {
		return
	}
	d.loadEnded, d.deadline = true, d.now+loadEndTimeout
	d.write(record.Event{Payload: e.Payload, Text: e.Why})
	d.steps.stop()
	d.add(StopLoad{})
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

func (d *Director) onLoadEnded(err error) {
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

// fail keeps the first error.
func (d *Director) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// shutDown starts nothing new, and tells everything that runs to exit. err is
// the reason if that is early, else nil.
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
		d.add(StopLoad{})
	}
	d.stepControlPlane(control.Shutdown{})
	d.finishIfEmpty()
}

// finishIfEmpty ends the run once everything has exited, or at the timeout.
func (d *Director) finishIfEmpty() {
	gone := d.controlPlane.Empty() && !d.loading
	if !gone && d.now < d.deadline {
		return
	}
	if !gone {
		d.fail(fmt.Errorf("%w: processes or pods did not exit within %v", ErrEnvironment, shutdownTimeout))
	}
	if d.err == nil {
		d.write(record.Event{Payload: record.RunEnd{}})
	}
	d.phase = finished
	d.write(record.Event{Payload: record.End{}})
	d.add(Finish{})
}
