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
func (l *loader) lifecycle(w *Workload, c corev1.Container, node input.Node) {
	if c.Lifecycle != nil {
		pre := node.Find("lifecycle.preStop")
		if c.Lifecycle.PostStart != nil {
			l.warn(node.Find("lifecycle.postStart"), "postStart hooks are not supported: it does not run", "")
		}
		if c.Lifecycle.PreStop != nil {
			w.PreStop, w.HookLine = l.hook(c.Lifecycle.PreStop, c, pre, w.Role), pre.Line()
		}
	}
	w.Startup = l.probe(c.StartupProbe, c, node.Get("startupProbe"), w.Role)
	w.Readiness = l.probe(c.ReadinessProbe, c, node.Get("readinessProbe"), w.Role)
	w.Liveness = l.probe(c.LivenessProbe, c, node.Get("livenessProbe"), w.Role)
	if w.PreStop != nil && w.PreStop.HTTPGet != nil && w.PreStop.CallsOffline() {
		l.set.Warnings = append(l.set.Warnings, Finding{File: w.File, Line: w.HookLine,
			Text: "the node sends an httpGet hook, but /offline answers 403 to everyone except the pod itself",
			Fix:  "use exec: wget http://127.0.0.1:54199/offline; sleep 30"})
	}
}

func (l *loader) hook(h *corev1.LifecycleHandler, c corev1.Container, n input.Node, role Role) *Hook {
	switch {
	case h.Exec != nil && len(h.Exec.Command) > 0:
		return &Hook{Exec: h.Exec.Command}
	case h.HTTPGet != nil:
		return &Hook{HTTPGet: l.httpGet(h.HTTPGet, c, n.Get("httpGet"), role)}
	case h.Sleep != nil:
		return &Hook{Sleep: time.Duration(h.Sleep.Seconds) * time.Second}
	}
	l.problem(n, "preStop must have exec, httpGet or sleep", "")
	return nil
}

func (l *loader) httpGet(g *corev1.HTTPGetAction, c corev1.Container, n input.Node, role Role) *HTTPGet {
	if strings.EqualFold(string(g.Scheme), "https") {
		l.problem(n.Find("scheme"), "scheme HTTPS is not supported by the demo services", "write scheme: HTTP")
	}
	return &HTTPGet{Host: g.Host, Port: l.port(g.Port, c, n.Find("port"), role), Path: "/" + strings.TrimPrefix(g.Path, "/"), Scheme: "http"}
}

func (l *loader) probe(p *corev1.Probe, c corev1.Container, n input.Node, role Role) *Probe {
	if p == nil {
		return nil
	}
	out := &Probe{
		InitialDelay: seconds(p.InitialDelaySeconds), Period: seconds(or(p.PeriodSeconds, 10)), Timeout: seconds(or(p.TimeoutSeconds, 1)),
		SuccessThreshold: int(or(p.SuccessThreshold, 1)), FailureThreshold: int(or(p.FailureThreshold, 3)),
	}
	for name, v := range map[string]int32{"initialDelaySeconds": p.InitialDelaySeconds, "periodSeconds": p.PeriodSeconds, "timeoutSeconds": p.TimeoutSeconds, "successThreshold": p.SuccessThreshold, "failureThreshold": p.FailureThreshold} {
		if v < 0 {
			l.problem(n.Find(name), fmt.Sprintf("%s must be at least 0, got %d", name, v), "")
		}
	}
	switch {
	case p.Exec != nil && len(p.Exec.Command) > 0:
		out.Exec = p.Exec.Command
	case p.HTTPGet != nil:
		out.HTTPGet = l.httpGet(p.HTTPGet, c, n.Get("httpGet"), role)
	case p.TCPSocket != nil:
		out.TCPPort = l.port(p.TCPSocket.Port, c, n.Find("tcpSocket.port"), role)
	case p.GRPC != nil:
		l.warn(n, "gRPC probes are not supported: the pod is treated as if it had none", "")
		return nil
	default:
		l.problem(n, "the probe must have exec, httpGet or tcpSocket", "")
		return nil
	}
	return out
}

// port resolves a number or the name of a port.
func (l *loader) port(v intstr.IntOrString, c corev1.Container, n input.Node, role Role) int {
	port := int(v.IntVal)
	if v.Type == intstr.String {
		if i, err := strconv.Atoi(v.StrVal); err == nil {
			port = i
		}
		for _, p := range c.Ports {
			if p.Name == v.StrVal {
				port = role.Port() // what it listens on, whatever containerPort says
			}
		}
	}
	if port < 1 || port > 65535 {
		l.problem(n, fmt.Sprintf("invalid port %s", quoted(v.String())), "write 1 to 65535, or the name of a port of this container")
	}
	return port
}

func or(v, fallback int32) int32 {
	if v == 0 {
		return fallback
	}
	return v
}
