package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"zeroloss/scenarios/run"
)

// The descriptors that a child inherits beside the standard ones.
const (
	eventsFD = 3 // its events file, opened for appending
	parentFD = 4 // a pipe whose end means that the harness is gone
)

// supervisor starts children, none of which outlives the harness: each holds the
// read end of a pipe that closes with the harness, and on Linux the kernel kills
// it as well.
type supervisor struct {
	executable string
	env        []string // for every child
	read       *os.File
	write      *os.File
	jobs       chan func()
	idle       sync.WaitGroup

	mu  sync.Mutex
	all map[*child]bool // those that live
}

func newSupervisor(executable string, env []string) (*supervisor, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%w: opening the children's pipe: %w", run.ErrEnvironment, err)
	}
	n := &supervisor{executable: executable, env: env, read: r, write: w, jobs: make(chan func()), all: map[*child]bool{}}
	n.idle.Go(n.startChildren)
	return n, nil
}

// startChildren starts all children from one thread, which stays: the kernel's signal
// comes when the parent thread ends, not when the process does.
func (n *supervisor) startChildren() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for job := range n.jobs {
		job()
	}
}

// start starts a child. exited, if not nil, is called once when it has gone,
// before child.done is closed.
func (n *supervisor) start(o childSpec, exited func(*child)) (*child, error) {
	defer o.events.Close()
	defer o.log.Close()
	c := &child{name: o.name, done: make(chan struct{})}
	c.cmd = exec.Command(n.executable, o.args...) //nolint:gosec,noctx // this program; its owner ends it
	c.cmd.Env = append(append([]string{}, n.env...), o.env...)
	c.cmd.Dir = o.dir
	c.cmd.Stdout, c.cmd.Stderr = o.log, o.log
	c.cmd.ExtraFiles = []*os.File{o.events, n.read}
	c.cmd.SysProcAttr = sysProcAttr()
	if o.pipes != nil {
		if err := o.pipes(c.cmd); err != nil {
			return nil, fmt.Errorf("preparing %s: %w", o.name, err)
		}
	}
	if err := n.fork(c); err != nil {
		return nil, fmt.Errorf("starting %s: %w", o.name, err)
	}
	go n.wait(c, o.read, exited)
	return c, nil
}

func (n *supervisor) wait(c *child, read func(), exited func(*child)) {
	if read != nil {
		read() // Wait would close the pipe under the reader
	}
	c.err = c.cmd.Wait()
	n.mu.Lock()
	delete(n.all, c)
	n.mu.Unlock()
	if exited != nil {
		exited(c)
	}
	close(c.done)
}

func (n *supervisor) fork(c *child) error {
	result := make(chan error, 1)
	n.jobs <- func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		err := c.cmd.Start()
		if err == nil {
			n.all[c] = true
		}
		result <- err
	}
	return <-result
}

// close kills what is left and waits for it.
func (n *supervisor) close() error {
	n.mu.Lock()
	var left []*child
	for c := range n.all {
		left = append(left, c)
	}
	n.mu.Unlock()
	var err error
	for _, c := range left {
		err = errors.Join(err, c.signal(syscall.SIGKILL))
	}
	for _, c := range left {
		<-c.done
	}
	close(n.jobs)
	n.idle.Wait()
	return errors.Join(err, n.write.Close(), n.read.Close())
}
