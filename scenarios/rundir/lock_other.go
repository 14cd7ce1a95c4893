//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// acquire takes the lock at path by making it: without flock a lock of a dead
// process cannot be told from a live one's and has to be removed by hand.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w (if that one is dead, remove %s)", ErrInUse, path)
	}
	return f, err
}

// Hold takes the lock at path, which guards something other than a run
// directory, for a moment. ErrInUse is that another process has it, or had it
// when it died.
func Hold(path string) (release func() error, err error) {
	f, err := acquire(path)
	if err != nil {
		return nil, err
	}
	return func() error { return errors.Join(os.Remove(path), f.Close()) }, nil
}
