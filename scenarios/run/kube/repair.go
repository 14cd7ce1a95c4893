package kube

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// workload makes a Deployment run the demo service as the plan has it.
func (r *renderer) workload(obj Object, w *plan.Workload) error {
	pod, c, err := r.podOf(obj, w)
	if err != nil {
		return err
	}
	r.program(obj, c, w)
	i := slices.IndexFunc(r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == w.Name })
	if i >= 0 {
		r.life(obj, pod, c, r.p.Control.Workloads[i])
	}
	return nil
}

// podOf makes a Deployment one of this run's, with as many pods as the plan has
// it, and returns their pod's spec and the container in it.
func (r *renderer) podOf(obj Object, w *plan.Workload) (pod, c Object, err error) {
	spec := obj.make("spec")
	if n, ok := number(spec["replicas"]); w.Replicas != n && (ok || w.Replicas != 1) {
		r.repair(obj, "replicas %d, as the scenario has it", w.Replicas)
	}
	spec["replicas"] = w.Replicas
	r.selector(obj)
	template := spec.make("template")
	labels := r.labels()
	labels[owner.WorkloadLabel] = w.Name
	template.make("metadata").merge("labels", labels)
	pod = template.make("spec")
	if c, err = r.container(obj, pod); err != nil {
		return nil, nil, err
	}
	r.foreign(obj, pod)
	return pod, c, nil
}

// selector adds what apps/v1 insists on and older versions did not.
func (r *renderer) selector(obj Object) {
	spec := obj.make("spec")
	if len(spec.at("selector", "matchLabels")) > 0 || spec["selector"] != nil {
		return
	}
	labels := maps.Clone(spec.at("template", "metadata", "labels"))
	if len(labels) == 0 {
		labels = Object{"app": obj.at("metadata").text("name")}
		spec.make("template", "metadata").merge("labels", labels)
	}
	spec["selector"] = map[string]any{"matchLabels": map[string]any(labels)}
	r.repair(obj, "selector added, from its pods' labels")
}

// container is the one that is run: a pod is one process.
func (r *renderer) container(obj, pod Object) (Object, error) {
	all := pod.list("containers")
	if len(all) == 0 {
		return nil, errors.New("its pods have no container")
	}
	i := max(0, slices.IndexFunc(all, func(c Object) bool {
		return strings.HasPrefix(path.Base(c.text("image")), "spring-cloud-") || strings.Contains(path.Base(c.text("image")), "nacos-server")
	}))
	for k, c := range all {
		if k != i {
			r.repair(obj, "container %s is left out: a pod is one process here", c.text("name"))
		}
	}
	if pod["initContainers"] != nil {
		delete(pod, "initContainers")
		r.repair(obj, "init containers are left out")
	}
	pod["containers"] = []any{map[string]any(all[i])}
	return all[i], nil
}

// foreign takes out what refers to things that a namespace of our own has
// not.
func (r *renderer) foreign(obj, pod Object) {
	for _, key := range []string{"serviceAccountName", "serviceAccount", "imagePullSecrets", "priorityClassName", "runtimeClassName"} {
		if pod[key] != nil {
			delete(pod, key)
			r.repair(obj, "%s is left out: the run's namespace has none", key)
		}
	}
	pod["automountServiceAccountToken"] = false
}

// program puts our service in the place of the application.
func (r *renderer) program(obj, c Object, w *plan.Workload) {
	if image := c.text("image"); image != r.o.Image {
		r.repair(obj, "image %s: the demo service in its place", image)
	}
	r.markImage(obj, w)
	c["image"] = r.o.Image
	if pull := c.text("imagePullPolicy"); pull != "" && pull != "IfNotPresent" {
		r.repair(obj, "imagePullPolicy %s: IfNotPresent, as the image is loaded into the nodes", pull)
	}
	c["imagePullPolicy"] = "IfNotPresent"
	for _, key := range []string{"command", "workingDir", "volumeMounts", "envFrom"} {
		if c[key] != nil {
			r.repair(obj, "%s is the application's, and left out", key)
			delete(c, key)
		}
	}
	c["args"] = []any{"service", w.Role}
	field := func(name, path string) any {
		return map[string]any{"name": name, "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": path}}}
	}
	var env []any
	for _, e := range c.list("env") {
		if e["valueFrom"] == nil { // a reference to what is not there would keep the pod from starting
			env = append(env, map[string]any(e))
		}
	}
	c["env"] = append(env, field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP"),
		map[string]any{"name": "ZEROLOSS_SETTINGS", "value": r.document(w)})
	pod := obj.make("spec", "template", "spec")
	delete(pod, "volumes")
	r.confined(obj, pod, c)
}

