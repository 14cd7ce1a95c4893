package local

import (
	"context"

	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// rulesSender sends changed rules to containers.
type rulesSender struct {
	plan       *plan.Plan
	http       *nodeClient
	containers *containers
}

func (s *rulesSender) send(ctx context.Context, a control.SendRules) error {
	post := func(ctx context.Context, port int, path string, body []byte) error {
		return s.http.post(ctx, a.Pod.Pod, port, path, body)
	}
	return run.SendRules(ctx, s.plan, a, post, func() bool { return s.containers.isRunning(a.Pod) })
}
