package curve

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// synthetic is a run of the real consumers in virtual time: one instance of n
// comes online while requests arrive evenly.
type synthetic struct {
	n          int
	warmup     settings.Warmup
	requests   int           // within the window
	balancer   string        // of the consumers
	skew       time.Duration // by which the consumers' clock is behind
	young      int           // the index of the one that comes online
	ungoverned int           // of ten consumers, how many do without weights; 0 is one consumer, governed
}

const (
	window = 120 * time.Second
	epoch  = 1_763_700_000_000
	m      = 20 // buckets to the window
	until  = 1.2
)

func power(c float64) settings.Warmup {
	return settings.Warmup{Model: "power", Curve: c, Window: window}
}

// views are the run's consumers, each with a history of its own.
func (s synthetic) views(r *rand.Rand, hosts []consumer.Host) (out []*consumer.View) {
	consumers := 1
	if s.ungoverned > 0 {
		consumers = 10
	}
	for i := range consumers {
		v := consumer.New(consumer.Config{Epoch: epoch, Seed: r.Uint64(), Consumer: settings.Consumer{
			Balancer: s.balancer, Ungoverned: i < s.ungoverned,
		}})
		v.Step(0, consumer.Event{Kind: consumer.Pushed, Hosts: slices.Delete(slices.Clone(hosts), s.young, s.young+1)})
		for range r.IntN(20) {
			_, _, _ = v.Pick(0, "") // whose turn it is depends on what was before
		}
		v.Step(0, consumer.Event{Kind: consumer.Pushed, Hosts: hosts})
		out = append(out, v)
	}
	return out
}

func (s synthetic) hosts() (out []consumer.Host, others []Other) {
	for i := range s.n {
		name := fmt.Sprint("c-", i)
		h := consumer.Host{
			Identity: lossless.Identity{Instance: record.Instance{Pod: name, Incarnation: 1}, Start: epoch - 1_000_000},
			Addr:     name + ":80", Weight: 1, Warmup: s.warmup,
		}
		if i == s.young {
			h.Start = epoch
		} else {
			others = append(others, Other{Instance: name})
		}
		out = append(out, h)
	}
	return out, others
}

func (s synthetic) run(t *testing.T, seed uint64) []Bucket {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 11))
	hosts, others := s.hosts()
	views := s.views(r, hosts)
	hits := make([]hit, 0, int(until*float64(s.requests)))
	each := float64(window) / float64(s.requests)
	for i := range int(until * float64(s.requests)) {
		at := time.Duration((float64(i) + r.Float64()) * each)
		k := r.IntN(len(views))
		h, _, err := views[k].Pick(at-s.skew, "")
		require.NoError(t, err)
		hits = append(hits, hit{Consumer: names[k], Instance: h.Instance.Pod, Age: float64(at) / float64(window)})
	}
	return count(hits, hosts[s.young].Instance.Pod, s.young, others)
}

// hit is one request as its consumer decided it.
type hit struct {
	Consumer string
	Instance string  // who received it
	Age      float64 // of the one that warms up, when the consumer chose, in windows
}

// count makes the buckets of a run in which the instances are the same: who, at
// a place in the list, and others, whose Got is filled in.
func count(hits []hit, who string, place int, others []Other) []Bucket {
	per := map[string][]Bucket{}
	for _, h := range hits {
		if h.Age < 0 || h.Age >= until {
			continue
		}
		if per[h.Consumer] == nil {
			per[h.Consumer] = empty(h.Consumer, place, others)
		}
		i := min(int(h.Age*float64(m)), len(per[h.Consumer])-1)
		per[h.Consumer][i].add(h.Instance, who)
	}
	var out []Bucket
	for _, buckets := range per {
		out = append(out, buckets...)
	}
	slices.SortFunc(out, func(a, b Bucket) int {
		return cmp.Or(cmp.Compare(a.Consumer, b.Consumer), cmp.Compare(a.From, b.From))
	})
	return out
}

func (b *Bucket) add(instance, who string) {
	b.Sent++
	if instance == who {
		b.Got++
		return
	}
	for i := range b.Others {
		if b.Others[i].Instance == instance {
			b.Others[i].Got++
			return
		}
	}
}

func empty(consumer string, place int, others []Other) (out []Bucket) {
	for i := 0; float64(i)/float64(m) < until; i++ {
		b := Bucket{Consumer: consumer, From: float64(i) / float64(m), To: min(float64(i+1)/float64(m), until), Others: slices.Clone(others), Position: place}
		out = append(out, b)
	}
	return out
}

var names = strings.Split("0123456789", "")

// rate is the share of runs, with seeds from 0, of which something is so.
func (s synthetic) rate(t *testing.T, runs int, is ...func([]Bucket) bool) []float64 {
	t.Helper()
	out := make([]float64, len(is))
	for seed := range runs {
		buckets := s.run(t, uint64(seed))
		for i, f := range is {
			if f(buckets) {
				out[i] += 1 / float64(runs)
			}
		}
	}
	return out
}
