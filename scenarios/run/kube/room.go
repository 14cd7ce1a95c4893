package kube

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Capacity is processor time in thousandths of a core, and memory in bytes.
type Capacity struct {
	MilliCPU, Memory int64
}

func (c Capacity) plus(d Capacity, times int) Capacity {
	return Capacity{c.MilliCPU + d.MilliCPU*int64(times), c.Memory + d.Memory*int64(times)}
}

func (c Capacity) fits(room Capacity) bool {
	return c.MilliCPU <= room.MilliCPU && c.Memory <= room.Memory
}

// What our own processes ask for where what is written does not fit, or where
// nothing is: about what they use.
const (
	littleCPU    = "20m"
	littleMemory = "32Mi"
	registryCPU  = "100m"
	registryMem  = "384Mi"
)

// fit adds requests where there are none, and reduces those that the cluster
// has no room for. What an application in Java asks for is not what the demo
// service in its place needs; and who asks for nothing comes last where
// processors are short, behind all of the cluster's own.
func (r *renderer) fit() {
	for _, w := range r.out.Workloads {
		for _, c := range w.at("spec", "template", "spec").list("containers") {
			if requests(c).MilliCPU == 0 {
				Object(c.make("resources")).merge("requests", map[string]any{"cpu": littleCPU})
				r.repair(w, "requests cpu %s added: without any it comes last on a busy node", littleCPU)
			}
		}
	}
	if r.o.Room == (Capacity{}) {
		return
	}
	total := r.requested()
	if total.fits(r.o.Room) {
		return
	}
	for _, w := range append([]Object{r.out.Registry}, r.out.Workloads...) {
		for _, c := range w.at("spec", "template", "spec").list("containers") {
			cpu, mem := littleCPU, littleMemory
			if id(w) == id(r.out.Registry) {
				cpu, mem = registryCPU, registryMem
			}
			if requests(c).fits(capacityOf(cpu, mem)) {
				continue
			}
			c.make("resources")["requests"] = map[string]any{"cpu": cpu, "memory": mem}
			r.repair(w, "requests reduced to %s, %s: all ask for %s, and the cluster has %s left", cpu, mem, total, r.o.Room)
		}
	}
}

// requested is what all pods ask for together.
func (r *renderer) requested() Capacity {
	var total Capacity
	spec, n := podsOf(r.out.Load)
	for _, c := range spec.list("containers") {
		total = total.plus(requests(c), n)
	}
	for _, w := range append([]Object{r.out.Registry}, r.out.Workloads...) {
		n, ok := number(w.at("spec")["replicas"])
		if !ok {
			n = 1
		}
		for _, c := range w.at("spec", "template", "spec").list("containers") {
			total = total.plus(requests(c), n)
		}
	}
	return total
}

// requests is what a container asks for; a limit without a request is one.
func requests(c Object) Capacity {
	asked, limit := c.at("resources", "requests"), c.at("resources", "limits")
	pick := func(key string) string {
		for _, o := range []Object{asked, limit} {
			if v := o[key]; v != nil {
				return fmt.Sprint(v)
			}
		}
		return "0"
	}
	return capacityOf(pick("cpu"), pick("memory"))
}

func capacityOf(cpu, memory string) Capacity {
	return Capacity{MilliCPU: int64(math.Ceil(quantity(cpu) * 1000)), Memory: int64(quantity(memory))}
}

func (c Capacity) String() string {
	return fmt.Sprintf("%.1f CPU and %d Mi", float64(c.MilliCPU)/1000, c.Memory>>20)
}

// quantity reads a Kubernetes quantity; what is none counts as 0, and the
// cluster refuses it with better words.
func quantity(s string) float64 {
	units := []struct {
		suffix string
		factor float64
	}{
		{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40},
		{"m", 1e-3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12},
	}
	factor := 1.0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = rest, u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return n * factor
}
