package render

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/control"
)

// defaultGrace is Kubernetes' own termination grace period, in seconds.
const defaultGrace = 30

// setLifecycle makes grace period, hook and probes those of the plan.
func (a *deploymentAdapter) setLifecycle(workload string) {
	pod, c := a.pod, a.c
	i := slices.IndexFunc(a.r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == workload })
	if i < 0 {
		return
	}
	w := a.r.p.Control.Workloads[i]
	grace := int64(w.Grace / time.Second)
	if n := pod.TerminationGracePeriodSeconds; n == nil && grace != defaultGrace || n != nil && *n != grace {
		a.adjust("terminationGracePeriodSeconds %d, as the scenario has it", grace)
	}
	pod.TerminationGracePeriodSeconds = &grace
	var written *corev1.LifecycleHandler
	if c.Lifecycle != nil {
		written = c.Lifecycle.PreStop
	}
	if want := preStop(w.PreStop); !equality.Semantic.DeepEqual(written, want) {
		a.adjust("preStop as the scenario has it")
		c.Lifecycle = nil
		if want != nil {
			c.Lifecycle = &corev1.Lifecycle{PreStop: want}
		}
	}
	for _, x := range []struct {
		name  string
		probe **corev1.Probe
		want  *control.Probe
	}{{"startupProbe", &c.StartupProbe, w.Startup}, {"readinessProbe", &c.ReadinessProbe, w.Readiness}, {"livenessProbe", &c.LivenessProbe, w.Liveness}} {
		if want := probe(x.want); !sameProbe(*x.probe, want) {
			a.adjust("%s as the scenario has it", x.name)
			*x.probe = want
		}
	}
}

// preStop returns a hook as Kubernetes writes it; nil for none.
func preStop(h *control.Hook) *corev1.LifecycleHandler {
	switch {
	case h == nil:
		return nil
	case h.HTTPGet != nil:
		return &corev1.LifecycleHandler{HTTPGet: httpGet(h.HTTPGet)}
	case len(h.Exec) > 0:
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: h.Exec}}
	}
	return &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: int64(h.Sleep / time.Second)}}
}

func httpGet(g *control.HTTPGet) *corev1.HTTPGetAction {
	out := &corev1.HTTPGetAction{Port: intstr.FromInt(g.Port), Path: cmp.Or(g.Path, "/"), Host: g.Host}
	if s := strings.ToUpper(g.Scheme); s != "HTTP" {
		out.Scheme = corev1.URIScheme(s)
	}
	return out
}

// probe returns a probe as Kubernetes writes it; nil for none.
func probe(p *control.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	out := &corev1.Probe{
		InitialDelaySeconds: seconds(p.InitialDelay), PeriodSeconds: max(1, seconds(p.Period)),
		TimeoutSeconds: max(1, seconds(p.Timeout)), SuccessThreshold: toInt32(max(1, p.SuccessThreshold)),
		FailureThreshold: toInt32(cmp.Or(p.FailureThreshold, 3)),
	}
	switch {
	case p.HTTPGet != nil:
		out.HTTPGet = httpGet(p.HTTPGet)
	case p.TCPPort != 0:
		out.TCPSocket = &corev1.TCPSocketAction{Port: intstr.FromInt(p.TCPPort)}
	default:
		out.Exec = &corev1.ExecAction{Command: p.Exec}
	}
	return out
}

// seconds returns the whole seconds of d.
func seconds(d time.Duration) int32 { return toInt32(int(d / time.Second)) }

// toInt32 returns n, or the nearest number that the API can have.
func toInt32(n int) int32 {
	return int32(max(math.MinInt32, min(n, math.MaxInt32)))
}

// sameProbe reports whether two probes mean the same once Kubernetes' defaults
// are filled in.
func sameProbe(a, b *corev1.Probe) bool {
	return equality.Semantic.DeepEqual(withDefaults(a), withDefaults(b))
}

func withDefaults(p *corev1.Probe) *corev1.Probe {
	if p == nil || equality.Semantic.DeepEqual(p, &corev1.Probe{}) {
		return nil
	}
	p = p.DeepCopy()
	p.PeriodSeconds, p.TimeoutSeconds = cmp.Or(p.PeriodSeconds, 10), cmp.Or(p.TimeoutSeconds, 1)
	p.SuccessThreshold, p.FailureThreshold = cmp.Or(p.SuccessThreshold, 1), cmp.Or(p.FailureThreshold, 3)
	if g := p.HTTPGet; g != nil {
		g.Path, g.Scheme = cmp.Or(g.Path, "/"), cmp.Or(corev1.URIScheme(strings.ToUpper(string(g.Scheme))), corev1.URISchemeHTTP)
	}
	return p
}
