package observe

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// TestDeploymentWatch: the rollouts of others count, and so do their scalings; what
// this run has scaled itself is on record already.
func TestDeploymentWatch(t *testing.T) {
	dir, err := rundir.Create(t.TempDir() + "/run")
	require.NoError(t, err)
	log, err := CreateTargetLog(dir, 0)
	require.NoError(t, err)
	d := func(name string, replicas int32, host string) *appsv1.Deployment {
		d := &appsv1.Deployment{}
		d.Name, d.Spec.Replicas, d.Spec.Template.Spec.Hostname = name, &replicas, host
		return d
	}
	w := NewDeploymentWatch(d("orders", 3, "v1"), log.Write)
	w.Deployment(d("orders", 3, "v1"))
	w.Deployment(d("orders", 3, "v1"))
	w.Deployment(d("orders", 3, "v2")) // somebody's pipeline
	w.Deployment(d("orders", 5, "v2")) // somebody's autoscaler
	w.Scaling(1)
	w.Deployment(d("orders", 1, "v2")) // this run
	w.Deployment(d("another", 7, "v3"))
	require.NoError(t, log.Close())

	f, err := os.Open(dir.EventsPath("target"))
	require.NoError(t, err)
	defer f.Close()
	events, tail, err := record.ReadEvents(f)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.NoError(t, dir.Close())
	var kinds []record.Kind
	for _, e := range events {
		kinds = append(kinds, e.Kind())
	}
	require.Equal(t, []record.Kind{record.KindRolloutSeen, record.KindScaled, record.KindEnd}, kinds)
}
