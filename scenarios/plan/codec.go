package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrSchema means that a plan has a format of another version of zeroloss.
var ErrSchema = errors.New("unknown plan schema")

// JSON returns the content of plan.json.
func (p *Plan) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding plan %q: %w", p.Scenario, err)
	}
	return append(b, '\n'), nil
}

// Decode reads the content of plan.json. Unknown fields are ignored; another
// schema is [ErrSchema].
func Decode(b []byte) (*Plan, error) {
	var p Plan
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&p); err != nil {
		return nil, fmt.Errorf("decoding plan: %w", err)
	}
	if p.Schema != Schema {
		return nil, fmt.Errorf("decoding plan: %w: it is %q, and this version reads %q%s", ErrSchema, p.Schema, Schema, newer(p.Schema))
	}
	return &p, nil
}

func newer(schema string) string {
	if strings.HasPrefix(schema, "zeroloss.plan/") {
		return "; it was written by another version of zeroloss"
	}
	return ""
}
