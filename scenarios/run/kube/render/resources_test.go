package render

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestRequests(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	for _, x := range []struct {
		cpu, memory string
		want        Resources
	}{{"250m", "512Mi", Resources{250, 512 << 20}}, {"2", "1G", Resources{2000, 1e9}}, {"0.0001", "1Pi", Resources{1, 1 << 50}}} {
		require.Equal(t, x.want, ResourcesOf(list(x.cpu, x.memory)))
	}
	c := &corev1.Container{}
	require.Zero(t, Requests(c))
	c.Resources.Limits = list("2", "4Gi")
	require.Equal(t, Resources{2000, 4 << 30}, Requests(c), "a limit without a request is one")
	c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
	require.Equal(t, Resources{1000, 4 << 30}, Requests(c))
	require.Equal(t, "1.0 CPU and 4096 Mi", Requests(c).String())
}
