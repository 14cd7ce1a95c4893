package kube

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// marks say which of kind's clusters are ours: a file a cluster, in a
// directory of the user's, made before the cluster and removed after it. It
// holds the process that made it.
type marks struct{ dir string }

// userMarks are those of this user.
func userMarks() (marks, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return marks{}, fmt.Errorf("finding where clusters are marked: %w", err)
	}
	return marks{filepath.Join(dir, "zeroloss", "clusters")}, nil
}

func (m marks) set(name string) error {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return fmt.Errorf("marking cluster %q: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
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

// mark is a cluster that is ours.
type mark struct {
	name string
	pid  int // of the process that made it; 0: unreadable
}

func (m marks) all() ([]mark, error) {
	entries, err := os.ReadDir(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the marks of clusters: %w", err)
	}
	var out []mark
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the mark of cluster %q: %w", e.Name(), err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			pid = 0 // torn: its writer was killed, so it is not there any more
		}
		out = append(out, mark{e.Name(), pid})
	}
	return out, nil
}
