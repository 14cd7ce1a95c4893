package lossless

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

func TestOfflineTwiceIsANoOp(t *testing.T) {
	w := newSimulation(config(settings.Lossless), listening(0), hook(time.Second, 1, "c:1"), hook(2*time.Second, 2, "c:1", "c:2"), hook(3*time.Second, 3)).run(time.Minute)
	require.Equal(t, 1, w.count("deregister"))
	require.Equal(t, 1, w.count("note offline hook"))
	require.Equal(t, 1, w.count("set-marker"))
	var states []State
	for _, a := range w.out {
		if a.Kind == Answer {
			states = append(states, *a.State)
		}
	}
	require.Len(t, states, 3)
	require.Equal(t, states[1], states[2], "the same state")
	require.Equal(t, State{
		Phase: Closing, Mode: settings.Lossless, Marked: true, By: record.TriggerHook, OfflineAt: time.Second,
		Deregistered: true, Verified: true,
	}, states[2])
	require.False(t, w.ended, "closing and exiting happen on TERM only")
}

func TestOfflineMeansNothingWhereLosslessIsOff(t *testing.T) {
	for _, mode := range []string{settings.DeregisterFirst, settings.CloseFirst, settings.Kill, ""} {
		w := newSimulation(config(mode), listening(0), hook(time.Second, 1)).run(time.Minute)
		require.Equal(t, time.Second, w.at("answer 1 serving"))
		require.Zero(t, w.count("deregister"))
		require.True(t, w.m.State().Ready)
	}
}

func TestDeregistering(t *testing.T) {
	t.Run("is tried again, then given up", func(t *testing.T) {
		w := newSimulation(config(settings.Reject), listening(0), hook(10*time.Second, 1))
		w.answers[Deregister] = answer{after: 10 * ms}
		w.run(time.Minute)
		// 10, 10.21, 10.62, 11.43, 13.04 (back-off 0.2 .. 1.6 s), and 15 s is the end
		require.Equal(t, 5, w.count("deregister"), strings.Join(w.log, "\n"))
		require.Equal(t, 15*time.Second, w.at("note deregister-failed (gave up) true"))
		require.Equal(t, 15*time.Second, w.at("reject-new"))
		require.Zero(t, w.count("verify"))
		require.False(t, w.m.State().Deregistered)
	})
	t.Run("waits for a registration under way", func(t *testing.T) {
		w := newSimulation(config(settings.Lossless), listening(0), hook(100*ms, 1))
		w.answers[Register] = answer{after: time.Second, ok: true}
		w.run(time.Minute)
		require.Equal(t, time.Second, w.at("deregister"), "else the registration would land after it")
		require.Equal(t, time.Duration(-1), w.at("set-readiness true"))
	})
	t.Run("is left out where nobody registered", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Online.Delay = time.Minute
		w := newSimulation(cfg, listening(0), term(10*time.Second)).run(time.Hour)
		require.Zero(t, w.count("register"))
		require.Zero(t, w.count("deregister"))
		require.Equal(t, 10*time.Second+20*ms, w.exit)
	})
	t.Run("is hurried by a TERM with little grace", func(t *testing.T) {
		cfg := config(settings.Lossless)
		cfg.Offline.Grace = 3 * time.Second
		w := newSimulation(cfg, listening(0), hook(10*time.Second, 1), term(11*time.Second))
		w.answers[Deregister] = answer{never: true}
		w.run(time.Hour)
		require.Equal(t, 12*time.Second, w.at("note deregister-failed (gave up) true"))
		require.Less(t, w.exit, 13*time.Second)
	})
}

