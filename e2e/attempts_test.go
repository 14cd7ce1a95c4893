package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tries is the maximum number of attempts if the host is too busy to measure. The
// first attempt that measures something counts.
const tries = 3

// attempt is a finished run.
type attempt struct {
	*running
	code    int
	reasons []string // of its verdict
}

// busy reports whether the run is invalid only because the host was too busy.
func (a attempt) busy() bool { return a.code == 3 && onlyHostBusy(a.reasons) }

// onlyHostBusy reports whether all reasons come from a busy host. Nodes on one host
// share a clock, so a measured clock difference also comes from a busy host, but
// only if another reason shows that it was busy.
func onlyHostBusy(reasons []string) bool {
	busy := false
	for _, r := range reasons {
		switch {
		case strings.HasPrefix(r, "generator "), strings.HasPrefix(r, "machine "), strings.Contains(r, " was not watched from "):
			busy = true
		case !strings.HasPrefix(r, "clocks apart: "):
			return false
		}
	}
	return busy
}

// measure repeats a run, at most tries times, until the host was not too busy to
// measure, and logs each attempt. begin must pass --json. If all attempts were
// busy, it returns the last one: see skipIfBusy. holds, if not nil, checks what
// must be true even on a busy host.
func measure(t *testing.T, name string, within time.Duration, begin func() *running, holds func(attempt)) attempt {
	t.Helper()
	return retryWhileBusy(t.Logf, name, func() attempt {
		r := begin()
		a := attempt{running: r, code: r.code(within)}
		var s printedSummary
		require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s), r.stderr.String())
		a.reasons = s.Reasons
		if holds != nil {
			holds(a)
		}
		return a
	})
}

// retryWhileBusy calls try until an attempt is not busy, at most tries times, and logs
// each attempt.
func retryWhileBusy(logf func(string, ...any), name string, try func() attempt) attempt {
	for n := 1; ; n++ {
		a := try()
		switch {
		case !a.busy():
			logf("%s, try %d of %d: exit %d %v", name, n, tries, a.code, a.reasons)
			return a
		case n == tries:
			logf("%s, try %d of %d: too busy to measure: %v", name, n, tries, a.reasons)
			return a
		}
		logf("%s, try %d of %d: too busy to measure, once more: %v", name, n, tries, a.reasons)
	}
}

// passed asserts that the run passed. The failure message contains the judgement,
// as the run directory is deleted after the test.
func (a attempt) passed(t *testing.T) {
	t.Helper()
	if a.code != 0 {
		_, judged, _ := call(t, "", zeroloss, "judge", a.dir)
		require.Zero(t, a.code, "%s\n%s", judged, a.stderr.String())
	}
}

// skipIfBusy skips the test if the host was too busy in every attempt.
func (a attempt) skipIfBusy(t *testing.T) {
	t.Helper()
	if a.busy() {
		t.Skipf("skipped: %d times this machine was too busy to measure: %v", tries, a.reasons)
	}
}

func TestTriesAgainOnlyWhatWasTooBusy(t *testing.T) {
	busy := attempt{code: 3, reasons: []string{"machine too busy: a", "generator late"}}
	lost := attempt{code: 3, reasons: []string{"machine too busy: a", "base lost is >= 10: 0"}}
	for _, c := range []struct {
		name string
		come []attempt
		last int
	}{
		{"it passed", []attempt{{code: 0}}, 0},
		{"a gate failed, whatever the machine did", []attempt{{code: 1, reasons: busy.reasons}}, 0},
		{"no contrast is no excuse", []attempt{lost}, 0},
		{"no reason is no excuse", []attempt{{code: 3}}, 0},
		{"clocks apart are none by themselves", []attempt{{code: 3, reasons: []string{"clocks apart: b"}}}, 0},
		{"they are beside others", []attempt{{code: 3, reasons: []string{"generator late", "clocks apart: b"}}, {code: 0}}, 1},
		{"the second time", []attempt{busy, {code: 1}}, 1},
		{"never", []attempt{busy, busy, busy}, 2},
	} {
		n := 0
		var said []string
		got := retryWhileBusy(func(f string, args ...any) { said = append(said, fmt.Sprintf(f, args...)) }, "x", func() attempt {
			n++
			return c.come[n-1]
		})
		require.Equal(t, c.come[c.last], got, c.name)
		require.Len(t, said, c.last+1, "%s: each attempt is printed", c.name)
	}
	ok := t.Run("skips", func(t *testing.T) { busy.skipIfBusy(t); t.Error("it went on") })
	require.True(t, ok)
	attempt{code: 1, reasons: busy.reasons}.skipIfBusy(t)
	require.False(t, t.Skipped())
}

// A run on a busy host is repeated, and holds is called for each run.
func TestMeasureRunsAgain(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, "busy-once")
	require.NoError(t, os.WriteFile(exe, []byte(`#!/bin/sh
if [ -e again ]; then echo '{"verdict": "pass", "reasons": []}'; exit 0; fi
touch again; echo '{"verdict": "invalid", "reasons": ["machine too busy: 300 ms"]}'; exit 3
`), 0o755))
	var held []int
	a := measure(t, "busy-once", time.Minute, func() *running { return start(t, exe, filepath.Join(dir, "run")) },
		func(a attempt) { held = append(held, a.code) })
	a.passed(t)
	require.Equal(t, []int{3, 0}, held)
	require.JSONEq(t, `{"verdict": "pass", "reasons": []}`, a.stdout.String(), "the last one's")
}
