package lossless

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

const seeds = 1000

// random returns a simulation with random settings, hooks and TERMs, whose answers
// fail, come late, twice, with a wrong Op, or never.
func random(seed uint64) (*simulation, *rand.Rand) {
	r := rand.New(rand.NewPCG(seed, 1))
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))).Truncate(ms) }
	modes := []string{settings.Lossless, settings.Reject, settings.DeregisterFirst, settings.CloseFirst, settings.Kill, ""}
	cfg := Config{PushDelay: 500 * ms}
	cfg.Offline = settings.Offline{
		Mode: modes[r.IntN(len(modes))], Notify: r.IntN(2) == 0, NoWait: r.IntN(4) == 0,
		Grace: upTo(40 * time.Second), DrainTimeout: upTo(20 * time.Second), QuietPeriod: upTo(2 * time.Second),
	}
	if r.IntN(2) == 0 {
		cfg.Offline.Mode = settings.Lossless
	}
	if r.IntN(3) == 0 {
		cfg.Online.Delay = upTo(10 * time.Second)
	}
	if r.IntN(4) == 0 {
		cfg.Online.HealthPath = "/health"
	}
	if r.IntN(2) == 0 {
		cfg.Online.Warmup.Window = upTo(20 * time.Second)
	}
	w := newSimulation(cfg, listening(upTo(time.Second)))
	for range r.IntN(3) {
		w.queue = append(w.queue, hook(upTo(20*time.Second), r.Uint64(), "a:1", "b:2"))
	}
	for range 1 + r.IntN(2) {
		w.queue = append(w.queue, term(upTo(30*time.Second), "c:3"))
	}
	kinds := []EventKind{Probed, RegisterDone, DeregisterDone, NotifyDone, VerifyDone, Closed, RegistryClosed, Listening}
	for range r.IntN(30) {
		w.queue = append(w.queue, timed{upTo(40 * time.Second), Event{
			Kind: kinds[r.IntN(len(kinds))], Op: Op(1000 + r.IntN(9)), OK: r.IntN(2) == 0,
		}})
	}
	for _, k := range []ActionKind{ProbeHealth, Register, Deregister, Notify, Verify, CloseListener, CloseRegistry} {
		if r.IntN(3) == 0 {
			w.answers[k] = answer{after: upTo(8 * time.Second), ok: r.IntN(2) == 0, never: r.IntN(3) == 0}
		}
	}
	w.load = func(now time.Duration) (int, time.Duration) {
		return r.IntN(3) * r.IntN(2), now - min(now, upTo(3*time.Second))
	}
	return w, r
}

func TestAnyLife(t *testing.T) {
	for seed := range uint64(seeds) {
		w, _ := random(seed)
		w.run(time.Hour)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: %s\n%+v\n%s", seed, fmt.Sprintf(format, args...), w.m.cfg, strings.Join(w.log, "\n"))
		}
		if !w.ended {
			fail("it never exited")
		}
		check(w, fail)
	}
}

// check checks the invariants of a simulation that has ended.
func check(w *simulation, fail func(string, ...any)) {
	var seen struct{ register, wanted, ack, over, marker, closed, exit bool }
	offlineAt, termAt, ops := time.Duration(-1), time.Duration(-1), map[Op]bool{}
	for _, in := range w.inputs {
		if in.e.Kind == Offline && offlineAt < 0 && w.m.graceful() {
			offlineAt = in.at
		}
		if in.e.Kind == Term && termAt < 0 {
			termAt = in.at
		}
	}
	if termAt < 0 || w.exit < termAt {
		fail("it exited at %v, before the TERM at %v", w.exit, termAt)
	}
	start := termAt
	if offlineAt >= 0 && offlineAt < termAt {
		start = offlineAt
	}
	if bound := max(start+w.m.cfg.Offline.Grace, termAt+2*time.Second); w.exit > bound {
		fail("it exited at %v, the pod was killed at %v", w.exit, bound)
	}
	for _, a := range w.out {
		if seen.exit {
			fail("%s after exit", a.Kind)
		}
		if a.Op != 0 && ops[a.Op] {
			fail("op %d twice", a.Op)
		}
		ops[a.Op] = true
		switch {
		case a.Kind == Register:
			if seen.wanted {
				fail("registering after deregistering")
			}
			seen.register = true
		case a.Kind == Deregister:
			seen.wanted = true
		case a.Kind == Note && (a.Event.Payload == record.Deregistered{} || a.Event.Payload == record.DeregisterFailed{GaveUp: true}):
			seen.over = true
		case a.Kind == SetMarker:
			if seen.marker {
				fail("the marker was set twice")
			}
			seen.marker = true
		case a.Kind == SetReadiness && a.On:
			if seen.marker || seen.closed || seen.wanted {
				fail("ready again on the way out")
			}
		case a.Kind == CloseListener:
			if seen.closed {
				fail("closed twice")
			}
			if seen.register && !seen.over && w.m.cfg.Offline.Mode != settings.CloseFirst {
				fail("closed before the registry's answer, or its deadline")
			}
			seen.closed = true
		case a.Kind == Exit:
			if seen.register && !seen.over && w.m.cfg.Offline.Mode != settings.Kill {
				fail("exited before the registry's answer, or its deadline")
			}
			seen.exit = true
		}
	}
}

// journal runs a simulation and returns its journal as in a run directory.
func journal(seed uint64) []machine.Line {
	var lines []machine.Line
	j := machine.Journal{Write: func(l machine.Line) { lines = append(lines, l) }}
	w, _ := random(seed)
	w.run(time.Hour)
	j.WriteConfig(w.m.cfg)
	trace := machine.Trace[Event, Action](j)
	m := New(w.m.cfg)
	for _, in := range w.inputs {
		trace(in.at, in.e, m.Step(in.at, in.e))
	}
	return lines
}

func TestReplayIsByteEqual(t *testing.T) {
	for seed := range uint64(seeds) {
		a, b := journal(seed), journal(seed)
		require.Equal(t, a, b)
		require.NoError(t, Replay(a), "seed %d", seed)
	}
}

func TestReplayNoticesAnotherMachine(t *testing.T) {
	lines := journal(3)
	caught := 0
	for i, l := range lines {
		if !l.Output || i == len(lines)-1 {
			continue
		}
		spoilt := append([]machine.Line(nil), lines...)
		spoilt[i].Data = json.RawMessage(strings.Replace(string(l.Data), `"kind":"`, `"kind":"x`, 1))
		require.Error(t, Replay(spoilt))
		caught++
	}
	require.NotZero(t, caught)
}

func TestDefaultsAreStable(t *testing.T) {
	// A journal has the config as given. A config with its defaults filled in must
	// make the same machine.
	cfg := New(Config{PushDelay: 500 * ms}).cfg
	require.Equal(t, cfg, New(cfg).cfg)
}

func TestEventsSurviveJSON(t *testing.T) {
	e := Event{
		Kind: Term, Op: 3, OK: true, Error: "why", Ref: 1<<64 - 1, Peers: []string{"a:1"},
		InFlight: 2, LastRequest: 1<<62 + 1,
	}
	b, err := json.Marshal(e)
	require.NoError(t, err)
	var back Event
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, e, back)
}
