package loadgen

import (
	"maps"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Stats is what a generator says of itself when it is over. What became of
// the requests is in the log.
type Stats struct {
	Streams     []StreamStats `json:"streams"`
	HostStats   HostStats     `json:"hostStats"`
	Interrupted bool          `json:"interrupted,omitempty"` // ctx was done before the last request was due
}

// StreamStats are a stream's counts and how well it was paced.
type StreamStats struct {
	Name   string                  `json:"name"`
	Due    uint64                  `json:"due"` // sent + unsent, of this shard
	Sent   uint64                  `json:"sent"`
	Unsent uint64                  `json:"unsent"`
	OK     uint64                  `json:"ok"`     // answered 2xx, as far as the generator can judge
	Failed map[record.Class]uint64 `json:"failed"` // as the generator saw it

	SlipP50 time.Duration `json:"slipP50"` // sent - due, nearest rank
	SlipP99 time.Duration `json:"slipP99"`
	SlipMax time.Duration `json:"slipMax"`
	// RateErrorPercent is how far the rate of sending was from the stream's
	// (of the shard: its part of it), signed:
	// 100 * ((sent-1) / (last sent - first sent) / rate - 1). It is 0
	// for fewer than two requests.
	RateErrorPercent float64 `json:"rateErrorPercent"`
}

// tally counts one stream. It belongs to the sink's goroutine.
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
	t.slips = append(t.slips, int32(min(r.Sent-r.Due, 1<<31-1)))
	if t.first == 0 || r.Sent < t.first {
		t.first = r.Sent
	}
	t.last = max(t.last, r.Sent)
}

// final is the stream's stats at its end.
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

// nearestRank is the smallest of the sorted µs that percent of them do not
// exceed.
func nearestRank(us []int32, percent int) time.Duration {
	if len(us) == 0 {
		return 0
	}
	rank := (len(us)*percent + 99) / 100
	return time.Duration(us[max(rank, 1)-1]) * time.Microsecond
}

// Progress is where a generator is: one JSON line each half second.
type Progress struct {
	At      record.Micros           `json:"at"`
	Due     uint64                  `json:"due"` // all that will be due in the end
	Sent    uint64                  `json:"sent"`
	Unsent  uint64                  `json:"unsent"`
	OK      uint64                  `json:"ok"`
	Failed  map[record.Class]uint64 `json:"failed"`
	Streams []StreamProgress        `json:"streams"`
	// Stats is there in the last line only.
	Stats *Stats `json:"stats,omitempty"`
}

// StreamProgress is where one stream is.
type StreamProgress struct {
	Name     string `json:"name"`
	Arm      string `json:"arm"`
	Due      uint64 `json:"due"`
	Sent     uint64 `json:"sent"` // and finished
	Unsent   uint64 `json:"unsent"`
	OK       uint64 `json:"ok"`
	InFlight int64  `json:"inFlight"`

	Failed map[record.Class]uint64 `json:"failed,omitempty"`
}

func progress(guns []*streamSender, now time.Time) Progress {
	p := Progress{At: record.At(now), Failed: map[record.Class]uint64{}}
	for _, g := range guns {
		s := g.tally.stats
		one := StreamProgress{Name: s.Name, Arm: g.stream.Arm, Due: g.pacer.schedule.count, Sent: s.Sent, Unsent: s.Unsent, OK: s.OK,
			InFlight: g.inFlight.Load(), Failed: maps.Clone(s.Failed)}
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
