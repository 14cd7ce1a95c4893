package plan

import (
	"fmt"
	"slices"
	"strings"
)

// CheckRuntime refuses a runtime that this plan is not for.
func (p *Plan) CheckRuntime(name string) error {
	if len(p.Runtimes) == 0 || slices.Contains(p.Runtimes, name) {
		return nil
	}
	if p.Target != nil {
		return fmt.Errorf("%s has a target, which is there already: nothing is to be run\n  zeroloss attach FILE", p.Scenario)
	}
	only := strings.Join(p.Runtimes, " or ")
	return fmt.Errorf("%s runs on %s only: what it shows, %s cannot\n  add --runtime %s", p.Scenario, only, name, p.Runtimes[0])
}
