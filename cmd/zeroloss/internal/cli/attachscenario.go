package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"zeroloss/scenarios/spec"
)

// targetName returns the target's namespace and name.
func (f *attachFlags) targetName() (ns, name string) {
	if ns, name, ok := strings.Cut(f.deployment, "/"); ok {
		return ns, name
	}
	return f.namespace, f.deployment
}

// check returns why the flags are incomplete or contradict each other.
func (f *attachFlags) check() error {
	ns, name := f.targetName()
	actions := 0
	for _, on := range []bool{f.restart, f.observe, f.scaleTo >= 0} {
		if on {
			actions++
		}
	}
	switch {
	case name == "":
		return errors.New("no target: give --deployment NAMESPACE/NAME and --url, or a FILE with a target\n  see: zeroloss attach --help")
	case ns == "":
		return fmt.Errorf("--deployment %s has no namespace\n  use --deployment NAMESPACE/%s", f.deployment, f.deployment)
	case f.url == "":
		return errors.New("--url is missing: it says where to send requests, e.g. --url http://orders.example/")
	case actions != 1:
		return errors.New("give exactly one of --restart, --scale-to N and --observe")
	case f.at >= f.duration && !f.observe:
		return fmt.Errorf("--at %v is after the end of the load (--duration %v)", f.at, f.duration)
	}
	return nil
}

// scenario returns the scenario that the flags describe.
func (f *attachFlags) scenario() (map[string]any, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	ns, name := f.targetName()
	base, path, err := splitURL(f.url)
	if err != nil {
		return nil, err
	}
	stream, err := f.stream(name, path)
	if err != nil {
		return nil, err
	}
	target, err := f.target(base)
	if err != nil {
		return nil, err
	}
	s := map[string]any{
		"target": target, "time": map[string]any{"duration": f.duration.String()}, "load": []any{stream},
		"expect": f.expectations(name),
	}
	what, steps := f.action(name)
	if len(steps) > 0 {
		s["steps"] = steps
	}
	return map[string]any{
		"apiVersion": spec.APIVersion, "kind": spec.Kind,
		"metadata": map[string]any{"name": "attach-" + name, "title": ns + "/" + name + " " + what}, "spec": s,
	}, nil
}

// expectations returns a gate (nothing is lost) and a contrast (something was
// released). With a change, the gate applies to the arm after it; what the arm
// before it loses over all runs is the contrast.
func (f *attachFlags) expectations(name string) []any {
	lost := func(arm, role string) map[string]any {
		return map[string]any{"arm": arm, "metric": "lost", "is": 0, "role": role}
	}
	released := func(arm string) map[string]any {
		return map[string]any{"arm": arm, "metric": "releases", "is": ">= 1", "role": "contrast", "why": "without a release there was nothing to lose"}
	}
	if f.patchFile == "" {
		return []any{lost(name, "gate"), released(name)}
	}
	return []any{lost(spec.ArmBefore, "info"), released(spec.ArmBefore), lost(spec.ArmAfter, "gate"), released(spec.ArmAfter)}
}

// action returns what the run does to the target, as text and as steps.
func (f *attachFlags) action(name string) (what string, steps []any) {
	switch {
	case f.restart:
		return "restarted under load", []any{map[string]any{"at": f.at.String(), "restart": name}}
	case f.scaleTo >= 0:
		back := (f.at + (f.duration-f.at)/2).Round(time.Second)
		return fmt.Sprintf("scaled to %d under load", f.scaleTo), []any{
			map[string]any{"at": f.at.String(), "scale": name, "to": f.scaleTo},
			map[string]any{"at": back.String(), "name": "scale " + name + " back", "scale": name, "restore": true},
		}
	}
	return "observed during a release", nil
}

func (f *attachFlags) stream(name, path string) (map[string]any, error) {
	stream := map[string]any{"name": name, "rate": f.rate, "connections": f.connections, "request": "GET " + path}
	if f.request != "" {
		stream["request"] = f.request
	}
	if f.patchFile == "" {
		stream["arm"] = name
	}
	header := map[string]string{}
	for _, h := range f.header {
		k, v, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("--header must be \"Name: value\", got %q", h)
		}
		header[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	if len(header) > 0 {
		stream["header"] = header
	}
	return stream, nil
}

func (f *attachFlags) target(base string) (map[string]any, error) {
	ns, name := f.targetName()
	target := map[string]any{"namespace": ns, "deployment": name, "url": base}
	if f.observe {
		target["observe"] = true
	}
	if f.settle > 0 {
		target["settle"] = f.settle.String()
	}
	if ok := f.okCondition(); len(ok) > 0 {
		target["ok"] = ok
	}
	patch, err := f.readPatch()
	if err != nil {
		return nil, err
	}
	if patch != nil {
		target["change"] = patch
	}
	if f.instanceHeader != "" {
		target["instanceHeader"] = f.instanceHeader
	}
	if f.nacos != "" {
		address, service, ok := strings.Cut(f.nacos, "/")
		if !ok {
			return nil, fmt.Errorf("--nacos must be HOST:PORT/SERVICE, got %q", f.nacos)
		}
		target["nacos"] = map[string]any{"address": address, "service": service}
	}
	return target, nil
}

func (f *attachFlags) okCondition() map[string]any {
	ok := map[string]any{}
	if len(f.okStatus) > 0 {
		ok["status"] = f.okStatus
	}
	for k, v := range map[string]string{"jsonPath": f.okJSONPath, "equals": f.okEquals, "match": f.okMatch} {
		if v != "" {
			ok[k] = v
		}
	}
	return ok
}

// splitURL splits a URL into its base and its path.
func splitURL(s string) (base, path string, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" {
		return "", "", fmt.Errorf("--url must be a URL such as http://orders.example:8080/path, got %q", s)
	}
	host, path, _ := strings.Cut(rest, "/")
	return scheme + "://" + host, "/" + path, nil
}
