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

// readSwitches resolves the switches in the labels, annotations and environment
// of a workload; root is its Deployment. A label takes precedence over an
// annotation, and that over the environment, as in the vendors' agents.
func readSwitches(workload string, root, container input.Node, diags *diagnostics) Switches {
	pod := root.Find("spec.template")
	var all []switchValue
	all = append(all, environmentValues(container)...)
	all = append(all, expandPolarisConfig(metadataValues(pod.Get("metadata").Get("annotations"), "annotation"), diags)...)
	all = append(all, expandPolarisConfig(metadataValues(pod.Get("metadata").Get("labels"), "label"), diags)...)
	warnMisplaced(root, diags)

	var s Switches
	last := map[string]switchValue{}
	for _, v := range all {
		if before, twice := last[v.name]; twice && before.value != v.value {
			diags.warn(v.node, fmt.Sprintf("%s is set to %q as %s and to %q as %s; the %s takes precedence", v.name, v.value, v.where, before.value, before.where, v.where), "set it once")
		}
		last[v.name] = v
		s.apply(v, diags)
	}
	checkPrerequisites(s, workload, pod.Find("metadata"), diags)
	return s
}

// apply sets the switch according to the table. It reports invalid values, and
// unknown names that look like a vendor's.
func (s *Switches) apply(v switchValue, diags *diagnostics) {
	if row, ok := findSwitch(v.name); ok {
		if err := row.set(s, v.value); err != nil {
			diags.problem(v.node, fmt.Sprintf("%s: %v", v.name, err), row.Doc)
		}
	} else if family(v.name) {
		diags.warn(v.node, fmt.Sprintf("unknown switch %q has no effect", v.name), input.DidYouMean(v.name, switchNames()))
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

// environmentValues lists a container's literal variables.
func environmentValues(container input.Node) []switchValue {
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
func expandPolarisConfig(all []switchValue, diags *diagnostics) []switchValue {
	var out []switchValue
	for _, s := range all {
		if s.name != polarisConfig {
			out = append(out, s)
			continue
		}
		docs, problems := input.Split(input.Source{Name: s.node.File(), Data: []byte(s.value)})
		if len(problems) > 0 || len(docs) != 1 || docs[0].Root.Shape() != input.Mapping {
			diags.problem(s.node, polarisConfig+" must be a JSON object", `for example '{"spring.cloud.polaris.lossless.enabled": "true"}'`)
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
func warnMisplaced(root input.Node, diags *diagnostics) {
	for _, place := range []string{"annotations", "labels"} {
		for _, f := range root.Get("metadata").Get(place).Fields() {
			if slices.Contains(switchNames(), f.Key) || family(f.Key) {
				diags.warn(f.Value, fmt.Sprintf("%s is set on the Deployment, where agents do not look: it has no effect", f.Key), "move it to spec.template.metadata")
			}
		}
	}
}

// checkPrerequisites reports switches without the one that they require.
func checkPrerequisites(s Switches, workload string, metadata input.Node, diags *diagnostics) {
	if (s.WarmupTime != nil || s.DelayTime != nil) && !Enabled(s.LosslessOnline, false) {
		diags.warn(metadata, workload+": mse.lossless.warmupTime and delayTime have no effect without mse.lossless.enable", `add mse.lossless.enable: "true"`)
	}
	if (s.PolarisDelay != nil || s.HealthPath != "") && !Enabled(s.Polaris, false) {
		diags.warn(metadata, workload+": spring.cloud.polaris.lossless.* has no effect without spring.cloud.polaris.lossless.enabled", `set it to "true"`)
	}
	if Enabled(s.Governed, false) && Enabled(s.Polaris, false) {
		diags.warn(metadata, workload+" is governed by both MSE and Polaris: both /offline ports are open, and the longer delay counts", "choose one")
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
