package plan

import (
	"container/heap"
	"math"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
)

// flow lets the requests come to a new instance for as long as it warms up, or
// is looked at.
func (c *ColdStart) flow(rate float64, patience time.Duration) {
	const finest, steps = time.Millisecond, 200_000
	length := c.Warmup.Window
	if length == 0 {
		length = noWindow
	}
	step := max(finest, length/steps)
	share, q, ages := c.shares(), queue{work: c.Work, patience: patience.Seconds()}, comingAges()
	come := 0.0
	for age := time.Duration(0); age <= length; age += step {
		sent := rate * share(age)
		for len(ages) > 0 && age >= time.Duration(ages[0]*float64(length)) {
			c.Points = append(c.Points, ColdStartPoint{Fraction: ages[0], Age: age, Rate: sent, Limit: q.limit(), Served: q.served})
			ages = ages[1:]
		}
		before := come
		come += sent * step.Seconds()
		for n := math.Floor(before) + 1; n <= come; n++ {
			q.take(age.Seconds() + (n-before)/sent)
		}
	}
	c.TimedOut = q.timedOut
}

// shares is what the new one is sent of its service's requests, by its age.
func (c ColdStart) shares() func(age time.Duration) float64 {
	const base = 100
	m, err := warmup.Find(c.Warmup.Model)
	// A model that is unknown is of another version's plan: as if there were none.
	if err != nil || c.AllNew || c.Warmup.Window == 0 {
		return func(time.Duration) float64 { return 1 / float64(c.Instances) }
	}
	members, weights := make([]warmup.Member, c.Instances), make([]int, c.Instances)
	for i := range members {
		members[i] = warmup.Member{Base: base}
	}
	own := c.Instances - 1
	if c.FirstInList {
		own = 0
	}
	group, together := m.Group()
	return func(age time.Duration) float64 {
		members[own] = warmup.Member{Age: age, Window: c.Warmup.Window, Curve: c.Warmup.Curve, Base: base}
		total := 0
		if together {
			group.Weights(members, weights)
		}
		for i, one := range members {
			if !together {
				weights[i] = m.Weight(one.Curve, one.Age, one.Window, one.Base)
			}
			total += weights[i]
		}
		return float64(weights[own]) / float64(total)
	}
}

// queue is an instance's workers and those who wait for them, as the demo
// service has them: a request costs what those that began before it have left
// of the cold start; who has waited for too long goes, but a request that was
// begun keeps its worker to its end. Times are seconds.
type queue struct {
	work     settings.Work
	patience float64
	busy     times // when each worker is free
	served   float64
	timedOut float64
}

// looked is how many requests are looked at after the cold start. Whether a warm
// instance can do its work, the capacities tell.
const looked = 1_000_000

// take is one request more.
func (q *queue) take(now float64) {
	if q.served > float64(q.work.ColdStartRequests)+looked {
		q.served++
		return
	}
	for len(q.busy) > 0 && q.busy[0] <= now {
		heap.Pop(&q.busy)
	}
	begin := now
	if len(q.busy) >= q.work.Workers && len(q.busy) > 0 {
		begin = q.busy[0]
		if begin-now > q.patience {
			q.timedOut++
			return
		}
		heap.Pop(&q.busy)
	}
	end := begin + q.cost()
	q.served++
	if end > now {
		heap.Push(&q.busy, end)
	}
	if end-now > q.patience {
		q.timedOut++
	}
}

// cost is what the next request costs.
func (q *queue) cost() float64 {
	d := q.work.Duration.Seconds()
	if n := float64(q.work.ColdStartRequests); q.served < n {
		d += q.work.ColdStartCost.Seconds() * (1 - q.served/n)
	}
	return d
}

// limit is how many requests a second the instance can do as it is; 0 is
// unbounded.
func (q *queue) limit() float64 {
	if cost := q.cost(); cost > 0 {
		return float64(q.work.Workers) / cost
	}
	return 0
}

// times is a heap, the earliest first.
type times []float64

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *times) Push(x any)        { *t = append(*t, x.(float64)) }
func (t *times) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