func TestNotifying(t *testing.T) {
	cfg := config(settings.Lossless)
	cfg.Offline.Notify = true
	t.Run("all at once, retried, counted", func(t *testing.T) {
		w := newSimulation(cfg, listening(0), hook(time.Second, 1, "a:1", "b:1"))
		w.answers[Notify] = answer{after: 10 * ms}
		w.run(time.Minute)
		require.Equal(t, time.Second, w.at("notify a:1"))
		require.Equal(t, time.Second, w.at("notify b:1"))
		require.Equal(t, 3, w.count("notify a:1"))
		require.Equal(t, 1, w.count("note notified a:1 false"))
		require.Equal(t, Notices{Sent: 2, Missed: 2}, w.m.State().Notices)
	})
	t.Run("acknowledged", func(t *testing.T) {
		w := newSimulation(cfg, listening(0), hook(time.Second, 1, "a:1")).run(time.Minute)
		require.Equal(t, 1, w.count("note notified a:1 true"))
		require.Equal(t, Notices{Sent: 1, Acked: 1}, w.m.State().Notices)
	})
	t.Run("an answer that comes too late changes nothing", func(t *testing.T) {
		w := newSimulation(cfg, listening(0), hook(time.Second, 1, "a:1"))
		w.answers[Notify] = answer{after: 1100 * ms, ok: true}
		w.run(time.Minute)
		require.Equal(t, Notices{Sent: 1, Missed: 1}, w.m.State().Notices)
	})
	t.Run("what is not known at the end is missed", func(t *testing.T) {
		cfg := cfg
		cfg.Offline.NoWait = true
		w := newSimulation(cfg, listening(0), term(time.Second, "a:1"))
		w.answers[Notify] = answer{never: true}
		w.run(time.Minute)
		require.Equal(t, 1, w.count("note notified a:1 false"))
	})
	t.Run("off by default", func(t *testing.T) {
		w := newSimulation(config(settings.Lossless), listening(0), hook(time.Second, 1, "a:1")).run(time.Minute)
		require.Zero(t, w.count("notify a:1"))
	})
}

func TestNotVerifiedHoldsUpNothing(t *testing.T) {
	w := newSimulation(config(settings.Lossless), listening(0), term(10*time.Second))
	w.answers[Verify] = answer{never: true}
	w.run(time.Hour)
	require.Equal(t, 11520*ms, w.exit)

	w = newSimulation(config(settings.Lossless), listening(0), hook(10*time.Second, 1))
	w.answers[Verify] = answer{never: true}
	w.run(time.Hour)
	require.Equal(t, 15010*ms, w.at("note verified false"))
}

func TestAnswersToNobodyChangeNothing(t *testing.T) {
	w := newSimulation(config(settings.Lossless), listening(0), hook(time.Second, 1))
	w.answers[Deregister] = answer{never: true}
	w.answers[Verify] = answer{never: true}
	w.run(2 * time.Second)
	var deregister Op
	for _, a := range w.out {
		if a.Kind == Deregister {
			deregister = a.Op
		}
	}
	before := w.m.State()
	for _, kind := range []EventKind{Probed, RegisterDone, DeregisterDone, NotifyDone, VerifyDone, Closed, RegistryClosed} {
		require.Empty(t, w.m.Step(2*time.Second, Event{Kind: kind, OK: true}), "no Op")
		require.Empty(t, w.m.Step(2*time.Second, Event{Kind: kind, OK: true, Op: 999}), "an Op of nobody")
		if kind != DeregisterDone {
			require.Empty(t, w.m.Step(2*time.Second, Event{Kind: kind, OK: true, Op: deregister}), "another's Op")
		}
	}
	require.Equal(t, before, w.m.State())

	w.run(7 * time.Second)
	require.Equal(t, 6*time.Second, w.at("note deregister-failed (gave up) true"))
	require.Empty(t, w.m.Step(7*time.Second, Event{Kind: DeregisterDone, OK: true, Op: deregister}), "an Op given up")
	require.False(t, w.m.State().Deregistered)
}

func TestGivingUpForgetsTheAttemptUnderWay(t *testing.T) {
	w := newSimulation(config(settings.Lossless), listening(0), hook(time.Second, 1))
	w.answers[Deregister] = answer{after: 1900 * ms, ok: false}
	w.run(6 * time.Second)
	require.Equal(t, 6*time.Second, w.at("note deregister-failed (gave up) true"))
	last := w.out[len(w.out)-1]
	for _, a := range w.out {
		if a.Kind == Deregister {
			last = a
		}
	}
	require.Greater(t, last.Deadline, 6*time.Second, "it was under way")
	require.Empty(t, w.m.Step(6100*ms, Event{Kind: DeregisterDone, OK: true, Op: last.Op}))
	w.run(time.Minute)
	require.Equal(t, 3, w.count("deregister"))
}
