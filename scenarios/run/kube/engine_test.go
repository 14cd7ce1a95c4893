package kube

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every node wears the badge, and is known by it.
func TestBadges(t *testing.T) {
	c := order{name: "x", badge: "b0", workers: 2}.config()
	require.Len(t, c.Nodes, 3)
	for _, n := range c.Nodes {
		require.Equal(t, "/etc/zeroloss/b0", n.ExtraMounts[0].ContainerPath)
	}
	got, err := badgesOf([]byte(`[{"Id":"1","Mounts":[{"Type":"bind","Source":"/lib/modules","Destination":"/lib/modules"},{"Destination":"/etc/zeroloss/b0"}]},{"Id":"2","Mounts":null}]`))
	require.NoError(t, err)
	require.Equal(t, []string{"b0", ""}, got)
	require.Equal(t, 1, worn(got, "b0"))
	require.Zero(t, worn(got, ""), "no badge is none of ours")
	_, err = badgesOf([]byte("Error: no such container"))
	require.ErrorContains(t, err, "reading what the container engine says")
}
