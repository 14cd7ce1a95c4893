package control_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// What must hold whatever happens.
func TestProperties(t *testing.T) {
	for seed := range uint64(300) {
		w := chaos(t, seed)
		w.check = func() { checkInvariants(t, w) }
		w.run(sec(90))
		w.at(w.now, control.Shutdown{})
		w.run(sec(110))
		require.True(t, w.plane.Empty(), "seed %d: a pod did not end: %v", seed, w.plane.Pods())
		checkSignals(t, w)
		checkNames(t, w)
	}
}

func checkInvariants(t *testing.T, w *simulator) {
	t.Helper()
	require.LessOrEqual(t, len(w.pods()), 4+1, "never more than replicas and surge")
	if next, ok := w.plane.Next(); ok {
		require.Greater(t, next, w.now, "a deadline that has come was left")
	}
}

// KILL comes after TERM, and never within 2 s of it, unless a step or the end
// of the run wanted it so.
func checkSignals(t *testing.T, w *simulator) {
	t.Helper()
	term := map[record.Instance]time.Duration{}
	for _, n := range w.notes {
		switch {
		case n.Kind() == record.KindTermSent:
			term[n.Instance] = n.at
		case n.Kind() == record.KindKillSent && n.Text == "grace ended":
			at, ok := term[n.Instance]
			require.True(t, ok, "%v was killed without TERM", n.Instance)
			require.GreaterOrEqual(t, n.at-at, sec(2))
		}
	}
}

func checkNames(t *testing.T, w *simulator) {
	t.Helper()
	seen := map[string]bool{}
	ops := map[control.Op]bool{}
	for _, a := range w.actions {
		op := control.OpOf(a)
		require.False(t, ops[op], "an Op came twice")
		ops[op] = true
		if note, ok := a.(control.RecordEvent); ok && note.Event.Kind() == record.KindPodCreated {
			pod := note.Event.Instance.Pod
			require.False(t, seen[pod], "a name came twice")
			require.Regexp(t, `^b-[a-z0-9]{5}$`, pod)
			seen[pod] = true
		}
	}
}

// The inputs of a run, written down and read again, give the same actions,
// byte for byte.
func TestReplay(t *testing.T) {
	for seed := range uint64(1000) {
		cfg, inputs, want := life(t, seed)
		_, again, twice := life(t, seed)
		require.Equal(t, want, twice, "seed %d", seed)
		require.Equal(t, inputs, again)

		var read []control.TimedEvent
		require.NoError(t, json.Unmarshal(inputs, &read))
		actions, err := control.Replay(cfg, read)
		require.NoError(t, err)
		require.Equal(t, string(want), encode(t, control.Actions(actions)), "seed %d", seed)

		var back control.Actions
		require.NoError(t, json.Unmarshal(want, &back))
		require.Equal(t, control.Actions(actions), back, "actions survive JSON")
	}
}

func life(t *testing.T, seed uint64) (cfg control.Config, inputs, actions []byte) {
	w := chaos(t, seed)
	w.run(sec(40))
	return chaosConfig(seed), []byte(encode(t, w.inputs)), []byte(encode(t, control.Actions(w.actions)))
}

func encode(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}
