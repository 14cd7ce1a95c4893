package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrSchema is a plan of another format than this program writes.
var ErrSchema = errors.New("unknown plan schema")

// JSON is plan.json.
func (p *Plan) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding plan %q: %w", p.Scenario, err)
	}
	return append(b, '\n'), nil
}

// Decode reads what [Plan.JSON] wrote. Fields that a later version of the
// same schema has added are passed over; a newer schema is [ErrSchema].
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
