package plan

import (
	"fmt"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
	"zeroloss/internal/input"
)

// way is how the instances of a workload come online from a moment on, by what
// its settings say or by a step.
type way struct {
	Workload
	settings.Online
	from  time.Duration
	where input.Problem // the place of who says so
}

// ways lists them, those that the run begins with first.
func (c *compiler) ways() []way {
	var out []way
	for i, w := range c.p.Workloads {
		if w.External {
			continue
		}
		where := input.Problem{File: w.File, Line: w.Line}
		if r := c.ruleFor(c.with(c.m.Workloads[i], c.s.Spec.Set[w.Name])); r.path != "" {
			where = c.s.Problem(r.path, "", "")
		}
		out = append(out, way{w, w.Settings.Online, 0, where})
	}
	for _, st := range c.p.Steps {
		for _, w := range c.p.Workloads {
			if o, ok := c.p.OnlineUnder(w.Name, rulesVersion(st)); ok {
				out = append(out, way{w, o, st.At, input.Problem{File: c.s.File, Line: st.Line}})
			}
		}
	}
	return out
}

// doubts warns of what can be had, and will hardly be meant.
func (c *compiler) doubts() {
	for _, w := range c.ways() {
		c.alone(w)
		c.tooLate(w)
		c.tooFast(w)
	}
}

func (c *compiler) doubt(w way, fix, format string, a ...any) {
	c.warnAt(w.where.File, w.where.Line, fmt.Sprintf(format, a...), fix)
}

// alone warns of warm-ups that nothing can come of: nobody is there who could
// take the traffic meanwhile.
func (c *compiler) alone(w way) {
	if w.Warmup.Window == 0 {
		return
	}
	n := 0
	for _, o := range c.p.Workloads {
		if o.Service == w.Service && o.Tag == w.Tag {
			n += o.Replicas
		}
	}
	if n == 1 {
		c.doubt(w, "give it two replicas", "%s has one instance: beside none, a warm-up does nothing, and a new instance has all the traffic from its first second", w.Name)
	}
}

// tooLate warns of instances that the run ends before.
func (c *compiler) tooLate(w way) {
	left := c.p.Duration*time.Duration(c.p.Cycles) - w.from
	registers := w.StartUp + w.Delay
	switch warm := registers + w.Warmup.Window; {
	case registers >= left:
		c.doubt(w, "a shorter delay, or a longer run", "a new instance of %s registers after %s, and the run ends after %s: none that comes meanwhile is ever registered", w.Name, rounded(registers), rounded(left))
	case warm > left:
		c.doubt(w, "a shorter window, or a longer run", "a new instance of %s is warm after %s, and the run ends after %s: the end of no warm-up is seen", w.Name, rounded(warm), rounded(left))
	}
}

// shortest is a window in which a model that counts seconds has but few steps.
const shortest = 30 * time.Second

// tooFast warns of models with seconds of their own, which no speed divides.
func (c *compiler) tooFast(w way) {
	m, err := warmup.Find(w.Warmup.Model)
	if err != nil || !m.WholeSeconds || w.Warmup.Window == 0 || w.Warmup.Window >= shortest {
		return
	}
	steps := "counts in whole seconds"
	if m.CacheFor > 0 {
		steps += ", and keeps a weight for " + rounded(m.CacheFor)
	}
	c.doubt(w, "a window of 30s or more, or a lower speed", "%s warms up by %s, which %s, at any speed: over %s it is a staircase, and no fit tells its curve", w.Name, m.Name, steps, rounded(w.Warmup.Window))
}
