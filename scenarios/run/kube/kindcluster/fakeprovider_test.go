package kindcluster

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
)

// fakeProvider is an engine without containers: nodes by cluster, as the owners
// that they carry. It refuses and deletes by name, as kind does.
type fakeProvider struct {
	provider // nil: no test asks for nodes

	mu      sync.Mutex
	all     map[string][]string
	states  map[string]state
	created int

	pullImage func(context.Context) error // before nodes are created, interruptible; nil: there is nothing to pull
	before    time.Duration               // that kind takes before the first node
	after     time.Duration               // and then until the API server answers
	fails     error                       // what creating ends with instead
	late      time.Duration               // after which the last node comes, when creating has failed already
	url       string                      // of the API servers
	forms     time.Time                   // until when nodes are listed, and cannot be looked at
	stopped   bool                        // the nodes do not run
}

func (p *fakeProvider) list() (names []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (p *fakeProvider) owners(cluster string) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all[cluster]) > 0 && time.Now().Before(p.forms) {
		return nil, errForming
	}
	return slices.Clone(p.all[cluster]), nil
}

func (p *fakeProvider) state(cluster string) (state, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return "", errors.New("container is not running")
	}
	return p.states[cluster], nil
}

func (p *fakeProvider) setState(cluster string, s state) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all[cluster]) == 0 {
		return errors.New("no such container")
	}
	if p.states == nil {
		p.states = map[string]state{}
	}
	p.states[cluster] = s
	return nil
}

func (p *fakeProvider) pull(ctx context.Context, _ string) error {
	if p.pullImage == nil {
		return nil
	}
	return p.pullImage(ctx)
}

func (p *fakeProvider) add(cluster string, owners ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = map[string][]string{}
	}
	p.all[cluster] = append(p.all[cluster], owners...)
}

// addReady adds a cluster that a run has created.
func (p *fakeProvider) addReady(t *testing.T, cluster string, owners ...string) {
	t.Helper()
	p.add(cluster, owners...)
	if err := p.setState(cluster, stateReady); err != nil {
		t.Fatal(err)
	}
}

// count is how many clusters were begun.
func (p *fakeProvider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.created
}

func (p *fakeProvider) create(s clusterSpec) error {
	time.Sleep(p.before)
	if there, _ := p.owners(s.name); len(there) > 0 {
		return fmt.Errorf("node(s) already exist for a cluster with the name %q", s.name)
	}
	p.mu.Lock()
	p.created++
	p.mu.Unlock()
	p.add(s.name, slices.Repeat([]string{s.owner}, s.workers)...)
	last := func() { p.add(s.name, s.owner) }
	if p.late > 0 {
		time.AfterFunc(p.late, last)
		return p.fails
	}
	last()
	time.Sleep(p.after)
	return p.fails
}

func (p *fakeProvider) remove(cluster string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, cluster)
	delete(p.states, cluster)
	return nil
}

func (p *fakeProvider) kubeconfig(cluster string) (string, error) {
	if there, _ := p.owners(cluster); len(there) == 0 {
		return "", errors.New("could not locate any control plane nodes")
	}
	server := cmp.Or(p.url, "http://127.0.0.1:1")
	return fmt.Sprintf(`{"clusters":[{"name":"x","cluster":{"server":%q}}],"contexts":[{"name":"x","context":{"cluster":"x"}}],"current-context":"x"}`, server), nil
}

// serverWith is an API server with namespaces.
func serverWith(t *testing.T, namespaces ...corev1.Namespace) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/api/v1/namespaces" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(corev1.NamespaceList{TypeMeta: metav1.TypeMeta{Kind: "NamespaceList", APIVersion: "v1"}, Items: namespaces})
	}))
	t.Cleanup(server.Close)
	return server.URL
}
