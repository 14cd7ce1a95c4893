package plan

import (
	"fmt"
	"slices"
	"strings"
)

// CheckRuntime returns an error if a runtime cannot execute the plan.
func (p *Plan) CheckRuntime(name string) error {
	if len(p.Runtimes) == 0 || slices.Contains(p.Runtimes, name) {
		return nil
	}
	if p.Target != nil {
		return fmt.Errorf("%s has a target, which is deployed already\n  attach to it with: zeroloss attach FILE", p.Scenario)
	}
	only := strings.Join(p.Runtimes, " or ")
	return fmt.Errorf("%s cannot run on %s, only on %s\n  add --runtime %s", p.Scenario, name, only, p.Runtimes[0])
}
