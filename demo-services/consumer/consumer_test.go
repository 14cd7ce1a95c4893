package consumer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

const epoch = 1_763_700_000_000

// host parses "name" or "name@tag": the instance name/1 at name:80.
func host(s string) Host {
	name, tag, _ := strings.Cut(s, "@")
	return Host{
		Identity: lossless.Identity{Instance: record.Instance{Pod: name, Incarnation: 1}, Start: epoch - 1},
		Addr:     name + ":80", Tag: tag, Weight: 1,
	}
}

func hosts(s string) (out []Host) {
	for _, f := range strings.Fields(s) {
		out = append(out, host(f))
	}
	return out
}

func pushed(s string) Event { return Event{Kind: Pushed, Hosts: hosts(s)} }

func marked(s string) Event {
	return Event{Kind: Marked, Of: host(s).Identity, By: record.SourceMarker}
}

// view returns a View at 1 s with a list.
func view(c settings.Consumer, list string) *View {
	v := New(Config{Service: "s", Consumer: c, Epoch: epoch})
	v.Step(time.Second, pushed(list))
	return v
}

// pickN makes n picks and returns the pods.
func pickN(t *testing.T, v *View, now time.Duration, wanted string, n int) string {
	t.Helper()
	var out []string
	for range n {
		h, _, err := v.Pick(now, wanted)
		require.NoError(t, err)
		out = append(out, h.Instance.Pod)
	}
	return strings.Join(out, " ")
}

