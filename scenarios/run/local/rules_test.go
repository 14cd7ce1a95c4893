package local

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// TestRulesAreSentUntilAcknowledged, or until the container has gone.
func TestRulesAreSentUntilAcknowledged(t *testing.T) {
	var got []settings.Rules
	answers := []int{http.StatusServiceUnavailable, http.StatusOK}
	self := record.Instance{Pod: "b-1", Incarnation: 1}
	x := newExecutor(&plan.Plan{
		Workloads: []plan.Workload{{Name: "b", Settings: settings.Document{AdminPort: 80}}},
		Rules:     []plan.RuleSet{{Version: 2, Online: map[string]settings.Online{"b": {Warmup: settings.Warmup{Model: "linear", Window: time.Minute}}}}},
	}, &resources{addresses: &addressPool{}}, settings.Registry{}, nil)
	x.containers.running[self] = &child{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var rules settings.Rules
		if json.NewDecoder(r.Body).Decode(&rules) == nil && r.URL.Path == settings.RulesPath && r.Method == http.MethodPost {
			got = append(got, rules)
		}
		w.WriteHeader(answers[min(len(got), len(answers))-1])
	}))
	defer srv.Close()
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	x.pods.add(self.Pod, "b", podAddr{ip: "127.0.0.1", mapped: map[int]int{80: port}})

	a := control.SendRules{PodAction: control.PodAction{Pod: self, Workload: "b"}, Version: 2}
	require.NoError(t, x.rules.send(t.Context(), a))
	want := settings.Rules{Schema: settings.RulesSchema, Version: 2, Warmup: settings.Warmup{Model: "linear", Window: time.Minute}}
	require.Equal(t, []settings.Rules{want, want}, got)

	answers = []int{http.StatusBadRequest}
	delete(x.containers.running, self)
	require.ErrorContains(t, x.rules.send(t.Context(), a), "sending the rules of version 2 to b-1/1: ")
	a.Version = 3
	require.ErrorContains(t, x.rules.send(t.Context(), a), "rules of version 3 are not in the plan")
}
