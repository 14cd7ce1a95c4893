// Package rundir defines the directory of a run: its files, its lock, and how it
// is written and read, even after a crash at any moment.
//
// A runtime creates the directory with [Create], writes events and requests to
// its files, and closes it. [Open] reads it for the reports. The package knows
// files and codecs; reports/ledger interprets them.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// Files and folders of a run directory.
const (
	ScenarioFile  = "scenario.yaml"
	ManifestsFile = "manifests.yaml"
	PlanFile      = "plan.json"
	MetaFile      = "meta.json"
	RequestsFile  = "requests.log" // with several generators, each writes requests-<name>.log
	EventsDir     = "events"
	SummaryFile   = "summary.json"
	PageFile      = "report.html"
	JUnitFile     = "junit.xml"
	MarkdownFile  = "summary.md"
	LockFile      = "lock"

	// Harness, Load and RegistryServer name the event files of the processes
	// that are not instances of the topology: events/harness.ndjson and so on.
	Harness        = "harness"
	Load           = record.LoadPod
	RegistryServer = "registry"

	localRuntime   = "local" // runs the embedded registry, which writes events
	requestsPrefix = "requests"
	requestsExt    = ".log"
	eventsExt      = ".ndjson"
)

// Schema is the format of meta.json.
const Schema = "zeroloss.meta/v1"

// Meta describes the origin of a run: its inputs, times and host.
type Meta struct {
	Schema     string   `json:"schema"` // [Schema]; filled in by WriteMeta
	Version    string   `json:"version"`
	Scenario   string   `json:"scenario"`
	Runtime    string   `json:"runtime"`
	Seed       uint64   `json:"seed"`
	Speed      float64  `json:"speed"`
	Started    string   `json:"started"`            // RFC 3339
	Finished   string   `json:"finished,omitempty"` // RFC 3339; empty: still running, or killed
	ZeroMicros int64    `json:"zeroMicros"`         // time zero; 0 if unknown
	Machine    Machine  `json:"machine"`
	Command    []string `json:"command,omitempty"`
}

// InCluster reports whether the run's pods were managed by a cluster's
// controllers and not by the simulated ones. It is true for attach, too.
func (m Meta) InCluster() bool { return m.Runtime != localRuntime }

// Machine describes the host of a run.
type Machine struct {
	OS, Arch, Go string
	CPUs         int
	MemoryMB     int64
	Kernel       string
}

// Errors for callers to branch on. All of them mean wrong input.
var (
	ErrNotFound     = errors.New("no such run directory")
	ErrNoRun        = errors.New("not a run directory")
	ErrTruncated    = errors.New("truncated")
	ErrOtherVersion = errors.New("written by another version of zeroloss")
	ErrInUse        = errors.New("in use by another run")
	ErrNotEmpty     = errors.New("not empty")
)

// Dir is a run directory that is being written. Its methods may be called from
// several goroutines, but not for the same file at the same time.
type Dir struct {
	path string
	lock *os.File
}

// Create creates and locks the run directory path. An existing directory must be
// empty, except for the lock of a process that no longer exists. The error wraps
// ErrNotEmpty, ErrInUse or an error of the file system.
func Create(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("creating run directory %q: %w", path, err)
	}
	if err := checkEmpty(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(path, LockFile))
	if err != nil {
		return nil, fmt.Errorf("locking run directory %q: %w", path, err)
	}
	d := &Dir{path: path, lock: lock}
	// Another run may have used the directory between the check and the lock.
	if err := errors.Join(checkEmpty(path), os.MkdirAll(d.Join(EventsDir), 0o755)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("creating run directory %q: %w", path, err)
	}
	for _, e := range entries {
		if e.Name() == LockFile {
			continue
		}
		if e.Name() == EventsDir {
			if inner, err := os.ReadDir(filepath.Join(path, EventsDir)); err == nil && len(inner) == 0 {
				continue
			}
		}
		return fmt.Errorf("creating run directory %q: %w: it has %s; choose another with --out", path, ErrNotEmpty, e.Name())
	}
	return nil
}

// Path returns the path of the directory.
func (d *Dir) Path() string { return d.path }

// Join returns the path of a file in the directory.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// EventsPath returns the path of an event file. name is the [EventsName] of an
// instance, or Harness, Load or RegistryServer.
func (d *Dir) EventsPath(name string) string {
	return filepath.Join(d.path, EventsDir, name+eventsExt)
}

// RequestsPath returns the path of a load generator's request log. process is ""
// if there is only one generator.
func (d *Dir) RequestsPath(process string) string {
	if process == "" {
		return d.Join(RequestsFile)
	}
	return d.Join(requestsPrefix + "-" + process + requestsExt)
}

// CreateEvents opens the event file of name for appending, for a child process
// or a record.EventWriter. The caller closes it.
func (d *Dir) CreateEvents(name string) (*os.File, error) {
	f, err := os.OpenFile(d.EventsPath(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening events of %q: %w", name, err)
	}
	return f, nil
}

// EventsName returns the name of an instance's event file: "pod.incarnation".
func EventsName(i record.Instance) string { return fmt.Sprintf("%s.%d", i.Pod, i.Incarnation) }

// WriteMeta writes meta.json. It may be called again with more facts.
func (d *Dir) WriteMeta(m Meta) error {
	m.Schema = Schema
	return d.writeJSON(MetaFile, m)
}

// WritePlan writes plan.json.
func (d *Dir) WritePlan(p *plan.Plan) error { return d.writeJSON(PlanFile, p) }

func (d *Dir) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encoding %q: %w", name, err)
	}
	return d.WriteFile(name, append(b, '\n'))
}

// WriteFile replaces the file name in the directory atomically.
func (d *Dir) WriteFile(name string, b []byte) error { return WriteFile(d.Join(name), b) }

// WriteFile replaces the file at path atomically: a reader sees either the old
// content or all of b.
func WriteFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Close releases the lock. The directory stays.
func (d *Dir) Close() error {
	if d.lock == nil {
		return nil
	}
	err := unlockFile(d.lock)
	d.lock = nil
	if err != nil {
		return fmt.Errorf("unlocking run directory %q: %w", d.path, err)
	}
	return nil
}

// Latest makes "latest", in the parent of dir, a symbolic link to dir. It replaces
// an existing link, but no other file.
func Latest(dir string) error {
	link := filepath.Join(filepath.Dir(dir), "latest")
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("linking %q: it exists and is not a symbolic link; remove it", link)
	}
	next := fmt.Sprintf("%s.%d", link, os.Getpid())
	if err := os.Symlink(filepath.Base(dir), next); err != nil {
		return fmt.Errorf("linking %q: %w", link, err)
	}
	if err := os.Rename(next, link); err != nil {
		return fmt.Errorf("linking %q: %w", link, errors.Join(err, os.Remove(next)))
	}
	return nil
}