func show(as []Action) string {
	var out []string
	for _, a := range as {
		s := string(a.Kind)
		if a.Kind == Note {
			s = string(a.Event.Kind())
			switch p := a.Event.Payload.(type) {
			case record.MarkSet:
				s += fmt.Sprint(" ", p.Marked, " ", p.Source)
			case record.MarkCleared:
				s += fmt.Sprint(" ", p.Marked, " ", p.Reason)
			case record.ListChanged:
				s += fmt.Sprint(" ", p.Cache, " ", len(p.Hosts))
			case record.ListReceived:
				s += fmt.Sprint(" ", p.Hosts)
			default:
				s += " " + a.Event.Text
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestPickTakesTurns(t *testing.T) {
	v := view(settings.Consumer{}, "c b a")
	require.Equal(t, "a b c a b c", pickN(t, v, time.Second, "", 6), "whatever order the list came in")
	require.Equal(t, "a", pickN(t, v, time.Second, "", 1))
	v.Step(2*time.Second, pushed("a b c d"))
	require.Equal(t, "b c d a b c d a", pickN(t, v, time.Second, "", 8), "a change starts nobody's turn anew")
}

func TestPickGoesByWeightExactlyOverACycle(t *testing.T) {
	v := New(Config{})
	list := hosts("a b c")
	list[0].Weight, list[1].Weight, list[2].Weight = 5, 1, 1
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	require.Equal(t, "a a b a c a a", pickN(t, v, 0, "", 7), "smooth")
	got := map[string]int{}
	for p := range strings.FieldsSeq(pickN(t, v, 0, "", 700)) {
		got[p]++
	}
	require.Equal(t, map[string]int{"a": 500, "b": 100, "c": 100}, got)

	list[1].Weight = 0
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	require.NotContains(t, pickN(t, v, 0, "", 100), "b", "weight 0 wants none")
}

func TestPickAtRandomIsSeeded(t *testing.T) {
	random := func(seed uint64) string {
		v := New(Config{Seed: seed, Consumer: settings.Consumer{Balancer: settings.Random}})
		list := hosts("a b")
		list[0].Weight = 3
		v.Step(0, Event{Kind: Pushed, Hosts: list})
		return pickN(t, v, 0, "", 1000)
	}
	require.Equal(t, random(7), random(7))
	require.NotEqual(t, random(7), random(8))
	require.InDelta(t, 750, strings.Count(random(7), "a"), 60)
}

func TestPickLeavesOutTheTried(t *testing.T) {
	for _, b := range []string{settings.RoundRobin, settings.Random} {
		v := view(settings.Consumer{Balancer: b}, "a b c")
		a, c := host("a").Instance, host("c").Instance
		for range 20 {
			h, _, err := v.Pick(time.Second, "", a, c)
			require.NoError(t, err)
			require.Equal(t, "b", h.Instance.Pod)
		}
		_, _, err := v.Pick(time.Second, "", a, c, host("b").Instance)
		require.ErrorIs(t, err, ErrNoInstance)
	}
}

func TestLanesComeBeforeMarks(t *testing.T) {
	v := view(settings.Consumer{}, "a b g@gray h@gray")
	v.Step(2*time.Second, marked("g@gray"))
	require.Equal(t, "h h", pickN(t, v, 0, "gray", 2))
	require.Equal(t, "a b", pickN(t, v, 0, "", 2))
	require.Equal(t, "a b", pickN(t, v, 0, "blue", 2), "no blue: base, with a turn of its own")

	v.Step(3*time.Second, marked("h@gray"))
	h, r, err := v.Pick(0, "gray")
	require.NoError(t, err)
	require.Equal(t, "gray", h.Tag, "a marked one, before any other version")
	require.Equal(t, Reason{Lane: lane.Own, Marked: true}, r)

	_, r, err = v.Pick(0, "")
	require.NoError(t, err)
	require.Equal(t, Reason{Lane: lane.Base}, r)
	_, r, err = v.Pick(0, "blue")
	require.NoError(t, err)
	require.Equal(t, Reason{Lane: lane.Fallback}, r)
}

func TestNobodyToCall(t *testing.T) {
	v := New(Config{Lane: settings.Lane{Strict: true}})
	_, r, err := v.Pick(0, "")
	require.ErrorIs(t, err, ErrNoInstance)
	require.Equal(t, lane.NoBase, r.Lane)
	v.Step(0, pushed("a b"))
	_, r, err = v.Pick(0, "gray")
	require.ErrorIs(t, err, ErrNoInstance)
	require.Equal(t, lane.NoTagged, r.Lane)
}

func TestStreamsOfTwoTagsDoNotTakeEachOthersTurn(t *testing.T) {
	v := view(settings.Consumer{}, "a b")
	got := map[string]int{}
	for range 100 {
		got["base "+pickN(t, v, 0, "", 1)]++
		got["gray "+pickN(t, v, 0, "gray", 1)]++
	}
	require.Equal(t, map[string]int{"base a": 50, "base b": 50, "gray a": 50, "gray b": 50}, got)
}

func TestUngoverned(t *testing.T) {
	v := New(Config{Consumer: settings.Consumer{Ungoverned: true}})
	list := hosts("a g@gray")
	list[0].Weight = 5
	list[1].Warmup, list[1].Start = settings.Warmup{Window: time.Hour}, epoch
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	require.Empty(t, v.Step(time.Second, marked("g@gray")), "no marks")
	require.Equal(t, "a g a g", pickN(t, v, 0, "gray", 4), "no lanes, no weights")
}

func TestMarkEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(v *View) []Action
		want string
		free bool // b is picked again
	}{
		{"not by a list that still has it", func(v *View) []Action { return v.Step(3*time.Second, pushed("a b")) }, "", false},
		{"when the registry is seen without it", func(v *View) []Action { return v.Step(3*time.Second, pushed("a")) },
			"list-changed push 1, mark-cleared b/1 registry", false},
		{"by the pull too", func(v *View) []Action {
			return v.Step(3*time.Second, Event{Kind: Pulled, Op: 1, Hosts: hosts("a")})
		}, "list-changed push 1, mark-cleared b/1 registry", false},
		{"after 120 s", func(v *View) []Action {
			v.Step(4*time.Second, Event{}) // the pull times out
			require.Empty(t, v.Step(122*time.Second-1, Event{}))
			return v.Step(122*time.Second, Event{})
		}, "mark-cleared b/1 expired", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := view(settings.Consumer{}, "a b")
			require.Equal(t, "mark-set b/1 marker, pull", show(v.Step(2*time.Second, marked("b"))))
			require.Equal(t, "a a", pickN(t, v, 0, "", 2))
			require.Empty(t, show(v.Step(2*time.Second, marked("b"))), "once")
			require.Equal(t, c.want, show(c.then(v)))
			require.Equal(t, c.free, strings.Contains(pickN(t, v, 0, "", 4), "b"))
		})
	}
}

func TestARestartedPodAtTheSameAddressIsWelcome(t *testing.T) {
	v := view(settings.Consumer{}, "a b")
	v.Step(2*time.Second, marked("b"))
	again := hosts("a b")
	again[1].Instance.Incarnation, again[1].Start = 2, epoch+5000
	require.Equal(t, "list-changed push 2, mark-cleared b/1 registry", show(v.Step(3*time.Second, Event{Kind: Pushed, Hosts: again})))
	require.Contains(t, pickN(t, v, 0, "", 2), "b")

	// A restart of the same container has another identity, too.
	v = view(settings.Consumer{}, "a b")
	v.Step(2*time.Second, marked("b"))
	again = hosts("a b")
	again[1].Start++
	v.Step(3*time.Second, Event{Kind: Pushed, Hosts: again})
	require.Contains(t, pickN(t, v, 0, "", 2), "b")
}

func TestPull(t *testing.T) {
	t.Run("its answer is the list", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b")
		out := v.Step(2*time.Second, marked("b"))
		require.Equal(t, 4*time.Second, out[1].Deadline)
		require.Equal(t, "list-changed push 2, mark-cleared b/1 registry", show(v.Step(3*time.Second, Event{Kind: Pulled, Op: out[1].Op, Hosts: hosts("a c")})))
	})
	t.Run("an answer older than a push is dropped", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b")
		out := v.Step(2*time.Second, marked("b"))
		v.Step(2100*time.Millisecond, pushed("a"))
		require.Empty(t, v.Step(2200*time.Millisecond, Event{Kind: Pulled, Op: out[1].Op, Hosts: hosts("a b")}))
		require.Equal(t, "a a", pickN(t, v, 0, "", 2), "else the one that went would be back, without its mark")
	})
	t.Run("an answer to nobody is dropped", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b")
		require.Empty(t, v.Step(2*time.Second, Event{Kind: Pulled, Hosts: hosts("x")}))
		require.Empty(t, v.Step(2*time.Second, Event{Kind: Pulled, Op: 9, Hosts: hosts("x")}))
	})
	t.Run("a failure is told, and the mark protects", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b")
		v.Step(2*time.Second, marked("b"))
		require.Equal(t, "pull-failed refused", show(v.Step(3*time.Second, Event{Kind: Pulled, Op: 1, Error: "refused"})))
		require.Equal(t, "a a", pickN(t, v, 0, "", 2))
	})
	t.Run("a lost answer is given up at its deadline", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b")
		v.Step(2*time.Second, marked("b"))
		at, ok := v.Next()
		require.True(t, ok)
		require.Equal(t, 4*time.Second, at)
		require.Equal(t, "pull-failed no answer in time", show(v.Step(at, Event{})))
	})
	t.Run("one at a time, and again for a mark that came meanwhile", func(t *testing.T) {
		v := view(settings.Consumer{}, "a b c")
		v.Step(2*time.Second, marked("b"))
		require.Equal(t, "mark-set c/1 marker", show(v.Step(2*time.Second, marked("c"))))
		require.Equal(t, "pull", show(v.Step(3*time.Second, Event{Kind: Pulled, Op: 1, Hosts: hosts("a b c")})))
	})
}

