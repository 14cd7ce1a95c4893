//go:build unix && !linux

package local

import "syscall"

// sysProcAttr has a child in a process group of its own, so that the terminal's
// Ctrl-C reaches the harness alone. If the harness dies, the child notices by its
// pipe.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
