package manifests

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/internal/input"
)

// containerReader converts the container that a workload runs: its environment
// and ports, and in lifecycle.go its hook and probes.
type containerReader struct {
	*diagnostics
	container corev1.Container
	node      input.Node // of the container
	role      Role       // that its image runs
}

// environment collects the literal variables, which hooks and switches use.
func (r *containerReader) environment() map[string]string {
	env := map[string]string{}
	nodes := r.node.Get("env").Items()
	for i, e := range r.container.Env {
		if e.ValueFrom != nil {
			if PodField(e) != "" {
				continue
			}
			r.warn(nodes[i], fmt.Sprintf("valueFrom of variable %q is not supported: it is not set", e.Name), "write a value")
			continue
		}
		env[e.Name] = e.Value
	}
	return env
}

// PodField returns the field of the pod that a variable holds, if both runtimes
// set it; "" otherwise.
func PodField(e corev1.EnvVar) string {
	if e.ValueFrom == nil || e.ValueFrom.FieldRef == nil {
		return ""
	}
	switch path := e.ValueFrom.FieldRef.FieldPath; path {
	case "status.podIP", "metadata.name", "metadata.namespace":
		return path
	}
	return ""
}

// fieldRefs collects the variables that hold a field of the pod; nil for none.
func (r *containerReader) fieldRefs() map[string]string {
	var refs map[string]string
	for _, e := range r.container.Env {
		if path := PodField(e); path != "" {
			if refs == nil {
				refs = map[string]string{}
			}
			refs[e.Name] = path
		}
	}
	return refs
}

// checkPorts corrects a containerPort: a demo service listens on the port of its
// role.
func (r *containerReader) checkPorts() {
	ports, port := r.container.Ports, r.role.Port()
	if r.role.External() || len(ports) == 0 || slices.ContainsFunc(ports, func(p corev1.ContainerPort) bool { return int(p.ContainerPort) == port }) {
		return
	}
	r.correct(r.node.Get("ports").Items()[0].Find("containerPort"), fmt.Sprintf("containerPort is %d, but the service listens on %d", ports[0].ContainerPort, port), fmt.Sprintf("write containerPort: %d", port))
}
