package settings

import (
	"encoding/json"
	"fmt"
)

// RulesSchema is the format of Rules.
const RulesSchema = "zeroloss.rules/v1"

// RulesPath of a service's admin port takes Rules by POST, from anybody: it is
// the harness's own port.
const RulesPath = "/settings"

// Rules is what can change of a Document while its service runs. Delay and
// health path are for those who come later.
type Rules struct {
	Schema  string `json:"schema"`
	Version int    `json:"version"` // the highest one that came wins
	Warmup  Warmup `json:"warmup"`
}

// ParseRules reads them, strictly.
func ParseRules(b []byte) (Rules, error) {
	var r Rules
	if err := strict(b, &r); err != nil {
		return r, fmt.Errorf("reading rules: %w", err)
	}
	if r.Schema != RulesSchema || r.Version < 1 {
		return r, fmt.Errorf("reading rules: schema %q and version %d, want %q and 1 or more", r.Schema, r.Version, RulesSchema)
	}
	return r, nil
}

// JSON writes them.
func (r Rules) JSON() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
