package traffic

import "fmt"

// Shard is one of several generators that share a schedule: of each stream it
// sends the requests whose number, divided by Of, leaves Index. The numbers
// are those of the whole stream, so that the shards' logs together are one
// generator's log: each request is there once. The zero Shard is the whole.
type Shard struct {
	Index uint64 `json:"index"` // from 0
	Count uint64 `json:"count"` // how many there are; 0 is 1
}

// Check returns an error if Index is not below Count.
func (s Shard) Check() error {
	if s.Index >= s.count() {
		return fmt.Errorf("shard %d of %d: they are counted from 0", s.Index, s.count())
	}
	return nil
}

func (s Shard) count() uint64 { return max(1, s.Count) }

// Requests is how many of a stream's first n requests are the shard's.
func (s Shard) Requests(n uint64) uint64 {
	if n <= s.Index {
		return 0
	}
	return (n-s.Index-1)/s.count() + 1
}

// Seq is the stream's number of the shard's k-th request (from 0).
func (s Shard) Seq(k uint64) uint64 { return s.Index + k*s.count() }

// Rate is the shard's part of a stream's rate.
func (s Shard) Rate(whole float64) float64 { return whole / float64(s.count()) }
