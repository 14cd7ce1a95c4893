package settings

import (
	"encoding/json"
	"fmt"
)

// RulesSchema identifies the format of Rules.
const RulesSchema = "zeroloss.rules/v1"

// RulesPath of a service's own admin port takes Rules by POST.
const RulesPath = "/settings"

// Rules is the part of a Document that can change while the service runs. Other
// rules (delay, health path) apply only to instances that start later.
type Rules struct {
	Schema  string `json:"schema"`
	Version int    `json:"version"` // the highest version received wins
	Warmup  Warmup `json:"warmup"`
}

// ParseRules parses and checks rules. Unknown fields are errors.
func ParseRules(b []byte) (Rules, error) {
	var r Rules
	if err := strict(b, &r); err != nil {
		return r, fmt.Errorf("parsing rules: %w", err)
	}
	if r.Schema != RulesSchema || r.Version < 1 {
		return r, fmt.Errorf("parsing rules: schema must be %q and version at least 1, got %q and %d", RulesSchema, r.Schema, r.Version)
	}
	return r, nil
}

// JSON encodes the rules.
func (r Rules) JSON() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
