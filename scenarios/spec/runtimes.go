package spec

import (
	"fmt"
	"slices"

	"zeroloss/internal/input"
)

// Runtimes lists the runtimes that run scenarios.
func Runtimes() []string { return []string{"local", "kube"} }

// runtimes checks the names.
func (c *checker) runtimes() {
	all := c.s.Spec.Runtimes
	for i, name := range all {
		path := "spec.runtimes"
		if indexed := fmt.Sprintf("%s[%d]", path, i); c.s.lines[indexed] != 0 {
			path = indexed
		}
		switch {
		case !slices.Contains(Runtimes(), name):
			c.problem(path, fmt.Sprintf("unknown runtime %q", name), input.DidYouMean(name, Runtimes()))
		case slices.Contains(all[:i], name):
			c.problem(path, fmt.Sprintf("duplicate runtime %q", name), "")
		}
	}
}
