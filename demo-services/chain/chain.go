// Package chain holds the four demo services, gateway → A → B → C, which are
// handlers for package service. Their answers are those of MSE's own demo, so that
// published checkers still work:
//
//	GET /A/a   Agray[10.0.0.7] -> Bgray[10.0.0.8] -> C[10.0.0.9]
//
// [Run] runs one of them with the registry's client.
package chain

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/service"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// role is one of the services.
type role struct {
	name   string
	handle service.Handler
	paths  []string
}

// roles returns the services of the chain, the first one called first.
func roles() []role {
	return []role{
		{"gateway", gateway, []string{prefix}},
		chainRole("a", "A", map[string]string{"/a": "/b", "/a2bc": "/b2c"}),
		chainRole("b", "B", map[string]string{"/b": "/c", "/b2c": "/c"}),
		chainRole("c", "C", map[string]string{"/c": ""}),
	}
}

func chainRole(name, letter string, paths map[string]string) role {
	return role{name, chainHandler(letter, paths), slices.Sorted(maps.Keys(paths))}
}

// Paths returns the paths that a role answers. A path that ends in a slash stands
// for all paths below it.
func Paths(name string) []string {
	for _, r := range roles() {
		if r.name == name {
			return r.paths
		}
	}
	return nil
}

// Handler returns the handler of a role: gateway, a, b or c.
func Handler(name string) (service.Handler, error) {
	all := roles()
	i := slices.IndexFunc(all, func(r role) bool { return r.name == name })
	if i < 0 {
		return nil, fmt.Errorf("starting service: role must be gateway, a, b or c, got %q", name)
	}
	return all[i].handle, nil
}

// Run runs the service that d describes until it has shut down after term, or
// until ctx ends. code is the exit code of the process: see service.Run.
func Run(ctx context.Context, d settings.Document, term <-chan os.Signal) (code int, err error) {
	h, err := Handler(d.Role) //nolint:contextcheck // a handler uses its request's context
	if err != nil {
		return 2, err
	}
	return service.Run(ctx, service.Options{Settings: d, Handler: h, Connect: Connect, Term: term})
}

// Connect opens the registry's client with the address in the settings.
func Connect(ctx context.Context, d settings.Document) (service.Registry, error) {
	return nacos.Connect(ctx, nacos.Options{
		Host: d.Registry.Host, Port: d.Registry.Port, GRPCPort: d.Registry.GRPCPort,
		Identity: record.Instance{Pod: d.Pod, Incarnation: d.Incarnation}.String(),
		Dir:      cmp.Or(d.Dir, os.TempDir()), KeepWhenEmpty: d.Consumer.KeepWhenEmpty,
	})
}

// prefix is the path prefix of the gateway.
const prefix = "/A/"

// gateway routes /A/… to A as Zuul does: it strips the prefix, forwards path and
// query, and returns A's answer.
func gateway(x *service.Request) {
	path, ok := strings.CutPrefix(x.Path(), prefix)
	if !ok {
		x.Refuse(http.StatusNotFound, "the gateway serves /A/ only")
		return
	}
	if body, ok := x.CallNext("/"+path, x.Query()); ok {
		x.Reply(body)
	}
}

// chainHandler answers with the identity of the service, followed by the answer
// of the next service. paths maps each path to the path of the call.
func chainHandler(letter string, paths map[string]string) service.Handler {
	return func(x *service.Request) {
		next, ok := paths[x.Path()]
		if !ok {
			x.Refuse(http.StatusNotFound, letter+" does not serve this path")
			return
		}
		self := letter + x.Tag() + "[" + x.IP() + "]"
		if x.IsLast() {
			x.Reply(self)
			return
		}
		if body, ok := x.CallNext(next, ""); ok {
			x.Reply(self + " -> " + body)
		}
	}
}
