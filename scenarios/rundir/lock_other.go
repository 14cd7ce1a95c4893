//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lockFile takes the lock at path by creating it. Without flock, the lock of a
// dead process looks like that of a live one, and must be removed by hand.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w (if that process is dead, remove %s)", ErrInUse, path)
	}
	return f, err
}

// unlockFile releases a lock of [lockFile]: the system does not remove a file
// that is open.
func unlockFile(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }
