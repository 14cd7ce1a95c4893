package kindcluster

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/run/kube/owner"
)

// Every node carries its owner, and is known by it.
func TestOwnersOfNodes(t *testing.T) {
	self := owner.Self()
	c := clusterSpec{name: "x", owner: self, workers: 2}.config()
	require.Len(t, c.Nodes, 3)
	for _, n := range c.Nodes {
		require.Equal(t, "/etc/zeroloss/owner/"+self, n.ExtraMounts[0].ContainerPath)
	}
	got, err := ownersOf([]byte(`[{"Id":"1","Mounts":[{"Type":"bind","Source":"/lib/modules","Destination":"/lib/modules"},{"Destination":"/etc/zeroloss/owner/` + self + `"}]},{"Id":"2","Mounts":null}]`))
	require.NoError(t, err)
	require.Equal(t, []string{self, ""}, got)
	require.Equal(t, 1, countOwned(got, self))
	require.Zero(t, countOwned(got, ""), "a node without an owner is the user's")
	_, err = ownersOf([]byte("Error: no such container"))
	require.ErrorContains(t, err, "reading what the container engine says")
}
