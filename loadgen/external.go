package loadgen

import (
	"fmt"

	"zeroloss/loadgen/record"
)

// maxJudgedBody is how much of a body is held against a stream's rule; one that is
// longer cannot be judged, and is wrong.
const maxJudgedBody = 1 << 20

// classifyExternal classes a whole answer of a service that is none of ours, by the
// stream's own rule, with why its body is not the one that was due.
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
		err = fmt.Errorf("the body is longer than %d bytes: the rule was not applied", maxJudgedBody)
	} else {
		err = h.sender.rule.Check(h.body)
	}
	if err != nil {
		return record.WrongBody, err
	}
	return "", nil
}

// externalTrail is the trail of an answer that names nobody but its instance, by a
// header that is not ours. Which incarnation it was, nobody says: 0.
func externalTrail(service, who string) record.Trail {
	if who == "" {
		return nil
	}
	return record.Trail{{Service: service, Instance: record.Instance{Pod: truncate(who, 253)}}}
}
