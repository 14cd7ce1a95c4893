package kube

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestWhatIsGivenBack: what a run that is gone has scaled, and nobody else's.
func TestWhatIsGivenBack(t *testing.T) {
	marked := func(replicas, harness string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetAnnotations(map[string]string{replicasMark: replicas, harnessMark: harness})
		return u
	}
	n, why := abandonedTarget(marked("3", "here/999999999"), "here", false)
	require.Equal(t, 3, n)
	require.Empty(t, why)
	_, why = abandonedTarget(marked("3", fmt.Sprintf("here/%d", os.Getpid())), "here", true)
	require.Contains(t, why, "works with it")
	_, why = abandonedTarget(marked("3", "there/1"), "here", false)
	require.Contains(t, why, "it belongs to a run of there")
	_, why = abandonedTarget(marked("3", "there/1"), "here", true)
	require.Empty(t, why)
	for _, bad := range []string{"", "many", "-1"} {
		_, why = abandonedTarget(marked(bad, "here/999999999"), "here", true)
		require.Equal(t, "its mark cannot be read", why)
	}
}
