package kube

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

func TestJoinFetchError(t *testing.T) {
	gone := fmt.Errorf("%w: the load pod was deleted", run.ErrEnvironment)
	torn := fmt.Errorf("%w: its log could not be fetched", run.ErrEnvironment)
	require.Equal(t, gone, joinFetchError(gone, torn), "one clear cause")
	require.ErrorIs(t, joinFetchError(nil, torn), torn, "a whole run of which something is missing has failed")
	require.ErrorIs(t, joinFetchError(run.ErrInterrupted, torn), torn)
	require.NoError(t, joinFetchError(nil, nil))
}

func TestServiceURLs(t *testing.T) {
	p := &plan.Plan{Services: []plan.Service{{Name: "a", Port: 80, Target: 8080}, {Name: "headless", Port: 80}}}
	addresses := map[string]string{"a": "10.96.0.7", "headless": "None"}
	require.Equal(t, map[string]string{"a": "http://10.96.0.7:80"}, serviceURLs(p, addresses))
	p.Entry.Service, p.Entry.Port = "a", 8080
	require.Equal(t, "http://10.96.0.7:80", entryServiceURL(p, addresses))
	p.Entry.Service = "headless"
	require.Empty(t, entryServiceURL(p, addresses))
}
