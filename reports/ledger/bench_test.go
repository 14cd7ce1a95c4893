package ledger

import (
	"testing"
	"time"
)

// BenchmarkBuildReleases accounts for 120,000 requests in ten minutes in which
// four instances are taken out and lose requests.
func BenchmarkBuildReleases(b *testing.B) {
	s := newSim(10 * time.Minute)
	for i, pod := range []string{"b-1", "b-gray-1", "a-1", "c-1"} {
		s.live(pod[:len(pod)-1]+"9", sec(float64(30+120*i)), "127.0.9."+string(rune('1'+i))+":20001")
		for _, c := range s.pods() {
			s.list(s.lives[c], sec(float64(31+120*i)))
		}
		s.deregisterFirst(pod, sec(float64(60+120*i)), push)
	}
	l := s.run()
	b.Logf("%d requests, %d losses, %d events", len(s.in.Requests), len(l.Losses), len(s.in.Events))
	b.ReportAllocs()
	for b.Loop() {
		Build(s.in)
	}
}
