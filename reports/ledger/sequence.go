package ledger

import (
	"fmt"
	"math/bits"

	"zeroloss/internal/format"
)

// sequence checks that each sequence number of a stream occurs once.
type sequence struct {
	seen       []uint64 // a bit each
	n          uint64   // distinct numbers
	duplicates uint64
	outside    uint64
}

// maxSeq bounds the memory that a corrupt number can cost: 128 MiB.
const maxSeq = 1 << 30

func (s *sequence) add(n uint64) {
	if n >= maxSeq {
		s.outside++
		return
	}
	word, bit := int(n/64), uint64(1)<<(n%64)
	if word >= len(s.seen) {
		s.seen = append(s.seen, make([]uint64, word+1-len(s.seen))...)
	}
	if s.seen[word]&bit != 0 {
		s.duplicates++
		return
	}
	s.seen[word] |= bit
	s.n++
}

// defects lists what is wrong with the numbers of a stream that should have want
// of them.
func (s *sequence) defects(stream string, want uint64) []string {
	var out []string
	if s.duplicates > 0 {
		out = append(out, fmt.Sprintf("stream %s: %s; its log is corrupt, or two generators wrote it", stream, format.Count(s.duplicates, "duplicate sequence number")))
	}
	if s.outside > 0 {
		out = append(out, fmt.Sprintf("stream %s: %s out of range; its log is corrupt", stream, format.Count(s.outside, "sequence number")))
	}
	if top := s.top(); s.n < top {
		out = append(out, fmt.Sprintf("stream %s: %s missing among the first %d", stream, format.Count(top-s.n, "request"), top))
	}
	if s.n+s.outside != want && s.top() != want {
		out = append(out, fmt.Sprintf("stream %s: the log ends with request %d of %d", stream, s.top(), want))
	}
	return out
}

// top is one more than the highest number.
func (s *sequence) top() uint64 {
	for i := len(s.seen) - 1; i >= 0; i-- {
		if s.seen[i] != 0 {
			return uint64(i)*64 + uint64(bits.Len64(s.seen[i])) //nolint:gosec // an index and a number of bits are not negative
		}
	}
	return 0
}
