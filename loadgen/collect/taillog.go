package collect

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// appendLog is a file that is written and read at the same time. Over HTTP,
// GET ?from=N returns its content from byte N on, and what is appended
// meanwhile, until the log is finished.
type appendLog struct {
	file *os.File

	mu      sync.Mutex
	length  int64
	done    bool
	changed chan struct{} // closed and replaced at each change
}

var errFinished = errors.New("the log is finished")

func newAppendLog(path string) (*appendLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("creating a log: %w", err)
	}
	return &appendLog{file: f, changed: make(chan struct{})}, nil
}

// Write appends b. Readers see all of it or nothing.
func (g *appendLog) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done {
		return 0, errFinished
	}
	if _, err := g.file.WriteAt(b, g.length); err != nil {
		return 0, fmt.Errorf("writing a log: %w", err)
	}
	g.length += int64(len(b))
	g.notify()
	return len(b), nil
}

func (g *appendLog) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// finish marks the log as complete.
func (g *appendLog) finish() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.done {
		g.done = true
		g.notify()
	}
	return nil
}

func (g *appendLog) close() error { return errors.Join(g.finish(), g.file.Close()) }

func (g *appendLog) size() LogSize {
	g.mu.Lock()
	defer g.mu.Unlock()
	return LogSize{Bytes: g.length, Closed: g.done}
}

func (g *appendLog) snapshot() (n int64, done bool, more <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.length, g.done, g.changed
}

// ServeHTTP implements http.Handler.
func (g *appendLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if n, _, _ := g.snapshot(); err != nil || from < 0 || from > n {
		http.Error(w, fmt.Sprintf("from=%q is not a position in the log", r.URL.Query().Get("from")), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := http.NewResponseController(w)
	_ = out.Flush() // sends the headers at once; an error shows in the first write
	for {
		n, done, more := g.snapshot()
		if n > from {
			if _, err := io.Copy(w, io.NewSectionReader(g.file, from, n-from)); err != nil {
				return // the client has gone, and will connect again
			}
			from = n
			if out.Flush() != nil {
				return
			}
			continue
		}
		if done {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// lines writes a name before each line.
type lines struct {
	to   io.Writer
	name string
}

func (l lines) Write(line []byte) (int, error) {
	if _, err := l.to.Write(append([]byte(l.name+" "), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
