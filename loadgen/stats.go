package loadgen

import (
	"maps"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Stats is the summary of a generator that has finished. The log has the outcome
// of each request.
type Stats struct {
	Streams     []StreamStats `json:"streams"`
	HostStats   HostStats     `json:"hostStats"`
	Interrupted bool          `json:"interrupted,omitempty"` // ctx was done before the last request was due
}

// StreamStats are the counts of a stream and the precision of its pacing.
type StreamStats struct {
	Name   string                  `json:"name"`
	Due    uint64                  `json:"due"` // sent + unsent, of this shard
	Sent   uint64                  `json:"sent"`
	Unsent uint64                  `json:"unsent"`
	OK     uint64                  `json:"ok"`     // successful as far as the generator can tell
	Failed map[record.Class]uint64 `json:"failed"` // as the generator saw them

	SlipP50 time.Duration `json:"slipP50"` // sent - due, nearest rank
	SlipP99 time.Duration `json:"slipP99"`
	SlipMax time.Duration `json:"slipMax"`
	// RateErrorPercent is the deviation of the sending rate from the stream's
	// rate (of a shard: from its part of it), signed:
	// 100 * ((sent-1) / (last sent - first sent) / rate - 1).
	// It is 0 for fewer than two requests.
	RateErrorPercent float64 `json:"rateErrorPercent"`
}

// tally counts one stream. Only the sink's goroutine uses it.
type tally struct {
	rate        float64 // requests a second
	stats       StreamStats
	slips       []int32 // µs
	first, last record.Micros
}

func newTally(s traffic.Stream, shard traffic.Shard) *tally {
	return &tally{rate: shard.Rate(s.Rate), stats: StreamStats{Name: s.Name, Failed: map[record.Class]uint64{}}}
}

func (t *tally) add(r *record.Request) {
	t.stats.Due++
	if r.Unsent {
		t.stats.Unsent++
		return
	}
	t.stats.Sent++
	if r.Class == "" {
		t.stats.OK++
	} else {
		t.stats.Failed[r.Class]++
	}
	t.slips = append(t.slips, int32(min(r.Sent-r.Due, 1<<31-1))) //nolint:gosec // a request is never sent before it is due
	if t.first == 0 || r.Sent < t.first {
		t.first = r.Sent
	}
	t.last = max(t.last, r.Sent)
}

// final returns the stats of the finished stream.
func (t *tally) final() StreamStats {
	s := t.stats
	slices.Sort(t.slips)
	s.SlipP50, s.SlipP99, s.SlipMax = nearestRank(t.slips, 50), nearestRank(t.slips, 99), nearestRank(t.slips, 100)
	if s.Sent > 1 && t.last > t.first {
		rate := float64(s.Sent-1) / t.last.Sub(t.first).Seconds()
		s.RateErrorPercent = 100 * (rate/t.rate - 1)
	}
	return s
}

// nearestRank is a percentile of sorted durations in µs: the smallest one that
// percent of them do not exceed.
func nearestRank(us []int32, percent int) time.Duration {
	if len(us) == 0 {
		return 0
	}
	rank := (len(us)*percent + 99) / 100
	return time.Duration(us[max(rank, 1)-1]) * time.Microsecond
}

// Progress is the state of a generator, reported as a JSON line every 500 ms.
type Progress struct {
	At      record.Micros           `json:"at"`
	Due     uint64                  `json:"due"` // in the whole load
	Sent    uint64                  `json:"sent"`
	Unsent  uint64                  `json:"unsent"`
	OK      uint64                  `json:"ok"`
	Failed  map[record.Class]uint64 `json:"failed"`
	Streams []StreamProgress        `json:"streams"`
	// Stats is set in the last line only.
	Stats *Stats `json:"stats,omitempty"`
}

// StreamProgress is the state of one stream.
type StreamProgress struct {
	Name     string `json:"name"`
	Arm      string `json:"arm"`
	Due      uint64 `json:"due"`
	Sent     uint64 `json:"sent"` // and answered
	Unsent   uint64 `json:"unsent"`
	OK       uint64 `json:"ok"`
	InFlight int64  `json:"inFlight"`

	Failed map[record.Class]uint64 `json:"failed,omitempty"`
}

func progress(senders []*streamSender, now time.Time) Progress {
	p := Progress{At: record.At(now), Failed: map[record.Class]uint64{}}
	for _, sender := range senders {
		s := sender.tally.stats
		one := StreamProgress{Name: s.Name, Arm: sender.stream.Arm, Due: sender.pacer.schedule.count, Sent: s.Sent, Unsent: s.Unsent, OK: s.OK,
			InFlight: sender.inFlight.Load(), Failed: maps.Clone(s.Failed)}
		p.Due += one.Due
		p.Sent += one.Sent
		p.Unsent += one.Unsent
		p.OK += one.OK
		for class, n := range s.Failed {
			p.Failed[class] += n
		}
		p.Streams = append(p.Streams, one)
	}
	return p
}
