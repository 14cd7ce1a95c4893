package manifests

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/internal/input"
	"zeroloss/internal/podspec"
)

// The handlers of a container, as package podspec defines them.
type (
	// Hook is a preStop handler.
	Hook = podspec.Hook
	// HTTPGet is the request of a Hook or Probe.
	HTTPGet = podspec.HTTPGet
	// Probe is a container probe.
	Probe = podspec.Probe
)

// lifecycle converts the preStop hook and the probes.
func (r *containerReader) lifecycle(w *Workload) {
	c, node := r.container, r.node
	if c.Lifecycle != nil {
		pre := node.Find("lifecycle.preStop")
		if c.Lifecycle.PostStart != nil {
			r.warn(node.Find("lifecycle.postStart"), "postStart hooks are not supported: it does not run", "")
		}
		if c.Lifecycle.PreStop != nil {
			w.PreStop, w.HookLine = r.hook(c.Lifecycle.PreStop, pre), pre.Line()
		}
	}
	w.Startup = r.probe(c.StartupProbe, node.Get("startupProbe"))
	w.Readiness = r.probe(c.ReadinessProbe, node.Get("readinessProbe"))
	w.Liveness = r.probe(c.LivenessProbe, node.Get("livenessProbe"))
	if w.PreStop != nil && w.PreStop.HTTPGet != nil && strings.HasPrefix(w.PreStop.HTTPGet.Path, "/offline") {
		r.warnings = append(r.warnings, Finding{File: w.File, Line: w.HookLine,
			Text: "the node sends an httpGet hook, but /offline answers 403 to everyone except the pod itself",
			Fix:  "use exec: wget http://127.0.0.1:54199/offline; sleep 30"})
	}
}

func (r *containerReader) hook(h *corev1.LifecycleHandler, n input.Node) *Hook {
	switch {
	case h.Exec != nil && len(h.Exec.Command) > 0:
		return &Hook{Exec: h.Exec.Command}
	case h.HTTPGet != nil:
		return &Hook{HTTPGet: r.httpGet(h.HTTPGet, n.Get("httpGet"))}
	case h.Sleep != nil:
		return &Hook{Sleep: time.Duration(h.Sleep.Seconds) * time.Second}
	}
	r.problem(n, "preStop must have exec, httpGet or sleep", "")
	return nil
}

func (r *containerReader) httpGet(g *corev1.HTTPGetAction, n input.Node) *HTTPGet {
	if strings.EqualFold(string(g.Scheme), "https") {
		r.problem(n.Find("scheme"), "scheme HTTPS is not supported by the demo services", "write scheme: HTTP")
	}
	return &HTTPGet{Host: g.Host, Port: r.port(g.Port, n.Find("port")), Path: "/" + strings.TrimPrefix(g.Path, "/"), Scheme: "http"}
}

func (r *containerReader) probe(p *corev1.Probe, n input.Node) *Probe {
	if p == nil {
		return nil
	}
	out := &Probe{
		InitialDelay: seconds(p.InitialDelaySeconds), Period: seconds(or(p.PeriodSeconds, 10)), Timeout: seconds(or(p.TimeoutSeconds, 1)),
		SuccessThreshold: int(or(p.SuccessThreshold, 1)), FailureThreshold: int(or(p.FailureThreshold, 3)),
	}
	for name, v := range map[string]int32{"initialDelaySeconds": p.InitialDelaySeconds, "periodSeconds": p.PeriodSeconds, "timeoutSeconds": p.TimeoutSeconds, "successThreshold": p.SuccessThreshold, "failureThreshold": p.FailureThreshold} {
		if v < 0 {
			r.problem(n.Find(name), fmt.Sprintf("%s must be at least 0, got %d", name, v), "")
		}
	}
	switch {
	case p.Exec != nil && len(p.Exec.Command) > 0:
		out.Exec = p.Exec.Command
	case p.HTTPGet != nil:
		out.HTTPGet = r.httpGet(p.HTTPGet, n.Get("httpGet"))
	case p.TCPSocket != nil:
		out.TCPPort = r.port(p.TCPSocket.Port, n.Find("tcpSocket.port"))
	case p.GRPC != nil:
		r.warn(n, "gRPC probes are not supported: the pod is treated as if it had none", "")
		return nil
	default:
		r.problem(n, "the probe must have exec, httpGet or tcpSocket", "")
		return nil
	}
	return out
}

// port resolves a number or the name of a port.
func (r *containerReader) port(v intstr.IntOrString, n input.Node) int {
	port := int(v.IntVal)
	if v.Type == intstr.String {
		if i, err := strconv.Atoi(v.StrVal); err == nil {
			port = i
		}
		for _, p := range r.container.Ports {
			if p.Name == v.StrVal {
				port = r.role.Port() // what it listens on, whatever containerPort says
			}
		}
	}
	if port < 1 || port > 65535 {
		r.problem(n, fmt.Sprintf("invalid port %s", quoted(v.String())), "write 1 to 65535, or the name of a port of this container")
	}
	return port
}

func or(v, fallback int32) int32 {
	if v == 0 {
		return fallback
	}
	return v
}
