package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// steps checks each step by itself.
func (c *checker) steps() {
	for i := range c.s.Spec.Steps {
		path := fmt.Sprintf("spec.steps[%d]", i)
		st := &c.s.Spec.Steps[i]
		if st.Rule != nil {
			c.rule(path+".rule", st.Rule)
		}
		if c.bad[path] {
			continue // it has been answered already
		}
		if (st.At == nil) == (st.After == After{}) {
			c.problem(path, "the step wants one of at and after", "as at: 10s")
		}
		if st.At != nil && *st.At >= c.s.Spec.Time.Duration {
			c.problem(path+".at", fmt.Sprintf("the step comes at %s, after the end of the run (%s)", time.Duration(*st.At), time.Duration(c.s.Spec.Time.Duration)), "")
		}
		c.verb(path, st)
	}
}

// Verb is a step's, and the workload that it names; "" if the step has no
// verb that takes one.
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

// known lists the verbs for people.
func known() string {
	var names []string
	for _, v := range (Step{}).verbs() {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ") + " and rule are"
}

// verb wants exactly one, with what belongs to it and nothing else.
func (c *checker) verb(path string, st *Step) {
	later := map[string]*Unsupported{"fault": st.Fault, "apply": st.Apply, "delete": st.Delete, "check": st.Check}
	verbs := 0
	for _, name := range sortedKeys(later) {
		if later[name] != nil {
			verbs++
			c.problem(path+"."+name, fmt.Sprintf("step %s is not supported yet", name), known())
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
		c.problem(path, fmt.Sprintf("the step has %d verbs, and wants one", verbs), "as restart: spring-cloud-b")
	}
	c.belongs(path, st)
	if st.Drain != "" && !slices.Equal(c.s.Spec.Runtimes, StringList{"kube"}) {
		c.problem(path+".drain", "only a cluster has nodes to drain", "add runtimes: [kube] under spec")
	}
}

// belongs holds the fields beside a verb against it.
func (c *checker) belongs(path string, st *Step) {
	switch {
	case st.Back && (st.Scale == "" || st.To != nil):
		c.problem(path+".back", "back belongs to scale, instead of to", "as {scale: orders, back: true}")
	case st.Scale != "" && st.To == nil && !st.Back:
		c.problem(path+".scale", "scale does not say to how many", "add to: 1")
	case st.Scale == "" && st.To != nil:
		c.problem(path+".to", "to belongs to scale", "")
	case st.To != nil && *st.To < 0:
		c.problem(path+".to", fmt.Sprintf("to is %d", *st.To), "at least 0")
	}
	switch {
	case st.Kill == "" && st.Pods != nil:
		c.problem(path+".pods", "pods belongs to kill", "")
	case st.Pods != nil && *st.Pods < 1:
		c.problem(path+".pods", fmt.Sprintf("pods is %d", *st.Pods), "at least 1")
	}
	switch {
	case st.Image != "" && st.Ref == "":
		c.problem(path+".image", "image does not say which", "add ref: example.com/spring-cloud-b:2")
	case st.Image == "" && st.Ref != "":
		c.problem(path+".ref", "ref belongs to image", "")
	}
}
