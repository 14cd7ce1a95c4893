package observe

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
)

func TestRolloutComplete(t *testing.T) {
	cases := map[string]struct {
		spec, status string
		complete     bool
		failure      string
	}{
		"over":              {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`, true, ""},
		"one by default":    {``, `"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1`, true, ""},
		"not seen yet":      {`"replicas": 3`, `"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3`, false, ""},
		"an old one":        {`"replicas": 3`, `"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "readyReplicas": 4, "availableReplicas": 4`, false, ""},
		"not ready":         {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 2`, false, ""},
		"not available":     {`"replicas": 3`, `"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 2`, false, ""},
		"past its deadline": {`"replicas": 3`, `"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]`, false, "timed out"},
		"paused":            {`"replicas": 3, "paused": true`, `"observedGeneration": 2`, false, "it is paused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var d appsv1.Deployment
			require.NoError(t, json.Unmarshal([]byte(`{"metadata": {"generation": 2}, "spec": {`+c.spec+`}, "status": {`+c.status+`}}`), &d))
			complete, failure := RolloutComplete(&d)
			require.Equal(t, c.complete, complete)
			require.Equal(t, c.failure, failure)
		})
	}
}