// markImage names the image that the manifest has where a step changes it: only
// a change of the template is a rollout.
func (r *renderer) markImage(obj Object, w *plan.Workload) {
	i := slices.IndexFunc(r.p.Steps, func(s plan.Step) bool { a, ok := s.Action.(plan.SetImage); return ok && a.Workload == w.Name })
	j := slices.IndexFunc(r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == w.Name })
	if i < 0 || j < 0 {
		return
	}
	image := r.p.Control.Workloads[j].Image
	obj.make("spec", "template", "metadata").merge("annotations", map[string]any{imageMark: image})
	r.repair(obj, "annotation %s of its pods is %s: a step changes the image, and this in its place", imageMark, image)
}

// life makes grace, hook and probes those of the plan.
func (r *renderer) life(obj, pod, c Object, w control.Workload) {
	grace := int(w.Grace / time.Second)
	if n, ok := number(pod["terminationGracePeriodSeconds"]); !ok && grace != 30 || ok && n != grace {
		r.repair(obj, "terminationGracePeriodSeconds %d, as the scenario has it", grace)
	}
	pod["terminationGracePeriodSeconds"] = grace
	if want := hook(w.PreStop); !same(c.at("lifecycle")["preStop"], want) {
		r.repair(obj, "preStop as the scenario has it")
		delete(c, "lifecycle")
		if want != nil {
			c["lifecycle"] = map[string]any{"preStop": want}
		}
	}
	for _, x := range []struct {
		key  string
		want *control.Probe
	}{{"startupProbe", w.Startup}, {"readinessProbe", w.Readiness}, {"livenessProbe", w.Liveness}} {
		if !sameProbe(c.at(x.key), x.want) {
			r.repair(obj, "%s as the scenario has it", x.key)
			delete(c, x.key)
			if x.want != nil {
				c[x.key] = probe(x.want)
			}
		}
	}
}

// hook is a preStop handler as Kubernetes writes it; nil for none.
func hook(h *control.Hook) any {
	switch {
	case h == nil:
		return nil
	case h.HTTPGet != nil:
		return map[string]any{"httpGet": httpGet(h.HTTPGet)}
	case len(h.Exec) > 0:
		return map[string]any{"exec": map[string]any{"command": anys(h.Exec)}}
	}
	return map[string]any{"sleep": map[string]any{"seconds": int(h.Sleep / time.Second)}}
}

func httpGet(g *control.HTTPGet) map[string]any {
	out := map[string]any{"port": g.Port, "path": cmp.Or(g.Path, "/")}
	if g.Host != "" {
		out["host"] = g.Host
	}
	if s := strings.ToUpper(g.Scheme); s != "" && s != "HTTP" {
		out["scheme"] = s
	}
	return out
}

func probe(p *control.Probe) map[string]any {
	out := map[string]any{
		"initialDelaySeconds": int(p.InitialDelay / time.Second), "periodSeconds": max(1, int(p.Period/time.Second)),
		"timeoutSeconds": max(1, int(p.Timeout/time.Second)), "successThreshold": max(1, p.SuccessThreshold),
		"failureThreshold": cmp.Or(p.FailureThreshold, 3),
	}
	switch {
	case p.HTTPGet != nil:
		out["httpGet"] = httpGet(p.HTTPGet)
	case p.TCPPort != 0:
		out["tcpSocket"] = map[string]any{"port": p.TCPPort}
	default:
		out["exec"] = map[string]any{"command": anys(p.Exec)}
	}
	return out
}

