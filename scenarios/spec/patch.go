package spec

import (
	"encoding/json"
	"fmt"

	"zeroloss/internal/input"
)

// The arms of a target with a change: as it is, and with the change.
const (
	ArmBefore = "before"
	ArmAfter  = "after"
)

// Patch is a strategic merge patch, as JSON; nil is none.
type Patch json.RawMessage

// MarshalJSON writes it as it is.
func (p Patch) MarshalJSON() ([]byte, error) { return json.RawMessage(p).MarshalJSON() }

const changeForm = "as kubectl patch takes it: {spec: {template: {spec: {…}}}}"

// patch reads a change of a Deployment, and refuses what is not one, or is a
// step's to do.
func (d *decoder) patch(path string, n input.Node) Patch {
	if n.Shape() != input.Mapping || len(n.Fields()) == 0 {
		d.problem(n, fmt.Sprintf("%s is %s, not a patch", nameOf(path), n.Shape()), changeForm)
		return nil
	}
	for _, f := range n.Fields() {
		if f.Key != "spec" {
			d.problem(f.Value, fmt.Sprintf("%s has %q: only the Deployment's spec is changed, and taken back", nameOf(path), f.Key), changeForm)
		}
	}
	for _, f := range n.Get("spec").Fields() {
		switch f.Key {
		case "replicas":
			d.problem(f.Value, nameOf(path)+" has replicas, which are no part of it", "a step scales: {at: 10s, scale: NAME, to: 2}")
		case "selector", "paused":
			d.problem(f.Value, fmt.Sprintf("%s has %s, which cannot be tried in turn", nameOf(path), f.Key), changeForm)
		}
	}
	v, err := n.Value()
	var text []byte
	if err == nil {
		text, err = json.Marshal(v)
	}
	if err != nil {
		d.problem(n, nameOf(path)+": "+err.Error(), changeForm)
		return nil
	}
	return text
}

// change checks that a target's change can show anything, and that its arms are
// the two that it makes.
func (c *checker) change(t *Target) {
	if t.Change == nil {
		return
	}
	if t.Observe {
		c.problem("spec.target.change", "observe does nothing to the target, and a change would", "leave out one of them")
	} else if len(c.s.Spec.Steps) == 0 {
		c.problem("spec.target.change", "nothing is released under load: without a step no run can tell what the change is worth", "as steps: [{at: 10s, restart: "+t.Deployment+"}]")
	}
	for i := range c.s.Spec.Load {
		if path := fmt.Sprintf("spec.load[%d].arm", i); c.s.lines[path] > 0 {
			c.problem(path, "every stream of a target with a change is of both arms, before and after", "leave arm out")
		}
	}
}
