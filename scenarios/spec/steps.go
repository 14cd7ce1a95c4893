package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// steps checks each step on its own.
func (c *checker) steps() {
	for i := range c.s.Spec.Steps {
		path := fmt.Sprintf("spec.steps[%d]", i)
		st := &c.s.Spec.Steps[i]
		if st.Rule != nil {
			c.rule(path+".rule", st.Rule)
		}
		if c.bad[path] {
			continue // already reported
		}
		if (st.At == nil) == (st.After == After{}) {
			c.problem(path, "the step must have either at or after", "for example at: 10s")
		}
		if st.At != nil && *st.At >= c.s.Spec.Time.Duration {
			c.problem(path+".at", fmt.Sprintf("at is %s, but the run ends after %s", time.Duration(*st.At), time.Duration(c.s.Spec.Time.Duration)), "")
		}
		c.verb(path, st)
	}
}

// Verb returns the verb of a step and its workload; "" if the step's verb takes
// no workload.
func (st Step) Verb() (verb, workload string) {
	for _, v := range st.verbs() {
		if v.workload != "" {
			return v.name, v.workload
		}
	}
	return "", ""
}

type verb struct{ name, workload string }

func (st Step) verbs() []verb {
	return []verb{
		{"scale", st.Scale}, {"restart", st.Restart}, {"image", st.Image}, {"pause", st.Pause}, {"resume", st.Resume},
		{"kill", st.Kill}, {"drain", st.Drain},
	}
}

// verbNames lists the verbs that are supported.
func verbNames() []string {
	var names []string
	for _, v := range (Step{}).verbs() {
		names = append(names, v.name)
	}
	return append(names, "rule")
}

// verb checks that the step has exactly one verb, with its own fields.
func (c *checker) verb(path string, st *Step) {
	later := map[string]*Unsupported{"fault": st.Fault, "apply": st.Apply, "delete": st.Delete, "check": st.Check}
	verbs := 0
	for _, name := range slices.Sorted(maps.Keys(later)) {
		if later[name] != nil {
			verbs++
			c.problem(path+"."+name, fmt.Sprintf("step %s is not supported yet", name), "supported: "+strings.Join(verbNames(), ", "))
		}
	}
	for _, v := range st.verbs() {
		if v.workload != "" {
			verbs++
		}
	}
	if st.Rule != nil {
		verbs++
	}
	if verbs != 1 {
		c.problem(path, fmt.Sprintf("the step must have exactly one verb, got %d", verbs), "for example restart: spring-cloud-b")
	}
	c.belongs(path, st)
	if st.Drain != "" && !slices.Equal(c.s.Spec.Runtimes, StringList{"kube"}) {
		c.problem(path+".drain", "drain requires a cluster", "add runtimes: [kube] under spec")
	}
}

// belongs checks the fields that are only valid with one verb.
func (c *checker) belongs(path string, st *Step) {
	switch {
	case st.Restore && (st.Scale == "" || st.To != nil):
		c.problem(path+".restore", "restore is only valid with scale, and instead of to", "for example {scale: orders, restore: true}")
	case st.Scale != "" && st.To == nil && !st.Restore:
		c.problem(path+".scale", "scale requires to", "add to: 1")
	case st.Scale == "" && st.To != nil:
		c.problem(path+".to", "to is only valid with scale", "")
	case st.To != nil && *st.To < 0:
		c.problem(path+".to", fmt.Sprintf("to must be at least 0, got %d", *st.To), "")
	}
	switch {
	case st.Kill == "" && st.Pods != nil:
		c.problem(path+".pods", "pods is only valid with kill", "")
	case st.Pods != nil && *st.Pods < 1:
		c.problem(path+".pods", fmt.Sprintf("pods must be at least 1, got %d", *st.Pods), "")
	}
	switch {
	case st.Image != "" && st.Ref == "":
		c.problem(path+".image", "image requires ref", "add ref: example.com/spring-cloud-b:2")
	case st.Image == "" && st.Ref != "":
		c.problem(path+".ref", "ref is only valid with image", "")
	}
}
