package service

import (
	"context"
	"io"
	"strconv"
)

// exitWithParent ends the service when the parent process exits: then the pipe
// that the parent left open ends, however the parent dies. Descriptor 0 or less
// is no parent.
func exitWithParent(fd int, quit context.CancelCauseFunc) error {
	if fd <= 0 {
		return nil
	}
	f, err := openFD(strconv.Itoa(fd), "the parent's pipe")
	if err != nil {
		return err
	}
	go func() {
		defer f.Close()
		// Whatever ends the reading, the parent has gone.
		_, _ = io.Copy(io.Discard, f)
		quit(ErrParentExited)
	}()
	return nil
}
