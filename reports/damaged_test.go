package reports_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/scenarios/rundir"
)

// A run directory with anything missing, cut or unreadable never passes: it is
// invalid, or cannot be read.
func TestADamagedRunNeverPasses(t *testing.T) {
	events := func(name string) string { return filepath.Join(rundir.EventsDir, name+".ndjson") }
	const (
		remove = "removed"
		empty  = "emptied"
		half   = "cut in half"
		noEnd  = "without its last line"
		odd    = "with a line that cannot be read"
	)
	damage := map[string]func([]byte) []byte{
		empty: func([]byte) []byte { return nil },
		half:  func(b []byte) []byte { return b[:len(b)/2] },
		noEnd: func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] },
		odd:   func(b []byte) []byte { return append([]byte("?"), b...) },
	}
	files := map[string][]string{
		rundir.MetaFile:               {remove, empty, half, odd},
		rundir.PlanFile:               {remove, empty, half, odd},
		rundir.RequestsFile:           {remove, empty, half, odd},
		events(rundir.Harness):        {remove, empty, half, noEnd, odd},
		events(rundir.RegistryServer): {remove, empty, half, noEnd, odd},
	}
	for _, i := range []string{rundir.EventsName(reporttest.A1), rundir.EventsName(reporttest.B1), rundir.EventsName(reporttest.B2)} {
		files[events(i)] = []string{remove, empty, half, noEnd, odd}
	}
	whole := func(t *testing.T) string {
		s := reporttest.NewRunDir(t)
		s.Lossy = false
		return s.Write(t)
	}
	r, err := reports.Assemble(whole(t))
	require.NoError(t, err)
	require.Equal(t, gate.Pass, r.Result.Verdict, "sound before it is damaged: %v", r.Result.Reasons)
	for name, ways := range files {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				dir := whole(t)
				path := filepath.Join(dir, name)
				b, err := os.ReadFile(path)
				require.NoError(t, err)
				if way == remove {
					require.NoError(t, os.Remove(path))
				} else {
					require.NoError(t, os.WriteFile(path, damage[way](b), 0o644))
				}
				r, err := reports.Assemble(dir)
				if err == nil {
					require.Equal(t, gate.Invalid, r.Result.Verdict)
					require.NotEmpty(t, r.Result.Reasons)
				}
			})
		}
	}
}
