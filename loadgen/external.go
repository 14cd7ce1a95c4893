package loadgen

import (
	"fmt"

	"zeroloss/loadgen/record"
)

// maxJudgedBody is the longest body, in bytes, that a stream's rule is applied to.
// A longer one is classified as wrong.
const maxJudgedBody = 1 << 20

// classifyExternal classifies a complete response of an external service by the
// stream's own rules. The error says why the body is wrong.
func (h *hit) classifyExternal(status int) (record.Class, error) {
	s := h.sender.stream
	if !s.Answer.Accepts(status) {
		if status/100 == 5 {
			return record.Status5xx, nil
		}
		return record.StatusOther, nil
	}
	var err error
	if len(h.body) > maxJudgedBody {
		err = fmt.Errorf("body exceeds %d bytes, so the rule was not applied", maxJudgedBody)
	} else {
		err = h.sender.rule.Check(h.body)
	}
	if err != nil {
		return record.WrongBody, err
	}
	return "", nil
}

// externalTrail is the trail of a response that names its instance in a header of
// the service's own. The incarnation is unknown: 0.
func externalTrail(service, who string) record.Trail {
	if who == "" {
		return nil
	}
	return record.Trail{{Service: service, Instance: record.Instance{Pod: truncate(who, 253)}}}
}
