package traffic

import "fmt"

// Shard is one of several generators that share a schedule. It sends the
// requests n of each stream with n mod Count = Index. Requests keep their
// numbers in the whole stream, so that the merged logs of all shards contain
// each request once, like the log of one generator. The zero Shard sends
// everything.
type Shard struct {
	Index uint64 `json:"index"` // from 0
	Count uint64 `json:"count"` // number of shards; 0 means 1
}

// Check returns an error if Index is not below Count.
func (s Shard) Check() error {
	if s.Index >= s.count() {
		return fmt.Errorf("shard %d of %d: the first shard is 0, the last one is %d", s.Index, s.count(), s.count()-1)
	}
	return nil
}

func (s Shard) count() uint64 { return max(1, s.Count) }

// Requests returns how many of a stream's first n requests the shard sends.
func (s Shard) Requests(n uint64) uint64 {
	if n <= s.Index {
		return 0
	}
	return (n-s.Index-1)/s.count() + 1
}

// Seq returns the number in the stream of the shard's k-th request, from 0.
func (s Shard) Seq(k uint64) uint64 { return s.Index + k*s.count() }

// Rate returns the shard's part of a stream's rate.
func (s Shard) Rate(whole float64) float64 { return whole / float64(s.count()) }
