package local_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/local"
	"zeroloss/scenarios/run/runtimetest"
	"zeroloss/scenarios/rundir"
)

func TestContract(t *testing.T) {
	runtimetest.Run(t, runtimetest.Subject{
		Name: "local",
		New: func(t *testing.T, dir *rundir.Dir, _ *plan.Plan) run.Runtime {
			return local.New(local.Options{Dir: dir, Env: childEnv(t.TempDir())})
		},
		Plan: func(*testing.T) *plan.Plan { return small() },
		Refused: func(t *testing.T) *plan.Plan {
			l, err := net.Listen("tcp", ":0") // on all addresses
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			p := small()
			p.Workloads[1].Settings.Port = l.Addr().(*net.TCPAddr).Port
			return p
		},
		InterruptAt: []record.Kind{record.KindPodCreated, record.KindTimeZero, record.KindHookStarted},
		CheckCleanedUp: func(t *testing.T, dir *rundir.Dir) {
			require.NoDirExists(t, dir.Join("tmp"))
			for _, pid := range pids(t, dir) {
				require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "%d is gone when Run returns", pid)
			}
		},
	})
}
