package manifests

import (
	"fmt"
	"slices"
	"strings"

	"zeroloss/internal/input"
)

// switchValue is a switch and where it is set.
type switchValue struct {
	name, value, where string
	node               input.Node
}

// switches resolves the switches in a workload's labels, annotations and
// environment. A label takes precedence over an annotation, and that over the
// environment, as in the vendors' agents.
func (l *loader) switches(w *Workload, root, container input.Node) {
	pod := root.Find("spec.template")
	var all []switchValue
	all = append(all, l.environment(container)...)
	all = append(all, l.expandPolarisConfig(metadataValues(pod.Get("metadata").Get("annotations"), "annotation"))...)
	all = append(all, l.expandPolarisConfig(metadataValues(pod.Get("metadata").Get("labels"), "label"))...)
	l.warnMisplaced(root)

	last := map[string]switchValue{}
	for _, s := range all {
		if before, twice := last[s.name]; twice && before.value != s.value {
			l.warn(s.node, fmt.Sprintf("%s is set to %q as %s and to %q as %s; the %s takes precedence", s.name, s.value, s.where, before.value, before.where, s.where), "set it once")
		}
		last[s.name] = s
		l.apply(&w.Switches, s)
	}
	w.Service, w.Tag = w.Switches.AppName, w.Switches.Tag
	if w.Service == "" {
		w.Service = defaultService(w.Role)
	}
	if w.Role.External() {
		w.Service = w.Name // it does not register
	}
	l.checkPrerequisites(w, pod)
}

// apply sets the switch according to the table.
func (l *loader) apply(s *Switches, x switchValue) {
	table := Table()
	i := slices.IndexFunc(table, func(row Switch) bool { return row.Name == x.name })
	if i >= 0 {
		if err := table[i].set(s, x.value); err != nil {
			l.problem(x.node, fmt.Sprintf("%s: %v", x.name, err), table[i].Doc)
		}
		return
	}
	if family(x.name) {
		l.warn(x.node, fmt.Sprintf("unknown switch %q has no effect", x.name), input.DidYouMean(x.name, switchNames()))
	}
}

// metadataValues lists labels or annotations.
func metadataValues(n input.Node, where string) []switchValue {
	var out []switchValue
	for _, f := range n.Fields() {
		out = append(out, switchValue{name: f.Key, value: f.Value.Text(), where: where, node: f.Value})
	}
	return out
}

// environment lists a container's literal variables.
func (l *loader) environment(container input.Node) []switchValue {
	var out []switchValue
	for _, e := range container.Get("env").Items() {
		if e.Get("valueFrom").Shape() == input.Absent {
			out = append(out, switchValue{name: e.Get("name").Text(), value: e.Get("value").Text(), where: "variable", node: e})
		}
	}
	return out
}

// expandPolarisConfig replaces the JSON of the Polaris agent's configuration by
// the switches in it. JSON is YAML: the same parser reads it.
func (l *loader) expandPolarisConfig(all []switchValue) []switchValue {
	var out []switchValue
	for _, s := range all {
		if s.name != polarisConfig {
			out = append(out, s)
			continue
		}
		docs, problems := input.Split(input.Source{Name: s.node.File(), Data: []byte(s.value)})
		if len(problems) > 0 || len(docs) != 1 || docs[0].Root.Shape() != input.Mapping {
			l.problem(s.node, polarisConfig+" must be a JSON object", `for example '{"spring.cloud.polaris.lossless.enabled": "true"}'`)
			continue
		}
		for _, f := range docs[0].Root.Fields() {
			out = append(out, switchValue{name: f.Key, value: f.Value.Text(), where: "part of " + polarisConfig, node: s.node})
		}
	}
	return out
}

// warnMisplaced reports switches on the Deployment itself, where agents do not
// look.
func (l *loader) warnMisplaced(root input.Node) {
	for _, place := range []string{"annotations", "labels"} {
		for _, f := range root.Get("metadata").Get(place).Fields() {
			if slices.Contains(switchNames(), f.Key) || family(f.Key) {
				l.warn(f.Value, fmt.Sprintf("%s is set on the Deployment, where agents do not look: it has no effect", f.Key), "move it to spec.template.metadata")
			}
		}
	}
}

// checkPrerequisites reports switches without the one that they require.
func (l *loader) checkPrerequisites(w *Workload, pod input.Node) {
	s := w.Switches
	if (s.WarmupTime != nil || s.DelayTime != nil) && !Enabled(s.LosslessOnline, false) {
		l.warn(pod.Find("metadata"), w.Name+": mse.lossless.warmupTime and delayTime have no effect without mse.lossless.enable", `add mse.lossless.enable: "true"`)
	}
	if (s.PolarisDelay != nil || s.HealthPath != "") && !Enabled(s.Polaris, false) {
		l.warn(pod.Find("metadata"), w.Name+": spring.cloud.polaris.lossless.* has no effect without spring.cloud.polaris.lossless.enabled", `set it to "true"`)
	}
	if Enabled(s.Governed, false) && Enabled(s.Polaris, false) {
		l.warn(pod.Find("metadata"), w.Name+" is governed by both MSE and Polaris: both /offline ports are open, and the longer delay counts", "choose one")
	}
}

// defaultService is the registry name of a demo service that sets none.
func defaultService(r Role) string {
	if r == Gateway {
		return "spring-cloud-zuul"
	}
	return "spring-cloud-" + string(r)
}

// Host is the host of the registry's address; "" if no address is set. Its port
// is ignored.
func (s Switches) Host() string {
	_, host, ok := strings.Cut(s.RegistryAddress, "://")
	if !ok {
		host = s.RegistryAddress
	}
	host, _, _ = strings.Cut(host, "/")
	host, _, _ = strings.Cut(host, "?")
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	return host
}
