package control

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The figures are those that Kubernetes' own controller is held to (TestScale
// of its package deployment). Sizes are the oldest's first.
func TestPausedScalingIsThatOfKubernetes(t *testing.T) {
	for _, c := range []struct {
		name            string
		before, after   int
		surge           int
		sizes, expected []int
	}{
		{"one set: 10 to 12", 10, 12, 0, []int{10}, []int{12}},
		{"one set: 10 to 5", 10, 5, 0, []int{10}, []int{5}},
		{"5 to 10", 5, 10, 0, []int{3, 2}, []int{6, 4}},
		{"5 to 3", 5, 3, 0, []int{3, 2}, []int{2, 1}},
		{"9 to 4", 9, 4, 0, []int{1, 8}, []int{0, 4}},
		{"7 to 10", 7, 10, 0, []int{2, 3, 2}, []int{3, 4, 3}},
		{"13 to 8", 13, 8, 0, []int{3, 8, 2}, []int{2, 5, 1}},
		{"what is left goes to the newest: 3 to 4", 3, 4, 0, []int{1, 1, 1}, []int{1, 1, 2}},
		{"and comes from the oldest: 3 to 2", 3, 2, 0, []int{1, 1, 1}, []int{0, 1, 1}},
		{"none of the wanted template: 4 to 5", 4, 5, 0, []int{2, 2}, []int{2, 3}},
		{"6 to 0", 6, 0, 0, []int{1, 2, 3}, []int{0, 0, 0}},
		{"0 to 6", 0, 6, 0, []int{0, 0, 0}, []int{0, 0, 6}},
		{"with a surge of 2: 10 to 20", 10, 20, 2, []int{6, 6}, []int{11, 11}},
		{"both size and template: 10 to 14", 10, 14, 0, []int{3, 7}, []int{4, 10}},
		{"nothing to add", 2, 2, 1, []int{1, 2}, []int{1, 2}},
	} {
		h := pausedRollout{replicas: c.before}
		for i, n := range c.sizes {
			h.sets = append(h.sets, replicaSet{revision: i, size: n})
		}
		h.scale(c.after, Workload{MaxSurge: c.surge}, -1)
		var got []int
		for _, s := range h.sets {
			got = append(got, s.size)
		}
		require.Equal(t, c.expected, got, c.name)
	}
}

func TestPausedScalingKeepsASaturatedSet(t *testing.T) {
	h := pausedRollout{replicas: 2, sets: []replicaSet{{0, 1}, {1, 2}}}
	h.scale(2, Workload{MaxSurge: 1}, 1)
	require.Equal(t, []replicaSet{{0, 0}, {1, 2}}, h.sets)
}
