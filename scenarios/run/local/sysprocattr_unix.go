//go:build unix && !linux

package local

import "syscall"

// attributes: a group of its own, so that a terminal's Ctrl-C reaches the
// harness alone. That the harness died, the children learn from their pipe.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
