package consumer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// TestLaneThenMarksThenWeights: a pick considers lanes, marks and weights in this
// order, whatever the kind of the cache. a and b are base, c and d gray; b and d
// are half-way through their warm-up, with weight 25 of 100. "-a" before the caches
// of a case means that a has left the registry since they were filled.
func TestLaneThenMarksThenWeights(t *testing.T) {
	const push, old = "push", "poll30 ttl35"
	every := push + " " + old
	for _, c := range []struct {
		caches, marks, wanted string
		change                func(c *Config)
		want                  string // of 500 picks; "-": no instance
		marked                bool   // a marked instance was picked
	}{
		// Weights alone.
		{every, "", "", nil, "a 400 b 100", false},
		{every, "", "gray", nil, "c 400 d 100", false},
		{every, "", "blue", nil, "a 400 b 100", false},
		// Marks before weights: the only unmarked host gets all requests, whatever its
		// weight.
		{every, "a", "", nil, "b 500", false},
		{every, "b", "", nil, "a 500", false},
		{every, "a", "blue", nil, "b 500", false},
		// Lanes before marks: marks of another version have no effect, and its
		// unmarked hosts are not used.
		{every, "a", "gray", nil, "c 400 d 100", false},
		{every, "c", "gray", nil, "d 500", false},
		{every, "c d", "gray", nil, "c 400 d 100", true},
		{every, "c d", "", nil, "a 400 b 100", false},
		// All marked: they are picked nevertheless, by weight.
		{every, "a b", "", nil, "a 400 b 100", true},
		{every, "a b c d", "blue", nil, "a 400 b 100", true},
		// Strict: no instance, whatever is marked.
		{every, "", "blue", strict, "-", false},
		{every, "c", "gray", strict, "d 500", false},
		{every, "c d", "gray", strict, "c 400 d 100", true},
		// Ungoverned: no lanes, marks or weights.
		{every, "", "gray", ungoverned, "a 125 b 125 c 125 d 125", false},
		{every, "a c", "", ungoverned, "a 125 b 125 c 125 d 125", false},
		// a has gone: it is still in an old list, and only a mark keeps requests from
		// it.
		{"-a " + push, "", "", nil, "b 500", false},
		{"-a " + old, "", "", nil, "a 400 b 100", false},
		{"-a " + every, "a", "", nil, "b 500", false},
		{"-a " + push, "b", "", nil, "b 500", true},
		{"-a " + old, "b", "", nil, "a 500", false},
		{"-a " + old, "a b", "", nil, "a 400 b 100", true},
		{"-a " + old, "a", "", ungoverned, "a 125 b 125 c 125 d 125", false},
	} {
		caches, gone := strings.CutPrefix(c.caches, "-a ")
		for cache := range strings.FieldsSeq(caches) {
			name := fmt.Sprintf("%s, marked %q, wanted %q, gone %v", cache, c.marks, c.wanted, gone)
			cfg := Config{Epoch: epoch, Consumer: settings.Consumer{Cache: cache}}
			if c.change != nil {
				c.change(&cfg)
			}
			v := composed(cfg, c.marks, gone)
			got, marked := map[string]int{}, false
			for range 500 {
				h, reason, err := v.Pick(30*time.Second, c.wanted)
				if err != nil {
					require.ErrorIs(t, err, ErrNoInstance)
					require.Equal(t, "-", c.want, name)
					break
				}
				got[h.Instance.Pod]++
				marked = marked || reason.Marked
			}
			require.Equal(t, c.want, counts(got), name)
			require.Equal(t, c.marked, marked, name)
		}
	}
}

func strict(c *Config)     { c.Lane.Strict = true }
func ungoverned(c *Config) { c.Consumer.Ungoverned = true }

// composed returns a view at 30 s whose list came at 0 and whose marks just came.
func composed(cfg Config, marks string, gone bool) *View {
	v := New(cfg)
	list := hosts("a b c@gray d@gray")
	for i := range list {
		list[i].Warmup = settings.Warmup{Model: "power", Curve: 2, Window: time.Minute}
		list[i].Start = epoch - time.Hour.Milliseconds()
	}
	list[1].Start, list[3].Start = epoch, epoch
	v.Step(0, Event{Kind: Pushed, Hosts: list})
	v.Step(time.Second, Event{}) // poll30 fills
	if v.Stale(time.Second) {    // so does ttl35
		v.Step(time.Second, Event{Kind: CacheMiss})
	}
	if gone {
		v.Step(30*time.Second, Event{Kind: Pushed, Hosts: list[1:]})
	}
	for _, h := range list {
		if strings.Contains(marks, h.Instance.Pod) {
			v.Step(30*time.Second, Event{Kind: Marked, Of: h.Identity, By: record.SourceMarker})
		}
	}
	return v
}

func counts(got map[string]int) string {
	var out []string
	for _, pod := range slices.Sorted(maps.Keys(got)) {
		out = append(out, fmt.Sprint(pod, " ", got[pod]))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, " ")
}
