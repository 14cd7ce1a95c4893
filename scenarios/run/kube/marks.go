package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/rundir"
)

// marks say which of kind's clusters are ours: a file a cluster, in a
// directory of the user's, made before the cluster and removed after it. One
// process at a time reads and writes them.
type marks struct {
	dir  string
	self string // as thisHarness says it
}

// mark is a cluster that a run has made. A cluster of that name without the
// badge is another one.
//
//	(none) ──▶ making ──▶ (users come and go) ──▶ deleting ──▶ (none)
type mark struct {
	// Badge is what its nodes wear; "" in a mark of an older version.
	Badge string `json:"badge"`
	// Doing is what its one user does to it; whoever else wants it waits.
	Doing doing `json:"doing,omitempty"`
	// Users are the harnesses that work with it. The last one deletes it.
	Users []string `json:"users"`
}

type doing string

const (
	making   doing = "making"
	deleting doing = "deleting"
)

// userMarks are those of this user.
func userMarks() (marks, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return marks{}, fmt.Errorf("finding where clusters are marked: %w", err)
	}
	return marks{filepath.Join(dir, "zeroloss", "clusters"), owner.Self()}, nil
}

// lockFile is none of a cluster's: a name of kind's has no underscore.
const lockFile = "_lock"

// hold keeps other processes from the marks until release. It is for moments:
// nothing is made or deleted meanwhile.
func (m marks) hold(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return nil, fmt.Errorf("locking the marks of clusters: %w", err)
	}
	for {
		let, err := rundir.Hold(filepath.Join(m.dir, lockFile))
		if err == nil {
			return func() { _ = let() }, nil // its end is the process's, if it fails
		}
		if !errors.Is(err, rundir.ErrInUse) || client.Sleep(ctx, 20*time.Millisecond) != nil {
			return nil, fmt.Errorf("locking the marks of clusters: %w", err)
		}
	}
}

// read is a cluster's mark; false if it has none.
func (m marks) read(name string) (mark, bool, error) {
	text, err := os.ReadFile(filepath.Join(m.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, fmt.Errorf("reading the mark of cluster %q: %w", name, err)
	}
	return m.parse(text), true, nil
}

// parse reads a mark. An older one is the id of the process that has made it.
func (m marks) parse(text []byte) mark {
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		return mark{Users: []string{owner.Process{Host: owner.ParseProcess(m.self).Host, PID: pid}.String()}}
	}
	var x mark
	if json.Unmarshal(text, &x) != nil {
		return mark{} // torn: its writer was killed, so it is not there any more
	}
	return x
}

// write is done at once or not at all.
func (m marks) write(name string, x mark) error {
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("marking cluster %q: %w", name, err)
	}
	fresh := filepath.Join(m.dir, "_new")
	if err := os.WriteFile(fresh, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("marking cluster %q: %w", name, err)
	}
	if err := os.Rename(fresh, filepath.Join(m.dir, name)); err != nil {
		return fmt.Errorf("marking cluster %q: %w", name, err)
	}
	return nil
}

func (m marks) remove(name string) error {
	if err := os.Remove(filepath.Join(m.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the mark of cluster %q: %w", name, err)
	}
	return nil
}

// names are those of the clusters that are marked.
func (m marks) names() ([]string, error) {
	entries, err := os.ReadDir(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the marks of clusters: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "_") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// others are the users beside us that are not gone, or cannot be told to be;
// why is what is to be said of the first of them.
func (m marks) others(x mark, all bool) (living []string, why string) {
	for _, u := range x.Users {
		if u == m.self {
			continue
		}
		if w := (owner.Leftover{Process: u}).ReasonToKeep(m.self, all); w != "" {
			living = append(living, u)
			if why == "" {
				why = w
			}
		}
	}
	return living, why
}
