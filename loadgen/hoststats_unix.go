//go:build unix

package loadgen

import (
	"syscall"
	"time"
)

// processCPU is the CPU time of this process; nil: unknown.
func processCPU() *time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return nil
	}
	d := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	return &d
}

// maxOpenFiles is the limit of open files of this process; nil: unknown.
func maxOpenFiles() *uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return nil
	}
	n := uint64(limit.Cur)
	return &n
}