func TestCachePoll30(t *testing.T) {
	v := New(Config{Consumer: settings.Consumer{Cache: settings.CachePoll30}})
	require.Empty(t, v.Step(100*time.Millisecond, pushed("a b")))
	require.Empty(t, v.Hosts(), "nothing before the first poll")
	var at []time.Duration
	for range 3 {
		next, ok := v.Next()
		require.True(t, ok)
		at = append(at, next)
		require.Equal(t, "list-changed poll30 2", show(v.Step(next, Event{})), "told at each fill")
	}
	require.Equal(t, []time.Duration{time.Second, 31 * time.Second, 61 * time.Second}, at)
	require.Empty(t, v.Step(62*time.Second, pushed("a")), "a push changes nothing before the next poll")
	require.Equal(t, "a b", pickN(t, v, 62*time.Second, "", 2))
	require.Equal(t, "list-changed poll30 1", show(v.Step(91*time.Second, Event{})))
	require.Equal(t, "a a", pickN(t, v, 91*time.Second, "", 2))
}

func TestCacheTTL35(t *testing.T) {
	l := NewSharedView(Config{Consumer: settings.Consumer{Cache: settings.CacheTTL35}})
	var fills []string
	l.OnFill = func(now time.Duration, e Event, out []Action) {
		require.Equal(t, Event{Kind: CacheMiss}, e)
		fills = append(fills, fmt.Sprint(now, " ", show(out)))
	}
	pick := func(now time.Duration) string {
		h, _, err := l.Pick(now, "")
		if err != nil {
			return err.Error()
		}
		return h.Instance.Pod
	}
	require.Equal(t, ErrNoInstance.Error(), pick(0), "nothing is known yet")
	require.Equal(t, "list-received 1", show(l.Step(time.Second, pushed("a"))), "a call may come")
	require.Empty(t, l.Hosts())
	require.Equal(t, "a", pick(10*time.Second))
	require.Empty(t, l.Step(11*time.Second, pushed("b")))
	require.Equal(t, "a", pick(45*time.Second-1), "35 s from the fill, whatever changed")
	require.Equal(t, "b", pick(45*time.Second))
	l.Step(50*time.Second, pushed(""))
	require.Equal(t, ErrNoInstance.Error(), pick(80*time.Second), "an empty list is not kept")
	l.Step(81*time.Second, pushed("c"))
	require.Equal(t, "c", pick(81*time.Second))
	require.Equal(t, []string{"10s list-changed ttl35 1", "45s list-changed ttl35 1", "1m20s list-changed ttl35 0", "1m21s list-changed ttl35 1"}, fills)
	_, ok := l.Next()
	require.False(t, ok, "it fills when it is used, and owns no time")
}

