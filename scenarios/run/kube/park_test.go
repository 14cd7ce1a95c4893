package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
)

// enginePark is an engine without containers: nodes by cluster, as the badges
// that they wear. It refuses and deletes by name, as kind does.
type enginePark struct {
	mu   sync.Mutex
	all  map[string][]string
	made int

	pull   func(context.Context) error // before nodes are made, interruptible; nil: there is nothing to pull
	before time.Duration               // that kind takes before the first node
	after  time.Duration               // and then until the API server answers
	fails  error                       // what making ends with instead
	late   time.Duration               // after which the last node comes, when making has failed already
	url    string                      // of the API servers
	forms  time.Time                   // until when nodes are listed, and cannot be looked at
}

func (p *enginePark) list() (names []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (p *enginePark) nodes(string) ([]kindnodes.Node, error) { return nil, nil }

func (p *enginePark) badges(cluster string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all[cluster]) > 0 && time.Now().Before(p.forms) {
		return nil, errForming
	}
	return slices.Clone(p.all[cluster]), nil
}

func (p *enginePark) fetch(ctx context.Context, _ string) error {
	if p.pull == nil {
		return nil
	}
	return p.pull(ctx)
}

func (p *enginePark) add(cluster string, badges ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[string][]string{}
	}
	p.all[cluster] = append(p.all[cluster], badges...)
}

// count is how many clusters were begun.
func (p *enginePark) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}

func (p *enginePark) create(o order) error {
	time.Sleep(p.before)
	if there, _ := p.badges(o.name); len(there) > 0 {
		return fmt.Errorf("node(s) already exist for a cluster with the name %q", o.name)
	}
	p.mu.Lock()
	p.made++
	p.mu.Unlock()
	p.add(o.name, slices.Repeat([]string{o.badge}, o.workers)...)
	last := func() { p.add(o.name, o.badge) }
	if p.late > 0 {
		time.AfterFunc(p.late, last)
		return p.fails
	}
	last()
	time.Sleep(p.after)
	return p.fails
}

func (p *enginePark) remove(cluster string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, cluster)
	return nil
}

func (p *enginePark) kubeconfig(cluster string) (string, error) {
	if there, _ := p.badges(cluster); len(there) == 0 {
		return "", errors.New("could not locate any control plane nodes")
	}
	server := cmp.Or(p.url, "http://127.0.0.1:1")
	return fmt.Sprintf(`{"clusters":[{"name":"x","cluster":{"server":%q}}],"contexts":[{"name":"x","context":{"cluster":"x"}}],"current-context":"x"}`, server), nil
}

// townOf is an API server with namespaces.
func townOf(t *testing.T, namespaces ...*corev1.Namespace) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/v1/namespaces" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "NamespaceList", "apiVersion": "v1", "metadata": metav1.ListMeta{}, "items": namespaces})
	}))
	t.Cleanup(server.Close)
	return server.URL
}
