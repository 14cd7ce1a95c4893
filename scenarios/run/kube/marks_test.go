package kube

import (
	"os"
	"path/filepath"
	"testing"
	"zeroloss/scenarios/run/kube/owner"

	"github.com/stretchr/testify/require"
)

func TestMarks(t *testing.T) {
	here, beside, gone := processes()
	m := marks{filepath.Join(t.TempDir(), "clusters"), here}
	names, err := m.names()
	require.NoError(t, err)
	require.Empty(t, names)
	_, marked, err := m.read("mine")
	require.NoError(t, err)
	require.False(t, marked)
	require.NoError(t, m.remove("mine"), "gone is gone")

	release, err := m.hold(t.Context())
	require.NoError(t, err)
	x := mark{Badge: "b0", Doing: making, Users: []string{here, beside, gone, "elsewhere/1"}}
	require.NoError(t, m.write("mine", x))
	release()
	got, marked, err := m.read("mine")
	require.NoError(t, err)
	require.True(t, marked)
	require.Equal(t, x, got)
	names, err = m.names()
	require.NoError(t, err)
	require.Equal(t, []string{"mine"}, names, "the lock is no mark")

	others, why := m.others(got, false)
	require.Equal(t, []string{beside, "elsewhere/1"}, others)
	require.Contains(t, why, "works with it")
	others, _ = m.others(got, true)
	require.Equal(t, []string{beside}, others)
	require.True(t, m.seen([]string{"elsewhere/1", beside}))
	require.False(t, m.seen([]string{"elsewhere/1"}))

	k := &kindCluster{name: "mine", marks: m}
	require.True(t, k.unfinished())
	require.NoError(t, m.write("mine", mark{Badge: "b0"}))
	require.False(t, k.unfinished())
	require.NoError(t, m.remove("mine"))
	require.False(t, k.unfinished())
}

// Marks of older versions, and torn ones, say whose they are, or nothing.
func TestOlderMarks(t *testing.T) {
	m := marks{t.TempDir(), owner.Self()}
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "old"), []byte("999999999\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "torn"), nil, 0o644))
	old, _, err := m.read("old")
	require.NoError(t, err)
	require.Equal(t, []string{owner.Process{Host: owner.ParseProcess(m.self).Host, PID: 999999999}.String()}, old.Users)
	require.Empty(t, old.Badge)
	others, _ := m.others(old, false)
	require.Empty(t, others, "its process is gone")
	torn, marked, err := m.read("torn")
	require.NoError(t, err)
	require.True(t, marked)
	require.Equal(t, mark{}, torn)
}
