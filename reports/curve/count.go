package curve

import (
	"cmp"
	"slices"
)

// Hit is one request as its consumer decided it.
type Hit struct {
	Consumer string
	Instance string  // who received it
	Age      float64 // of the one that warms up, when the consumer chose, in windows
}

// Count makes the buckets of a warm-up: m to the window, and as wide ones until
// an age of `until`, for each consumer. It is for a stretch in which the
// instances are the same: who and others, whose Got is filled in. Hits outside
// of it are left out; those on nobody of them count as sent, and [Missing]
// tells of them.
func Count(hits []Hit, who string, others []Other, m int, until float64) []Bucket {
	per := map[string][]Bucket{}
	for _, h := range hits {
		if h.Age < 0 || h.Age >= until {
			continue
		}
		if per[h.Consumer] == nil {
			per[h.Consumer] = empty(h.Consumer, others, m, until)
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

func empty(consumer string, others []Other, m int, until float64) (out []Bucket) {
	for i := 0; float64(i)/float64(m) < until; i++ {
		b := Bucket{Consumer: consumer, From: float64(i) / float64(m), To: min(float64(i+1)/float64(m), until), Others: slices.Clone(others)}
		for j := range b.Others {
			b.Others[j].Got = 0
		}
		out = append(out, b)
	}
	return out
}
