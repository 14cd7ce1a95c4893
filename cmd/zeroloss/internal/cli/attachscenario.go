package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"zeroloss/scenarios/spec"
)

// place is the target's namespace and name.
func (f *attachFlags) place() (ns, name string) {
	if ns, name, ok := strings.Cut(f.deploy, "/"); ok {
		return ns, name
	}
	return f.ns, f.deploy
}

// check refuses flags that mean nothing, or several things.
func (f *attachFlags) check() error {
	ns, name := f.place()
	actions := 0
	for _, on := range []bool{f.restart, f.observe, f.scaleTo >= 0} {
		if on {
			actions++
		}
	}
	switch {
	case name == "":
		return errors.New("which service? --deployment NAMESPACE/NAME and --url, or a FILE with a target\n  see: zeroloss attach --help")
	case ns == "":
		return fmt.Errorf("--deployment %s has no namespace\n  write --deployment NAMESPACE/%s", f.deploy, f.deploy)
	case f.url == "":
		return errors.New("where does the load go? add --url http://…")
	case actions != 1:
		return errors.New("what is to happen to it? one of --restart, --scale-to N and --observe")
	case f.at >= f.duration && !f.observe:
		return fmt.Errorf("--at %v is after the end of the load (--duration %v)", f.at, f.duration)
	}
	return nil
}

// scenario is what the flags mean.
func (f *attachFlags) scenario() (map[string]any, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	ns, name := f.place()
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

// expectations are that nothing is lost, and that anything could have been. Of
// a change it is the arm after it that is to lose nothing; what the arm before
// loses, in all its runs, is the contrast.
func (f *attachFlags) expectations(name string) []any {
	lost := func(arm, role string) map[string]any {
		return map[string]any{"arm": arm, "metric": "lost", "is": 0, "role": role}
	}
	released := func(arm string) map[string]any {
		return map[string]any{"arm": arm, "metric": "releases", "is": ">= 1", "role": "contrast", "why": "without a release there was nothing to lose"}
	}
	if f.change == "" {
		return []any{lost(name, "gate"), released(name)}
	}
	return []any{lost(spec.ArmBefore, "info"), released(spec.ArmBefore), lost(spec.ArmAfter, "gate"), released(spec.ArmAfter)}
}

// action is what is done to the target, in words and in steps.
func (f *attachFlags) action(name string) (what string, steps []any) {
	switch {
	case f.restart:
		return "restarted under load", []any{map[string]any{"at": f.at.String(), "restart": name}}
	case f.scaleTo >= 0:
		back := (f.at + (f.duration-f.at)/2).Round(time.Second)
		return fmt.Sprintf("scaled to %d under load", f.scaleTo), []any{
			map[string]any{"at": f.at.String(), "scale": name, "to": f.scaleTo},
			map[string]any{"at": back.String(), "name": "scale " + name + " back", "scale": name, "back": true},
		}
	}
	return "watched through a release of somebody else's", nil
}

func (f *attachFlags) stream(name, path string) (map[string]any, error) {
	stream := map[string]any{"name": name, "rate": f.rate, "connections": f.conns, "request": "GET " + path}
	if f.request != "" {
		stream["request"] = f.request
	}
	if f.change == "" {
		stream["arm"] = name
	}
	header := map[string]string{}
	for _, h := range f.header {
		k, v, ok := strings.Cut(h, ":")
		if !ok {
			return nil, fmt.Errorf("--header %q is not \"Name: value\"", h)
		}
		header[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	if len(header) > 0 {
		stream["header"] = header
	}
	return stream, nil
}

func (f *attachFlags) target(base string) (map[string]any, error) {
	ns, name := f.place()
	target := map[string]any{"namespace": ns, "deployment": name, "url": base}
	if f.observe {
		target["observe"] = true
	}
	if f.settle > 0 {
		target["settle"] = f.settle.String()
	}
	if ok := f.good(); len(ok) > 0 {
		target["ok"] = ok
	}
	patch, err := f.changed()
	if err != nil {
		return nil, err
	}
	if patch != nil {
		target["change"] = patch
	}
	if f.who != "" {
		target["instanceHeader"] = f.who
	}
	if f.nacos != "" {
		address, service, ok := strings.Cut(f.nacos, "/")
		if !ok {
			return nil, fmt.Errorf("--nacos %q is not HOST:PORT/SERVICE", f.nacos)
		}
		target["nacos"] = map[string]any{"address": address, "service": service}
	}
	return target, nil
}

func (f *attachFlags) good() map[string]any {
	ok := map[string]any{}
	if len(f.status) > 0 {
		ok["status"] = f.status
	}
	for k, v := range map[string]string{"jsonPath": f.jsonPath, "equals": f.equals, "match": f.match} {
		if v != "" {
			ok[k] = v
		}
	}
	return ok
}

// splitURL is the base of a URL, and the path of it.
func splitURL(s string) (base, path string, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || rest == "" {
		return "", "", fmt.Errorf("--url %q is none\n  write http://orders.example:8080/path", s)
	}
	host, path, _ := strings.Cut(rest, "/")
	return scheme + "://" + host, "/" + path, nil
}
