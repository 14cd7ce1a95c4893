package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

const (
	rulesRetryInterval = 100 * time.Millisecond // a container that has just started does not listen yet
	rulesTimeout       = 9 * time.Second        // all attempts: less than the control plane waits
)

// SendRules carries out an action: post sends the rules to a pod's admin port, again
// and again until that succeeds or running reports that the instance is gone.
func SendRules(ctx context.Context, p *plan.Plan, a control.SendRules, post func(ctx context.Context, port int, path string, body []byte) error, running func() bool) error {
	i := slices.IndexFunc(p.Workloads, func(w plan.Workload) bool { return w.Name == a.Workload })
	o, ok := p.OnlineUnder(a.Workload, a.Version)
	if i < 0 || !ok {
		return fmt.Errorf("rules of version %d are not in the plan", a.Version)
	}
	rules := settings.Rules{Schema: settings.RulesSchema, Version: a.Version, Warmup: o.Warmup}
	ctx, stop := context.WithTimeout(ctx, rulesTimeout)
	defer stop()
	for {
		err := post(ctx, p.Workloads[i].Settings.AdminPort, settings.RulesPath, rules.JSON())
		if err == nil {
			return nil
		}
		if ctxtime.Sleep(ctx, rulesRetryInterval) != nil || !running() {
			return fmt.Errorf("sending the rules of version %d to %s: %w", a.Version, a.Pod, err)
		}
	}
}
