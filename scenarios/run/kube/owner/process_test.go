package owner

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What runs on another system is not taken for gone because its process id is
// not there: whoever shares a cluster may share a host's name as well.
func TestReasonToKeep(t *testing.T) {
	here := ParseProcess(Self())
	self, boot, pids := strconv.Itoa(os.Getpid()), here.boot, here.pidsOf
	const gone = "999999999"
	at := func(pid, boot, pids string) string { return here.Host + "/" + pid + "/" + boot + "/" + pids }
	for _, x := range []struct {
		name, mark, why, all string
	}{
		{"ours", Self(), "process " + self + " works with it", "process " + self + " works with it"},
		{"ended", at(gone, boot, pids), "", ""},
		{"of an older version, alive", here.Host + "/" + self, "process " + self + " works with it", "process " + self + " works with it"},
		{"of an older version, ended", here.Host + "/" + gone, "", ""},
		{"of another host", "elsewhere/1", "it belongs to a run of elsewhere (--all takes it)", ""},
		{"of another machine of that name", at(gone, "other-boot", pids), "it belongs to a run of " + here.Host + " before it was rebooted, or of another machine of that name (--all takes it)", ""},
		{"of another container of that name", at(gone, boot, "1"), "it belongs to a run of another container called " + here.Host + " (--all takes it)", ""},
		{"there, with a process id that is somebody else's here", at(self, "other-boot", "1"), "it belongs to a run of " + here.Host + " before it was rebooted, or of another machine of that name (--all takes it)", ""},
		{"no mark", "", "it belongs to a run of an unknown host (--all takes it)", ""},
	} {
		if boot == "" && x.why != "" && x.mark != Self() && ParseProcess(x.mark).boot != "" {
			continue // this system cannot tell
		}
		require.Equal(t, x.why, Leftover{Process: x.mark}.ReasonToKeep(Self(), false), x.name)
		require.Equal(t, x.all, Leftover{Process: x.mark}.ReasonToKeep(Self(), true), x.name)
	}
}

func TestParseProcessOfSelf(t *testing.T) {
	h := ParseProcess(Self())
	require.Equal(t, Self(), h.String())
	require.Equal(t, os.Getpid(), h.PID)
	require.Equal(t, "a/1", Process{Host: "a", PID: 1}.String())
}
