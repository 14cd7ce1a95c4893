package local

import "syscall"

// attributes: a group of its own, so that a terminal's Ctrl-C reaches the
// harness alone, and death with the harness.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
