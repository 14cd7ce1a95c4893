package consumer

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// The sequence of picks equals that of the view, across steps, retries, changing
// weights and any tags.
func TestSharedViewPicksAsTheViewDoes(t *testing.T) {
	for seed := range uint64(seeds / 4) {
		r := rand.New(rand.NewPCG(seed, 4))
		cfg := someConfig(r)
		cfg.Consumer.Balancer = settings.RoundRobin
		view, live := New(cfg), NewSharedView(cfg)
		now := time.Duration(0)
		for range 30 {
			now += time.Duration(r.Int64N(int64(3 * time.Second)))
			e := someEvent(r)
			view.Step(now, e)
			live.Step(now, e)
			for range r.IntN(2 * batchSize) {
				now += time.Duration(r.Int64N(int64(20 * time.Millisecond)))
				wanted := []string{"", "gray", "blue", fmt.Sprint(r.IntN(100))}[r.IntN(4)]
				var tried []record.Instance
				if hosts := view.Hosts(); len(hosts) > 0 && r.IntN(10) == 0 {
					tried = append(tried, hosts[r.IntN(len(hosts))].Instance)
				}
				if view.Stale(now) {
					view.Step(now, Event{Kind: CacheMiss})
				}
				want, wantReason, wantErr := view.Pick(now, wanted, tried...)
				got, reason, err := live.Pick(now, wanted, tried...)
				require.Equal(t, want, got, "seed %d at %v", seed, now)
				require.Equal(t, wantReason, reason)
				require.Equal(t, wantErr, err)
			}
		}
	}
}

// A random balancer's batches are ended early, too; that must not change the odds.
func TestSharedViewRandomKeepsTheOdds(t *testing.T) {
	l := NewSharedView(Config{Consumer: settings.Consumer{Balancer: settings.Random}, Seed: 1})
	list := hosts("a b")
	list[0].Weight = 3
	l.Step(0, Event{Kind: Pushed, Hosts: list})
	var a int
	for i := range 10_000 {
		if i%7 == 0 {
			l.Step(time.Duration(i), Event{})
		}
		h, _, err := l.Pick(time.Duration(i), "")
		require.NoError(t, err)
		if h.Addr == "a:80" {
			a++
		}
	}
	require.InDelta(t, 7500, a, 150)
}

// No pick is taken twice or skipped, whatever concurrent requests do.
func TestSharedViewIsExactUnderConcurrency(t *testing.T) {
	l := NewSharedView(Config{Consumer: settings.Consumer{Cache: settings.CacheTTL35}})
	l.Step(0, pushed("a b c"))
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 8 {
		wg.Go(func() {
			mine := map[string]int{}
			for range 3000 {
				h, _, err := l.Pick(time.Second, "")
				if err != nil {
					t.Error(err)
					return
				}
				mine[h.Addr]++
			}
			mu.Lock()
			defer mu.Unlock()
			for addr, n := range mine {
				got[addr] += n
			}
		})
	}
	wg.Go(func() {
		for i := range 1000 {
			l.Step(time.Duration(i), marked("nobody"))
		}
	})
	wg.Wait()
	require.Equal(t, map[string]int{"a:80": 8000, "b:80": 8000, "c:80": 8000}, got)
}

// TestPickAllocatesLessThanOnce checks that a pick makes less than one allocation
// on average.
func TestPickAllocatesLessThanOnce(t *testing.T) {
	l := NewSharedView(Config{Epoch: epoch})
	l.Step(0, Event{Kind: Pushed, Hosts: warmingHosts(100, 100)})
	now := time.Duration(0)
	require.Less(t, testing.AllocsPerRun(1000, func() {
		now += time.Millisecond
		if _, _, err := l.Pick(now, ""); err != nil {
			t.Fatal(err)
		}
	}), 1.)
}

// warmingHosts returns n hosts, of which some warm up, with starts 1 s apart.
func warmingHosts(n, warming int) (list []Host) {
	for i := range n {
		h := host(fmt.Sprint("h", i))
		if i < warming {
			h.Start = epoch - int64(i)*1000
			h.Warmup = settings.Warmup{Model: "power", Window: 2 * time.Minute}
		}
		list = append(list, h)
	}
	return list
}

// Requests with tags beyond maxSets take turns, too: many different tags must not
// flood one instance.
func TestManyTagsTakeTurns(t *testing.T) {
	v := New(Config{Epoch: epoch})
	list := hosts("a b c@t70 d@t70")
	list[0].Weight = 3
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	live := NewSharedView(v.cfg)
	live.Step(0, Event{Kind: Pushed, Hosts: list})
	for i := range maxSets {
		_, _, err := v.Pick(0, fmt.Sprint("t", i))
		require.NoError(t, err)
		_, _, err = live.Pick(0, fmt.Sprint("t", i))
		require.NoError(t, err)
	}
	got := map[string]int{}
	for i := range 400 {
		for _, tag := range []string{"t70", fmt.Sprint("t", 100+i)} {
			h, _, err := v.Pick(0, tag)
			require.NoError(t, err)
			got[h.Instance.Pod]++
			same, _, err := live.Pick(0, tag)
			require.NoError(t, err)
			require.Equal(t, h, same)
		}
	}
	require.Equal(t, map[string]int{"a": 300, "b": 100, "c": 200, "d": 200}, got)
	v.Step(0, pushed("a"))
	require.Len(t, v.balancer.overflowTurns, 1, "what is gone is forgotten: %v", v.balancer.overflowTurns)
}

// BenchmarkPick measures a pick from 8 goroutines. The view's clock advances by
// 1 µs with each pick.
func BenchmarkPick(b *testing.B) {
	const goroutines = 8
	for _, c := range []struct{ hosts, warming int }{{2, 0}, {2, 1}, {100, 0}, {100, 1}, {100, 100}} {
		b.Run(fmt.Sprintf("hosts=%d/warming=%d", c.hosts, c.warming), func(b *testing.B) {
			l := NewSharedView(Config{Epoch: epoch})
			l.Step(0, Event{Kind: Pushed, Hosts: warmingHosts(c.hosts, c.warming)})
			b.SetParallelism(max(1, goroutines/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for now := time.Duration(0); pb.Next(); now += time.Microsecond {
					if _, _, err := l.Pick(now, ""); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
