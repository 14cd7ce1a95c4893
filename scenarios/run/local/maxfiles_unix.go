//go:build unix

package local

import "syscall"

// maxOpenFiles is the limit of open files of this process; 0: unknown.
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur)
}
