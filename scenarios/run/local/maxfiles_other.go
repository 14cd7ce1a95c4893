//go:build !unix

package local

// maxOpenFiles is the limit of open files of this process; 0: unknown.
func maxOpenFiles() uint64 { return 0 }
