package lossless

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
)

const ms = time.Millisecond

// timed is an event and the time at which it comes.
type timed struct {
	at time.Duration
	e  Event
}

// answer is the outcome of an action: success or failure after a time, or none.
type answer struct {
	after time.Duration
	ok    bool
	never bool
}

// simulation executes a Machine's actions in virtual time and logs them.
type simulation struct {
	m       *Machine
	answers map[ActionKind]answer // absent: success after 10 ms
	load    func(now time.Duration) (inFlight int, last time.Duration)

	queue  []timed
	log    []string
	inputs []timed // of all steps
	out    []Action
	exit   time.Duration
	code   int
	ended  bool
}

func newSimulation(cfg Config, script ...timed) *simulation {
	return &simulation{m: New(cfg), queue: script, answers: map[ActionKind]answer{}}
}

// run runs until the machine has exited, nothing more can happen, or the time
// until has come.
func (w *simulation) run(until time.Duration) *simulation {
	for !w.ended {
		slices.SortStableFunc(w.queue, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
		next, ok := w.m.Next()
		switch {
		case len(w.queue) > 0 && (!ok || w.queue[0].at < next):
			e := w.queue[0]
			w.queue = w.queue[1:]
			if e.at > until {
				return w
			}
			w.step(e.at, e.e)
		case ok && next <= until:
			w.step(next, Event{})
		default:
			return w
		}
	}
	return w
}

func (w *simulation) step(now time.Duration, e Event) {
	if w.load != nil {
		e.InFlight, e.LastRequest = w.load(now)
	}
	w.inputs = append(w.inputs, timed{now, e})
	for _, a := range w.m.Step(now, e) {
		w.out = append(w.out, a)
		w.log = append(w.log, fmt.Sprintf("%v %s", now, show(a)))
		w.do(now, a)
	}
}

func (w *simulation) do(now time.Duration, a Action) {
	kind := map[ActionKind]EventKind{
		ProbeHealth: Probed, Register: RegisterDone, Publish: PublishDone, Deregister: DeregisterDone, Notify: NotifyDone,
		Verify: VerifyDone, CloseListener: Closed, CloseRegistry: RegistryClosed,
	}[a.Kind]
	if a.Kind == Exit {
		w.exit, w.code, w.ended = now, a.Code, true
	}
	if kind == "" {
		return
	}
	ans, ok := w.answers[a.Kind]
	if !ok {
		ans = answer{after: 10 * ms, ok: true}
	}
	if !ans.never {
		e := Event{Kind: kind, Op: a.Op, OK: ans.ok}
		if !ans.ok {
			e.Error = "no"
		}
		w.queue = append(w.queue, timed{now + ans.after, e})
	}
}

func show(a Action) string {
	switch a.Kind {
	case Note:
		s := "note " + string(a.Event.Kind())
		if a.Event.Text != "" {
			s += " (" + a.Event.Text + ")"
		}
		if facts := strings.Trim(fmt.Sprint(a.Event.Payload), "{}"); facts != "" && facts != "0" {
			s += " " + facts
		}
		return s
	case SetReadiness:
		return fmt.Sprintf("%s %t", a.Kind, a.On)
	case Register, Publish:
		if a.Warmup != nil {
			return fmt.Sprintf("%s %s", a.Kind, a.Warmup.Window)
		}
	case Notify:
		return string(a.Kind) + " " + a.Peer
	case Exit:
		return fmt.Sprintf("%s %d", a.Kind, a.Code)
	case Answer:
		return fmt.Sprintf("%s %d %s", a.Kind, a.Ref, a.State.Phase)
	}
	return string(a.Kind)
}

// at returns the time of a line of the log; -1 if there is none.
func (w *simulation) at(line string) time.Duration {
	for _, l := range w.log {
		when, what, _ := strings.Cut(l, " ")
		if what == line {
			d, err := time.ParseDuration(when)
			if err != nil {
				panic(err)
			}
			return d
		}
	}
	return -1
}

func (w *simulation) count(line string) (n int) {
	for _, l := range w.log {
		if _, what, _ := strings.Cut(l, " "); what == line {
			n++
		}
	}
	return n
}

func config(mode string) Config {
	return Config{PushDelay: 500 * ms, Offline: settings.Offline{Mode: mode, Grace: 90 * time.Second}}
}

func listening(at time.Duration) timed { return timed{at, Event{Kind: Listening}} }
func hook(at time.Duration, ref uint64, peers ...string) timed {
	return timed{at, Event{Kind: Offline, Ref: ref, Peers: peers}}
}
func term(at time.Duration, peers ...string) timed {
	return timed{at, Event{Kind: Term, Peers: peers}}
}
