package local

import (
	"fmt"
	"slices"
	"strings"

	"zeroloss/demo-services/settings"
	"zeroloss/scenarios/plan"
)

// services resolves the names of Kubernetes Services to addresses of pods.
type services struct {
	plan      *plan.Plan
	addresses *addressPool
	pods      *podTable
	registry  settings.Registry
}

// resolve is the address that a host and port lead to: a Service's oldest pod,
// the registry, or an address of the run itself. It returns false for all other
// hosts.
func (s *services) resolve(host string, port int) (string, bool) {
	if strings.HasPrefix(host, "127.") && !s.addresses.singleAddress() {
		return fmt.Sprintf("%s:%d", host, port), true
	}
	name, _, _ := strings.Cut(host, ".") // nacos-server.default.svc
	for _, svc := range s.plan.Services {
		if svc.Name != name || svc.Port != port && svc.Target != port {
			continue
		}
		addr, ok := s.pods.oldest(func(workload string) bool { return s.selects(svc, workload) })
		return addr.join(svc.Target), ok
	}
	if name == s.plan.Registry.Workload {
		return fmt.Sprintf("%s:%d", s.registry.Host, s.registry.Port), true
	}
	return "", false
}

func (s *services) selects(svc plan.Service, workload string) bool {
	w := workloadOf(s.plan, workload)
	if w == nil || len(svc.Selector) == 0 {
		return false
	}
	for k, v := range svc.Selector {
		if w.Labels[k] != v {
			return false
		}
	}
	return true
}

// workloadOf is the workload of a name; nil if the plan has none.
func workloadOf(p *plan.Plan, name string) *plan.Workload {
	i := slices.IndexFunc(p.Workloads, func(w plan.Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Workloads[i]
}