// While an old cache still has the instance, its mark must not be cleared because
// the registry does not list it.
func TestAMarkOutlivesAnOldCache(t *testing.T) {
	for _, cache := range []string{settings.CachePoll30, settings.CacheTTL35} {
		v := New(Config{Consumer: settings.Consumer{Cache: cache}})
		v.Step(0, pushed("a b"))
		v.Step(time.Second, Event{Kind: CacheMiss})
		require.Len(t, v.Hosts(), 2)
		out := v.Step(2*time.Second, marked("b"))
		require.Equal(t, "mark-set b/1 marker, pull", show(out))
		v.Step(3*time.Second, Event{Kind: Pulled, Op: out[1].Op, Error: "down"})
		require.Empty(t, v.Step(4*time.Second, pushed("a")))
		require.Equal(t, "a a", pickN(t, v, 4*time.Second, "", 2))
	}
}

func TestAMarkRefreshesTheOtherCaches(t *testing.T) {
	for _, cache := range []string{settings.CachePoll30, settings.CacheTTL35} {
		v := New(Config{Consumer: settings.Consumer{Cache: cache}})
		v.Step(0, pushed("a b"))
		v.Step(time.Second, Event{Kind: CacheMiss})
		v.Step(2*time.Second, marked("b"))
		require.Equal(t, "list-changed "+cache+" 1, mark-cleared b/1 registry", show(v.Step(3*time.Second, Event{Kind: Pulled, Op: 1, Hosts: hosts("a")})))
	}
}

func TestKeepWhenEmpty(t *testing.T) {
	v := view(settings.Consumer{KeepWhenEmpty: true}, "a")
	require.Empty(t, v.Step(2*time.Second, pushed("")))
	require.Equal(t, "a", pickN(t, v, 0, "", 1))
	v = view(settings.Consumer{}, "a")
	require.Equal(t, "list-changed push 0", show(v.Step(2*time.Second, pushed(""))))
	_, _, err := v.Pick(0, "")
	require.ErrorIs(t, err, ErrNoInstance)
}

