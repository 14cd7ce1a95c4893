// Package rundir is the directory of one run: what lies where in it, who may
// write there, and how it is read again, also after a crash at any moment.
//
// A runtime makes one with [Create], writes events and requests into the
// files it hands out, and closes it; [Open] reads it back for the reports. It
// knows files and codecs; what the run showed is for reports/ledger to say.
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

// What lies in a run directory.
const (
	ScenarioFile  = "scenario.yaml"
	ManifestsFile = "manifests.yaml"
	PlanFile      = "plan.json"
	MetaFile      = "meta.json"
	RequestsFile  = "requests.log" // one of several generators writes requests-<name>.log
	EventsDir     = "events"
	SummaryFile   = "summary.json"
	PageFile      = "report.html"
	JUnitFile     = "junit.xml"
	MarkdownFile  = "summary.md"
	LockFile      = "lock"

	// Harness, Load and RegistryServer name the events files of those that
	// are no instance of the topology: events/harness.ndjson and so on.
	Harness        = "harness"
	Load           = record.LoadPod
	RegistryServer = "registry"

	localRuntime   = "local" // where the registry is a process of ours
	requestsPrefix = "requests"
	requestsExt    = ".log"
	eventsExt      = ".ndjson"
)

// Schema is the format of meta.json.
const Schema = "zeroloss.meta/v1"

// Meta is where the run came from.
type Meta struct {
	Schema     string   `json:"schema"` // [Schema]; filled in by WriteMeta
	Version    string   `json:"version"`
	Scenario   string   `json:"scenario"`
	Runtime    string   `json:"runtime"`
	Seed       uint64   `json:"seed"`
	Speed      float64  `json:"speed"`
	Started    string   `json:"started"`            // RFC 3339
	Finished   string   `json:"finished,omitempty"` // RFC 3339; empty: it has not, or was killed
	ZeroMicros int64    `json:"zeroMicros"`         // time zero; 0 until it is known
	Machine    Machine  `json:"machine"`
	Command    []string `json:"command,omitempty"`
}

// InCluster reports whether a cluster's own controllers decided about the run's
// pods, and not ours: on a target, too.
func (m Meta) InCluster() bool { return m.Runtime != localRuntime }

// Machine is what the run ran on.
type Machine struct {
	OS, Arch, Go string
	CPUs         int
	MemoryMB     int64
	Kernel       string
}

// Sentinels that a caller branches on; all are bad input, none is a crash.
var (
	ErrNotFound     = errors.New("no such run directory")
	ErrNoRun        = errors.New("not a run directory")
	ErrTruncated    = errors.New("truncated")
	ErrOtherVersion = errors.New("written by another version of zeroloss")
	ErrInUse        = errors.New("in use by another run")
	ErrNotEmpty     = errors.New("not empty")
)

// Dir is a run directory that is being written. Its methods may be called
// from several goroutines, each file by one at a time.
type Dir struct {
	path string
	lock *os.File
}

// Create makes path, or takes it if it is empty or holds but the lock of a
// process that is gone, and locks it. Errors are ErrNotEmpty, ErrInUse, or the
// system's.
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
	// Another run may have come and gone between the look and the lock.
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

// Path is the directory itself.
func (d *Dir) Path() string { return d.path }

// Join is the path of a file in it.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// EventsPath is where name's events go: an instance's [EventsName], or
// Harness, Load, RegistryServer.
func (d *Dir) EventsPath(name string) string {
	return filepath.Join(d.path, EventsDir, name+eventsExt)
}

// RequestsPath is where a load process writes; "" is the only one.
func (d *Dir) RequestsPath(process string) string {
	if process == "" {
		return d.Join(RequestsFile)
	}
	return d.Join(requestsPrefix + "-" + process + requestsExt)
}

// CreateEvents opens name's events file for appending, to be inherited by a
// child or given to a record.EventWriter. The caller closes it.
func (d *Dir) CreateEvents(name string) (*os.File, error) {
	f, err := os.OpenFile(d.EventsPath(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening events of %q: %w", name, err)
	}
	return f, nil
}

// EventsName is the name of an instance's events file: "pod.incarnation".
func EventsName(i record.Instance) string { return fmt.Sprintf("%s.%d", i.Pod, i.Incarnation) }

// WriteMeta writes meta.json; it may be called again as more is known.
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

// WriteFile writes a whole file: a reader sees the old one or the new one,
// never a part.
func (d *Dir) WriteFile(name string, b []byte) error { return WriteFile(d.Join(name), b) }

// WriteFile replaces the file at path by b in one step.
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

// Latest points the link "latest" beside dir to dir. It replaces an older
// link, and nothing that is not a link.
func Latest(dir string) error {
	link := filepath.Join(filepath.Dir(dir), "latest")
	if fi, err := os.Lstat(link); err == nil && fi.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("linking %q: it exists and is no link; remove it", link)
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
