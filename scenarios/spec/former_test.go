package spec

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFormerNamesAreRead: a scenario from before the renaming means the same.
func TestFormerNamesAreRead(t *testing.T) {
	former := strings.NewReplacer(
		"offline: kill", "offline: kill\n      startUp: 2s\n      delay: 3s\n      coldCost: 500ms\n      coldCount: 10\n      begins: cold\n      registers: too-early\n      quiet: 4s\n      drainCap: 5s",
		"  set:", "  standIns: {mysql: plain}\n  governance: [{online: c, delay: 3s}]\n  set:",
		"to: 1}", "back: true}",
		"metric: lost, is: 0", "metric: maxSuccessGap, is: \"<= 1s\"",
	).Replace(good)
	present := strings.NewReplacer(
		"offline: kill", "offline: kill\n      startupTime: 2s\n      registerDelay: 3s\n      coldStartCost: 500ms\n      coldStartRequests: 10\n      initialPods: cold\n      registerAt: process-start\n      quietPeriod: 4s\n      drainTimeout: 5s",
		"  set:", "  imageRoles: {mysql: plain}\n  governance: [{online: c, registerDelay: 3s}]\n  set:",
		"to: 1}", "restore: true}",
		"metric: lost, is: 0", "metric: longestOutage, is: \"<= 1s\"",
	).Replace(good)
	got, err := decode(former)
	require.NoError(t, err)
	want, err := decode(present)
	require.NoError(t, err)
	require.True(t, reflect.DeepEqual(want, got))
}

// TestFormerNamesAreNotSecondNames: both names of a field are one field, and
// only the present one is offered.
func TestFormerNamesAreNotSecondNames(t *testing.T) {
	_, err := decode(strings.Replace(good, "offline: kill", "offline: kill\n      startUp: 2s\n      startupTime: 2s", 1))
	require.ErrorContains(t, err, `duplicate field "startupTime"`)
	_, err = decode(strings.Replace(good, "offline: kill", "startupTme: 2s", 1))
	require.ErrorContains(t, err, "did you mean startupTime?")
	schema, err := Schema()
	require.NoError(t, err)
	require.NotContains(t, string(schema), "coldCost")
}
