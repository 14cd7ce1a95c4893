package plan

import (
	"container/heap"
	"math"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
)

// simulate sends requests to the new instance until it is warm. rate is the
// rate of its service, timeout that of its callers.
func (c *ColdStart) simulate(rate float64, timeout time.Duration) {
	const finest, steps = time.Millisecond, 200_000
	length := c.Warmup.Window
	if length == 0 {
		length = defaultSimulated
	}
	step := max(finest, length/steps)
	share, q, fractions := c.shareByAge(), queue{work: c.Work, timeout: timeout.Seconds()}, coldStartFractions()
	arrived := 0.0
	for age := time.Duration(0); age <= length; age += step {
		sent := rate * share(age)
		for len(fractions) > 0 && age >= time.Duration(fractions[0]*float64(length)) {
			c.Points = append(c.Points, ColdStartPoint{Fraction: fractions[0], Age: age, Rate: sent, Limit: q.limit(), Served: q.served})
			fractions = fractions[1:]
		}
		before := arrived
		arrived += sent * step.Seconds()
		for n := math.Floor(before) + 1; n <= arrived; n++ {
			q.add(age.Seconds() + (n-before)/sent)
		}
	}
	c.TimedOut = q.timedOut
}

// shareByAge returns the share of its service's requests that the new instance
// receives at an age.
func (c ColdStart) shareByAge() func(age time.Duration) float64 {
	const base = 100
	m, err := warmup.Find(c.Warmup.Model)
	// A plan of another version may have a model that is unknown here: no warm-up.
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

// queue models the workers of an instance and the requests that wait for them,
// as in the demo service. The cost of a request depends on how many were started
// before it. A request that waits too long times out; one that was started
// occupies its worker to the end. Times are in seconds.
type queue struct {
	work     settings.Work
	timeout  float64
	busy     times // when each busy worker becomes free
	served   float64
	timedOut float64
}

// maxSimulated is the number of requests simulated after the cold start. Whether
// a warm instance can handle its load is computed in [Plan.Capacities].
const maxSimulated = 1_000_000

// add starts a request, or lets it time out.
func (q *queue) add(now float64) {
	if q.served > float64(q.work.ColdStartRequests)+maxSimulated {
		q.served++
		return
	}
	for len(q.busy) > 0 && q.busy[0] <= now {
		heap.Pop(&q.busy)
	}
	begin := now
	if len(q.busy) >= q.work.Workers && len(q.busy) > 0 {
		begin = q.busy[0]
		if begin-now > q.timeout {
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
	if end-now > q.timeout {
		q.timedOut++
	}
}

// cost is the processing time of the next request.
func (q *queue) cost() float64 {
	d := q.work.Duration.Seconds()
	if n := float64(q.work.ColdStartRequests); q.served < n {
		d += q.work.ColdStartCost.Seconds() * (1 - q.served/n)
	}
	return d
}

// limit is the number of requests per second that the instance can handle in
// its present state; 0: unlimited.
func (q *queue) limit() float64 {
	if cost := q.cost(); cost > 0 {
		return float64(q.work.Workers) / cost
	}
	return 0
}

// times is a min-heap.
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
