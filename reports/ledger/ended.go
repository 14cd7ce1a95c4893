package ledger

import (
	"fmt"

	"zeroloss/loadgen/record"
)

// ended says whether the load was ended before its time, on purpose, and why:
// Concluded or Aborted; "" if it was not.
func (b *books) ended() (record.Kind, string) {
	for _, e := range b.in.Events {
		if e.Kind == record.KindConcluded || e.Kind == record.KindAborted {
			return e.Kind, e.Text
		}
	}
	return "", ""
}

func (b *books) aborted() bool {
	kind, _ := b.ended()
	return kind == record.KindAborted
}

// planned is how many requests a stream has. Of a load that was ended on
// purpose it is what its log has: [books.cutShort] holds that against what the
// generator says.
func (b *books) planned(s *streamBook) uint64 {
	if kind, _ := b.ended(); kind != "" {
		return min(s.seqs.top(), s.spec.Count())
	}
	return s.spec.Count()
}

// cutShort tells whether the log of a load that was ended on purpose ends where
// the generator did.
func (b *books) cutShort() []string {
	if kind, _ := b.ended(); kind == "" {
		return nil
	}
	said, have := 0, 0
	for _, e := range b.in.Events {
		if e.Kind == record.KindLoadEnd {
			said += int(e.N)
		}
	}
	for _, s := range b.order {
		have += s.Sent
	}
	if said == have {
		return nil
	}
	return []string{fmt.Sprintf("the load was ended before its time: the generator says that it sent %s, and its log has %d", counted(said, "request"), have)}
}
