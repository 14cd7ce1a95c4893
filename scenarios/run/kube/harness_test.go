package kube

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What runs on another system is not taken for gone because its process id is
// not there: whoever shares a cluster may share a host's name as well.
func TestWhoseRunItIs(t *testing.T) {
	here := harnessOf(thisHarness())
	self, boot, pids := strconv.Itoa(os.Getpid()), here.boot, here.pids
	const gone = "999999999"
	at := func(pid, boot, pids string) string { return here.host + "/" + pid + "/" + boot + "/" + pids }
	for _, x := range []struct {
		name, mark, why, all string
	}{
		{"ours", thisHarness(), "process " + self + " works with it", "process " + self + " works with it"},
		{"ended", at(gone, boot, pids), "", ""},
		{"of an older version, alive", here.host + "/" + self, "process " + self + " works with it", "process " + self + " works with it"},
		{"of an older version, ended", here.host + "/" + gone, "", ""},
		{"of another host", "elsewhere/1", "it belongs to a run of elsewhere (--all takes it)", ""},
		{"of another machine of that name", at(gone, "other-boot", pids), "it belongs to a run of " + here.host + " before it was started anew, or of another machine of that name (--all takes it)", ""},
		{"of another container of that name", at(gone, boot, "1"), "it belongs to a run of another container called " + here.host + " (--all takes it)", ""},
		{"there, with a process id that is somebody else's here", at(self, "other-boot", "1"), "it belongs to a run of " + here.host + " before it was started anew, or of another machine of that name (--all takes it)", ""},
		{"no mark", "", "it belongs to a run of an unknown host (--all takes it)", ""},
	} {
		if boot == "" && x.why != "" && x.mark != thisHarness() && harnessOf(x.mark).boot != "" {
			continue // this system cannot tell
		}
		require.Equal(t, x.why, left{harness: x.mark}.spare(thisHarness(), false), x.name)
		require.Equal(t, x.all, left{harness: x.mark}.spare(thisHarness(), true), x.name)
	}
}

func TestAHarnessReadsItself(t *testing.T) {
	h := harnessOf(thisHarness())
	require.Equal(t, thisHarness(), h.String())
	require.Equal(t, os.Getpid(), h.pid)
	require.Equal(t, "a/1", harness{host: "a", pid: 1}.String())
}
