package spec

import (
	"encoding/json"
	"fmt"

	"zeroloss/internal/input"
)

// Arms of a target with a change: without it and with it.
const (
	ArmBefore = "before"
	ArmAfter  = "after"
)

// Patch is a strategic merge patch as JSON; nil is none.
type Patch json.RawMessage

// MarshalJSON returns the patch.
func (p Patch) MarshalJSON() ([]byte, error) { return json.RawMessage(p).MarshalJSON() }

const changeForm = "write a patch as for kubectl patch: {spec: {template: {spec: {…}}}}"

// patch decodes a change to a Deployment and rejects fields that a run cannot
// change.
func (d *decoder) patch(path string, n input.Node) Patch {
	if n.Shape() != input.Mapping || len(n.Fields()) == 0 {
		d.problem(n, fmt.Sprintf("%s must be a patch, got %s", nameOf(path), n.Shape()), changeForm)
		return nil
	}
	for _, f := range n.Fields() {
		if f.Key != "spec" {
			d.problem(f.Value, fmt.Sprintf("%s contains %q: only the Deployment's spec can be changed", nameOf(path), f.Key), changeForm)
		}
	}
	for _, f := range n.Get("spec").Fields() {
		switch f.Key {
		case "replicas":
			d.problem(f.Value, nameOf(path)+" contains replicas", "scale in a step instead: {at: 10s, scale: NAME, to: 2}")
		case "selector", "paused":
			d.problem(f.Value, fmt.Sprintf("%s contains %s, which cannot be applied and reverted", nameOf(path), f.Key), changeForm)
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

// change checks that a target's change is released under load, and that streams
// name no arms of their own.
func (c *checker) change(t *Target) {
	if t.Change == nil {
		return
	}
	if t.Observe {
		c.problem("spec.target.change", "a target cannot have both observe and change", "remove one of them")
	} else if len(c.s.Spec.Steps) == 0 {
		c.problem("spec.target.change", "a change requires a step: nothing is released under load", "add steps: [{at: 10s, restart: "+t.Deployment+"}]")
	}
	for i := range c.s.Spec.Load {
		if path := fmt.Sprintf("spec.load[%d].arm", i); c.s.lines[path] > 0 {
			c.problem(path, "streams of a target with a change belong to both arms, before and after", "omit arm")
		}
	}
}
