package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"zeroloss/scenarios/run"
)

// childSpec describes a process to start.
type childSpec struct {
	name   string
	args   []string
	env    []string
	dir    string
	events *os.File              // inherited as eventsFD; closed by start
	log    *os.File              // standard output and error; closed by start
	pipes  func(*exec.Cmd) error // opens pipes to the process; may be nil
	read   func()                // reads those pipes to their end; may be nil
}

// child is a process of the run.
type child struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has exited and was waited for
	err  error         // of Wait; read after done
}

// signal sends s. A child that has exited already is no error.
func (c *child) signal(s syscall.Signal) error {
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %v to %s: %w", s, c.name, err)
	}
	return nil
}

// status is the exit code as a shell reports it (128 + signal), and in words.
// It is known once the child has exited.
func (c *child) status() (int, string) {
	st := c.cmd.ProcessState
	if st == nil {
		return -1, fmt.Sprint(c.err)
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), "signal " + ws.Signal().String()
	}
	return st.ExitCode(), st.String()
}

// stopTimeout is the time that the load generator and the registry have to write
// their last events, once told to stop.
const stopTimeout = 1500 * time.Millisecond

// stop interrupts a child, and kills it if it has not exited after stopTimeout.
func (c *child) stop() error {
	if err := c.signal(syscall.SIGINT); err != nil {
		return err
	}
	t := time.NewTimer(stopTimeout)
	defer t.Stop()
	select {
	case <-c.done:
		return nil
	case <-t.C:
	}
	if err := c.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-c.done
	return fmt.Errorf("%w: %s did not exit within %v of SIGINT and was killed", run.ErrEnvironment, c.name, stopTimeout)
}
