package plan

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckRuntime(t *testing.T) {
	all := &Plan{Scenario: "offline"}
	require.NoError(t, all.CheckRuntime("local"))
	one := &Plan{Scenario: "drain", Runtimes: []string{"kube"}}
	require.NoError(t, one.CheckRuntime("kube"))
	require.EqualError(t, one.CheckRuntime("local"), "drain cannot run on local, only on kube\n  add --runtime kube")
}
