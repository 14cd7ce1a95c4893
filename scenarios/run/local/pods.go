package local

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// podTable are the pods that exist: where each listens, and its files. A pod
// exists from the start of its first container until it is removed.
type podTable struct {
	tmp string // of the run

	mu  sync.Mutex
	all map[string]localPod // by name
}

type localPod struct {
	workload string
	addr     podAddr
	order    int // of creation
}

func newPodTable(tmp string) *podTable { return &podTable{tmp: tmp, all: map[string]localPod{}} }

// add adds a pod, if it does not exist yet.
func (t *podTable) add(name, workload string, addr podAddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.all[name]; ok {
		return
	}
	p := localPod{workload: workload, addr: addr}
	for _, other := range t.all {
		p.order = max(p.order, other.order+1)
	}
	t.all[name] = p
}

// remove removes a pod and its files.
func (t *podTable) remove(name string) error {
	t.mu.Lock()
	delete(t.all, name)
	t.mu.Unlock()
	if err := os.RemoveAll(t.root(name)); err != nil {
		return fmt.Errorf("removing the files of %s: %w", name, err)
	}
	return nil
}

// root is the root directory that a pod's commands see.
func (t *podTable) root(name string) string { return filepath.Join(t.tmp, "pod-"+name) }

func (t *podTable) addr(name string) podAddr {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[name].addr
}

// oldest is the address of the oldest pod of the workloads that match; false if
// there is none.
func (t *podTable) oldest(match func(workload string) bool) (podAddr, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var best localPod
	found := false
	for _, p := range t.all {
		if match(p.workload) && (!found || p.order < best.order) {
			best, found = p, true
		}
	}
	return best.addr, found
}
