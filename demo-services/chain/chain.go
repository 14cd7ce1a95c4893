// Package chain is the four demo services, gateway → A → B → C, each a few
// lines on the skeleton of package service. Their bodies are those of the
// originals' demo, so that published checkers still work:
//
//	GET /A/a   Agray[10.0.0.7] -> Bgray[10.0.0.8] -> C[10.0.0.9]
//
// [Run] is one of them, with the registry's client.
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

// role is what tells the services apart.
type role struct {
	name   string
	handle service.Handler
	paths  []string
}

// roles of the chain, outermost first.
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

// Paths are those that the service of a role answers; one with a slash at its
// end stands for all below it.
func Paths(name string) []string {
	for _, r := range roles() {
		if r.name == name {
			return r.paths
		}
	}
	return nil
}

// Handler is what the service of a role does with a request; roles are
// gateway, a, b and c.
func Handler(name string) (service.Handler, error) {
	all := roles()
	i := slices.IndexFunc(all, func(r role) bool { return r.name == name })
	if i < 0 {
		return nil, fmt.Errorf("starting service %q: no such role, want gateway, a, b or c", name)
	}
	return all[i].handle, nil
}

// Run runs the service that d tells of until term comes and it has left, or at
// once until ctx ends. The code is the process's exit code; see service.Run.
func Run(ctx context.Context, d settings.Document, term <-chan os.Signal) (code int, err error) {
	h, err := Handler(d.Role)
	if err != nil {
		return 2, err
	}
	return service.Run(ctx, service.Options{Settings: d, Handler: h, Connect: Connect, Term: term})
}

// Connect opens the registry's client as the settings say.
func Connect(ctx context.Context, d settings.Document) (service.Registry, error) {
	return nacos.Connect(ctx, nacos.Options{
		Host: d.Registry.Host, Port: d.Registry.Port, GRPCPort: d.Registry.GRPCPort,
		Identity: record.Instance{Pod: d.Pod, Incarnation: d.Incarnation}.String(),
		Dir:      cmp.Or(d.Dir, os.TempDir()), KeepWhenEmpty: d.Consumer.KeepWhenEmpty,
	})
}

// prefix is the gateway's own.
const prefix = "/A/"

// gateway routes /A/… to A, as zuul does: the prefix is its own, path and
// query go on, and A's answer is the answer.
func gateway(x *service.Request) {
	path, ok := strings.CutPrefix(x.Path(), prefix)
	if !ok {
		x.Refuse(http.StatusNotFound, "the gateway knows /A/ only")
		return
	}
	if body, ok := x.CallNext("/"+path, x.Query()); ok {
		x.Reply(body)
	}
}

// chainHandler says who it is, and then what the next one said. paths maps each path
// that it knows to the next one's.
func chainHandler(letter string, paths map[string]string) service.Handler {
	return func(x *service.Request) {
		next, ok := paths[x.Path()]
		if !ok {
			x.Refuse(http.StatusNotFound, letter+" does not know this path")
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
