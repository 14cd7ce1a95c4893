package local

import "syscall"

// sysProcAttr has a child in a process group of its own, so that the terminal's
// Ctrl-C reaches the harness alone, and killed when the harness dies.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
