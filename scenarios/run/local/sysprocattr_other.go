//go:build !unix

package local

import "syscall"

// sysProcAttr leaves everything to the system. If the harness dies, the child
// notices by its pipe.
func sysProcAttr() *syscall.SysProcAttr { return nil }