// sameProbe says whether a probe as written means want.
func sameProbe(written Object, want *control.Probe) bool {
	if len(written) == 0 || want == nil {
		return len(written) == 0 && want == nil
	}
	full := map[string]any{"initialDelaySeconds": 0, "periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
	for k, v := range written {
		full[k] = v
		if g, ok := v.(map[string]any); ok && k == "httpGet" {
			get := maps.Clone(g)
			if get["path"] == nil {
				get["path"] = "/"
			}
			if s, _ := get["scheme"].(string); strings.EqualFold(s, "http") {
				delete(get, "scheme")
			}
			full[k] = get
		}
	}
	return same(full, probe(want))
}

// same compares as JSON would: a number is a number.
func same(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.DeepEqual(Object{"x": a}.clone(), Object{"x": b}.clone())
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

func number(v any) (int, bool) {
	switch n := v.(type) {
	case float64:
		return int(n), true
	case int64:
		return int(n), true
	case int:
		return n, true
	}
	return 0, false
}

// registry makes the Deployment of the registry a Nacos that can be pulled,
// and that says when it is ready.
func (r *renderer) registry(obj Object) error {
	r.selector(obj)
	spec := obj.make("spec")
	if n, ok := number(spec["replicas"]); ok && n != 1 {
		r.repair(obj, "replicas %d: 1, as a stand-alone server has no peers", n)
	}
	spec["replicas"] = 1
	template := spec.make("template")
	template.make("metadata").merge("labels", r.labels())
	pod := template.make("spec")
	c, err := r.container(obj, pod)
	if err != nil {
		return err
	}
	r.foreign(obj, pod)
	r.serveRegistry(obj, c)
	return nil
}

func (r *renderer) serveRegistry(obj, c Object) {
	want := cmp.Or(r.o.RegistryImage, RegistryImage)
	if image := c.text("image"); image != want && image != "" {
		r.repair(obj, "image %s: %s", image, want)
	}
	c["image"], c["imagePullPolicy"] = want, "IfNotPresent"
	r.registryEnv(obj, c, "MODE", "standalone")
	r.registryEnv(obj, c, "JVM_XMS", "128m")
	r.registryEnv(obj, c, "JVM_XMX", "256m")
	if c["readinessProbe"] == nil {
		c["readinessProbe"] = map[string]any{
			"httpGet": map[string]any{"path": readinessPath, "port": registryPort}, "periodSeconds": 1, "timeoutSeconds": 2,
		}
		r.repair(obj, "readinessProbe added: GET %s", readinessPath)
	}
	if d := r.p.PushDelay; d != 0 && d != 500*time.Millisecond {
		r.repair(obj, "its push delay is Nacos' own 500ms, not %v: it is not told here", d)
	}
}

func (r *renderer) registryEnv(obj, c Object, name, value string) {
	all, _ := c["env"].([]any) // none yet
	for _, e := range c.list("env") {
		if e.text("name") == name {
			return
		}
	}
	c["env"] = append(all, map[string]any{"name": name, "value": value})
	r.repair(obj, "env %s=%s added", name, value)
}

func (r *renderer) registryName() string { return cmp.Or(r.p.Registry.Workload, defaultRegistry) }

// addRegistry is the one that no manifest has.
func (r *renderer) addRegistry() {
	name := r.registryName()
	labels := r.labels()
	labels["app"] = name
	c := Object{"name": name}
	r.out.Registry = Object{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": r.o.Namespace(), "labels": labels},
		"spec": map[string]any{
			"replicas": 1, "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": maps.Clone(labels)},
				"spec":     map[string]any{"automountServiceAccountToken": false, "containers": []any{map[string]any(c)}},
			},
		},
	}
	r.serveRegistry(r.out.Registry, c)
	r.repair(r.out.Registry, "added: no manifest has a registry")
}

// exposeRegistry sees to a Service with both ports: SDKs speak gRPC on the
// HTTP port + 1000, and without it neither register nor hear of changes.
func (r *renderer) exposeRegistry() {
	name := r.registryName()
	for _, s := range r.out.Services {
		if s.at("metadata").text("name") == name {
			return
		}
	}
	s := Object{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"selector": r.out.Registry.at("spec", "selector")["matchLabels"],
			"ports":    []any{map[string]any{"name": "http", "port": registryPort, "targetPort": registryPort}},
		},
	}
	r.repair(s, "added: no manifest has a Service for the registry")
	r.service(s)
}

// service keeps it within the cluster, with the ports that it needs.
func (r *renderer) service(obj Object) {
	r.own(obj)
	spec := obj.make("spec")
	if t := spec.text("type"); t != "" && t != "ClusterIP" {
		r.repair(obj, "type %s: ClusterIP, as the load comes from within the cluster", t)
	}
	for _, key := range []string{"type", "clusterIP", "clusterIPs", "loadBalancerIP", "externalTrafficPolicy", "healthCheckNodePort", "externalIPs", "loadBalancerClass", "allocateLoadBalancerNodePorts"} {
		delete(spec, key)
	}
	ports, _ := spec["ports"].([]any) // a Service without is refused by the cluster
	grpc := false
	for i, p := range spec.list("ports") {
		delete(p, "nodePort")
		n, _ := number(p["port"])
		grpc = grpc || n == registryPort+grpcOffset
		if len(ports) > 0 && p.text("name") == "" {
			p["name"] = fmt.Sprintf("port-%d", i)
		}
	}
	if obj.at("metadata").text("name") == r.registryName() && !grpc {
		spec["ports"] = append(ports, map[string]any{"name": "grpc", "port": registryPort + grpcOffset, "targetPort": registryPort + grpcOffset})
		r.repair(obj, "port %d added: SDKs of Nacos 2 speak gRPC on the HTTP port + 1000", registryPort+grpcOffset)
	}
	r.out.Services = append(r.out.Services, obj)
}