func TestWarmUpShare(t *testing.T) {
	share := func(model string, at time.Duration) float64 {
		v := New(Config{Epoch: epoch})
		list := hosts("a b")
		list[1].Start = epoch + 1000 // a second after the view's zero
		list[1].Warmup = settings.Warmup{Model: model, Window: 100 * time.Second}
		v.Step(0, Event{Kind: Pushed, Hosts: list})
		return float64(strings.Count(pickN(t, v, time.Second+at, "", 10_000), "b")) / 10_000
	}
	// x/(x+1) and x²/(x²+1): one warming among two.
	require.InDelta(t, .2, share("linear", 25*time.Second), 1e-3)
	require.InDelta(t, 1/3., share("linear", 50*time.Second), 1e-3)
	require.InDelta(t, .2, share("power", 50*time.Second), 1e-3)
	require.InDelta(t, .36, share("power", 75*time.Second), 1e-2) // 56 of 156
	for _, model := range []string{"linear", "power"} {
		require.InDelta(t, .5, share(model, 100*time.Second), 1e-3)
		require.InDelta(t, .5, share(model, 500*time.Second), 1e-3)
		require.InDelta(t, .01, share(model, -time.Second), 1e-3, "clocks that differ do not flood it")
	}
	require.InDelta(t, .5, share("unheard-of", 25*time.Second), 1e-3)
}

// TestSkew: to a consumer whose clock is behind, a warming host seems younger than
// it is; if the clock is ahead, older.
func TestSkew(t *testing.T) {
	zero := time.UnixMilli(1_000_000)
	weight := func(skew time.Duration) int64 {
		cfg := ConfigOf(settings.Document{Consumer: settings.Consumer{ClockSkew: skew}}, zero)
		h := Host{Weight: 1, Warmup: settings.Warmup{Model: "linear", Window: 100 * time.Second}}
		h.Start = zero.UnixMilli()
		w := newHostWeights(cfg, []Host{h, {Weight: 1}})
		w.refresh(50 * time.Second)
		return w.weights[0]
	}
	require.EqualValues(t, 50, weight(0))
	require.EqualValues(t, 20, weight(-30*time.Second))
	require.EqualValues(t, 80, weight(30*time.Second))
}

func TestFromRegistry(t *testing.T) {
	good := registry.NewHost("10.0.0.1", 80, registry.Meta{
		Instance: record.Instance{Pod: "b-1", Incarnation: 2}, Tag: "gray",
		Start: time.UnixMilli(epoch), Warmup: 2 * time.Minute, Model: "power", Curve: 3,
	})
	sick, off, odd := good, good, registry.NewHost("10.0.0.2", 80, registry.Meta{})
	sick.Healthy, off.Enabled = false, false
	odd.Metadata = map[string]string{registry.MetaStart: "noon"}
	got, errs := FromRegistry([]registry.Host{sick, good, off, odd})
	require.Len(t, errs, 1)
	require.Equal(t, []Host{{
		Identity: lossless.Identity{Instance: record.Instance{Pod: "b-1", Incarnation: 2}, Start: epoch},
		Addr:     "10.0.0.1:80", Tag: "gray", Weight: 1,
		Warmup: settings.Warmup{Model: "power", Curve: 3, Window: 2 * time.Minute},
	}, {Addr: "10.0.0.2:80", Weight: 1}}, got)
}

func TestEventsSurviveJSON(t *testing.T) {
	e := Event{Kind: Marked, Op: 3, Hosts: hosts("a g@gray"), Error: "e", Of: host("a").Identity, By: record.SourceNotice}
	e.Hosts[0].Warmup = settings.Warmup{Model: "power", Curve: 2.5, Window: time.Minute}
	b, err := json.Marshal(e)
	require.NoError(t, err)
	var back Event
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, e, back)
}
