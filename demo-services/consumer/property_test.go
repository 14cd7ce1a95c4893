package consumer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

const seeds = 1000

// someHosts returns some of six hosts with three tags, in random order.
func someHosts(r *rand.Rand) []Host {
	all := hosts("a b g@gray h@gray x@blue y@blue")
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:r.IntN(len(all)+1)]
	for i := range all {
		all[i].Start += r.Int64N(2)
		all[i].Weight = float64(r.IntN(4))
		if r.IntN(3) == 0 {
			all[i].Warmup = settings.Warmup{Model: "power", Window: time.Duration(r.IntN(100)) * time.Second}
		}
	}
	return all
}

func someConfig(r *rand.Rand) Config {
	return Config{Service: "s", Epoch: epoch, Seed: r.Uint64(), Lane: settings.Lane{Strict: r.IntN(3) == 0}, Consumer: settings.Consumer{
		Cache:         []string{"", settings.CachePush, settings.CachePoll30, settings.CacheTTL35}[r.IntN(4)],
		Balancer:      []string{"", settings.Random}[r.IntN(2)],
		Ungoverned:    r.IntN(6) == 0,
		KeepWhenEmpty: r.IntN(4) == 0,
		MarkTTL:       time.Duration(r.IntN(60)) * time.Second,
	}}
}

func someEvent(r *rand.Rand) Event {
	switch r.IntN(5) {
	case 0:
		return Event{Kind: Pushed, Hosts: someHosts(r)}
	case 1:
		if r.IntN(3) == 0 {
			return Event{Kind: Pulled, Op: Op(r.IntN(8)), Error: "down"}
		}
		return Event{Kind: Pulled, Op: Op(r.IntN(8)), Hosts: someHosts(r)}
	case 2:
		return Event{Kind: CacheMiss}
	}
	e := Event{Kind: Marked, By: record.SourceMarker}
	if all := someHosts(r); len(all) > 0 {
		e.Of = all[0].Identity
	}
	return e
}

// play steps a view with n random events and all of its deadlines, and calls each
// after each step.
func play(seed uint64, n int, each func(r *rand.Rand, v *View, now time.Duration, e Event, out []Action)) *View {
	r := rand.New(rand.NewPCG(seed, 2))
	v := New(someConfig(r))
	now := time.Duration(0)
	for range n {
		now += time.Duration(r.Int64N(int64(8 * time.Second)))
		for at, ok := v.Next(); ok && at <= now; at, ok = v.Next() {
			each(r, v, at, Event{}, v.Step(at, Event{}))
		}
		e := someEvent(r)
		each(r, v, now, e, v.Step(now, e))
	}
	return v
}

func TestAnyPick(t *testing.T) {
	var marked, fallback, none int
	for seed := range uint64(seeds) {
		play(seed, 20, func(_ *rand.Rand, v *View, now time.Duration, _ Event, _ []Action) {
			for _, wanted := range []string{"", "gray", "nobody's"} {
				h, reason, err := v.Pick(now, wanted)
				if problem := checkPick(v, wanted, h, reason, err); problem != "" {
					t.Fatalf("seed %d at %v: %s: picked %v (%+v, %v) of %v, marks %v", seed, now, problem, h, reason, err, v.list, v.marks)
				}
				switch {
				case err != nil:
					none++
				case reason.Marked:
					marked++
				case reason.Lane == "fallback":
					fallback++
				}
			}
		})
	}
	require.NotZero(t, marked)
	require.NotZero(t, fallback)
	require.NotZero(t, none)
}

// checkPick returns which rule a pick violates; "": none.
func checkPick(v *View, wanted string, h Host, reason Reason, err error) string {
	byTag, free := map[string]int{}, map[string]int{}
	for _, x := range v.list {
		byTag[x.Tag]++
		if _, m := v.marks[x.Identity]; !m {
			free[x.Tag]++
		}
	}
	if v.cfg.Consumer.Ungoverned {
		if (err == nil) != (len(v.list) > 0) {
			return "nobody, though there is somebody"
		}
		return ""
	}
	tag := wanted
	if byTag[tag] == 0 && !v.cfg.Lane.Strict {
		tag = ""
	}
	_, isMarked := v.marks[h.Identity]
	switch {
	case byTag[tag] == 0 && err == nil:
		return "there was nobody to pick"
	case byTag[tag] == 0:
		return ""
	case err != nil:
		return "nobody, though there is somebody: marks never leave nothing"
	case h.Tag != tag:
		return "another version"
	case isMarked && free[tag] > 0:
		return "a marked one, though another of its version is not"
	case isMarked != reason.Marked:
		return "the reason is not so"
	}
	return ""
}

func TestRoundRobinIsExactOverACycle(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		v := New(Config{})
		list := hosts("a b c d e")[:1+r.IntN(5)]
		cycle := 0
		for i := range list {
			list[i].Weight = float64(1 + r.IntN(7))
			cycle += int(list[i].Weight)
		}
		v.Step(0, Event{Kind: Pushed, Hosts: list})
		got := map[lossless.Identity]int{}
		for range 3 * cycle {
			h, _, err := v.Pick(0, "")
			require.NoError(t, err)
			got[h.Identity]++
		}
		for _, h := range list {
			require.Equal(t, 3*int(h.Weight), got[h.Identity], "seed %d", seed)
		}
	}
}

// journal returns the journal of a view's steps. The picks between them must have
// no effect on it.
func journal(seed uint64) (lines []machine.Line, picked []string) {
	j := machine.Journal{Write: func(l machine.Line) { lines = append(lines, l) }}
	r := rand.New(rand.NewPCG(seed, 2))
	j.WriteConfig(someConfig(r))
	trace := machine.Trace[Event, Action](j)
	play(seed, 30, func(_ *rand.Rand, v *View, now time.Duration, e Event, out []Action) {
		trace(now, e, out)
		for _, wanted := range []string{"", "gray"} {
			h, reason, err := v.Pick(now+time.Second, wanted)
			picked = append(picked, fmt.Sprint(h, reason, err))
		}
	})
	return lines, picked
}

func TestReplayIsByteEqual(t *testing.T) {
	for seed := range uint64(seeds) {
		lines, picked := journal(seed)
		again, pickedAgain := journal(seed)
		require.Equal(t, lines, again)
		require.Equal(t, picked, pickedAgain)
		require.NoError(t, Replay(lines), "seed %d", seed)
	}
}

func TestMarksAreBounded(t *testing.T) {
	v := view(settings.Consumer{}, "a")
	for i := range maxMarks + 100 {
		v.Step(2*time.Second, Event{Kind: Marked, Of: lossless.Identity{Start: int64(i)}})
	}
	require.Len(t, v.marks, maxMarks)
	for i := range 10 * maxSets {
		_, _, err := v.Pick(2*time.Second, fmt.Sprint(i))
		require.NoError(t, err)
	}
	require.Len(t, v.balancer.sets, maxSets, "tags come from requests")
}
