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
	only := strings.Join(p.Runtimes, " or ")
	return fmt.Errorf("%s runs on %s only: what it shows, %s cannot\n  add --runtime %s", p.Scenario, only, name, p.Runtimes[0])
}
