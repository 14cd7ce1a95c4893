package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"
)

// Answer defines a successful answer of an external service, which sends no
// trail. nil and the zero Answer accept any 2xx.
//
// The ledger checks the status, which is in the record. The body is not in the
// record, so the generator checks it and records the class wrong-body, which a
// later judgement with other rules does not change.
type Answer struct {
	Status []StatusRange `json:"status,omitempty"` // accepted ranges; empty: 2xx
	// JSONPath (RFC 9535) must select at least one value other than null and
	// false. Equals, unless "", must be the text of each selected value.
	JSONPath string `json:"jsonPath,omitempty"`
	Equals   string `json:"equals,omitempty"`
	Match    string `json:"match,omitempty"` // regular expression (RE2) that the body matches
}

// StatusRange is a range of status codes, including both ends.
type StatusRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// ParseStatusRange parses "204", "2xx" or "200-204".
func ParseStatusRange(s string) (StatusRange, error) {
	bad := fmt.Errorf("status %q is neither a code nor a range", s)
	var r StatusRange
	if from, to, ok := strings.Cut(s, "-"); ok {
		a, errA := strconv.Atoi(strings.TrimSpace(from))
		b, errB := strconv.Atoi(strings.TrimSpace(to))
		if errA != nil || errB != nil {
			return r, bad
		}
		r = StatusRange{a, b}
	} else if class, ok := strings.CutSuffix(s, "xx"); ok {
		n, err := strconv.Atoi(class)
		if err != nil {
			return r, bad
		}
		r = StatusRange{n * 100, n*100 + 99}
	} else {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return r, bad
		}
		r = StatusRange{n, n}
	}
	if r.From < 100 || r.To > 599 || r.From > r.To {
		return StatusRange{}, bad
	}
	return r, nil
}

// Accepts reports whether a status counts as a success.
func (a *Answer) Accepts(status int) bool {
	if a == nil || len(a.Status) == 0 {
		return status >= 200 && status <= 299
	}
	for _, r := range a.Status {
		if status >= r.From && status <= r.To {
			return true
		}
	}
	return false
}

// BodyRule checks bodies against an [Answer]. A nil BodyRule accepts any body.
type BodyRule struct {
	path   *jsonpath.Path
	equals string
	match  *regexp.Regexp
}

// Compile returns the rule for the body, or nil if a has none.
func (a *Answer) Compile() (*BodyRule, error) {
	if a == nil || a.JSONPath == "" && a.Match == "" && a.Equals == "" {
		return nil, nil
	}
	r := &BodyRule{equals: a.Equals}
	var err error
	if a.JSONPath != "" {
		if r.path, err = jsonpath.Parse(a.JSONPath); err != nil {
			return nil, fmt.Errorf("reading the JSON path %q: %w", a.JSONPath, err)
		}
	} else if a.Equals != "" {
		return nil, errors.New("equals needs a JSON path")
	}
	if a.Match != "" {
		if r.match, err = regexp.Compile(a.Match); err != nil {
			return nil, fmt.Errorf("reading the expression %q: %w", a.Match, err)
		}
	}
	return r, nil
}

// Check returns why a body does not match the rule, or nil if it does.
func (r *BodyRule) Check(body []byte) error {
	if r == nil {
		return nil
	}
	if r.match != nil && !r.match.Match(body) {
		return fmt.Errorf("the body does not match %q", r.match)
	}
	if r.path == nil {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	found := r.path.Select(value)
	good := false
	for _, v := range found {
		text, simple := v.(string)
		if !simple {
			b, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("reading the value at %s: %w", r.path, err)
			}
			text = string(b)
		}
		if r.equals != "" && text != r.equals {
			return fmt.Errorf("%s is %.80q, not %q", r.path, text, r.equals)
		}
		good = good || v != nil && v != false
	}
	if !good && (r.equals == "" || len(found) == 0) {
		return fmt.Errorf("%s selects nothing in the body", r.path)
	}
	return nil
}
