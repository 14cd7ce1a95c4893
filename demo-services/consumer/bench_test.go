//go:build bench

package consumer

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBenchPick measures a pick among 100 instances that all warm up, from 8
// goroutines, and compares it with the view under a mutex, which makes the same
// picks, and with plain round robin without weights and marks. They take turns of
// 10 ms, and the median counts, so that load on the machine hardly matters.
func TestBenchPick(t *testing.T) {
	list := warmingHosts(100, 100)
	live, view := NewSharedView(Config{Epoch: epoch}), New(Config{Epoch: epoch})
	live.Step(0, Event{Kind: Pushed, Hosts: list})
	view.Step(0, Event{Kind: Pushed, Hosts: list})
	var mu sync.Mutex
	var n atomic.Uint64
	candidates := []struct {
		name string
		pick func(now time.Duration) bool
	}{
		{"ours", func(now time.Duration) bool { _, _, err := live.Pick(now, ""); return err == nil }},
		{"under a mutex", func(now time.Duration) bool {
			mu.Lock()
			defer mu.Unlock()
			_, _, err := view.Pick(now, "")
			return err == nil
		}},
		{"round robin", func(time.Duration) bool { return list[n.Add(1)%uint64(len(list))].Addr != "" }},
	}
	const rounds = 100
	costs := make([][]float64, len(candidates))
	for round := range rounds {
		for i, c := range candidates {
			costs[i] = append(costs[i], costOf(t, time.Duration(round)*time.Second, c.pick))
		}
	}
	var medians []float64
	for i, c := range candidates {
		slices.Sort(costs[i])
		medians = append(medians, costs[i][rounds/2])
		t.Logf("%-13s %.0f ns a pick in the median, %.0f to %.0f in the middle half", c.name, medians[i], costs[i][rounds/4], costs[i][rounds*3/4])
	}
	t.Logf("ours over the mutex: %.2f, over round robin: %.1f (want at most 200 ns, and less than one allocation, which a test holds)",
		medians[0]/medians[1], medians[0]/medians[2])
}

// costOf returns the time of a pick in nanoseconds, from 8 goroutines. The view's
// clock advances by 1 µs with each pick.
func costOf(t *testing.T, from time.Duration, pick func(time.Duration) bool) float64 {
	const goroutines, each = 8, 6000
	var failed atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range goroutines {
		wg.Go(func() {
			for i := range time.Duration(each) {
				if !pick(from + i*time.Microsecond) {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	require.Zero(t, failed.Load())
	return float64(took.Nanoseconds()) / (goroutines * each)
}
