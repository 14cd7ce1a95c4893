package faultserver

import (
	"errors"
	"fmt"
	"syscall"
)

// LoseFirst loses the first k eligible arrivals with fault f. It never loses the
// repetition of a lost delivery.
func LoseFirst(k int, f Fault, eligible func(Arrival) bool) func(Arrival) Fault {
	return func(a Arrival) Fault {
		if k == 0 || a.Delivery > 1 || !eligible(a) {
			return None
		}
		k--
		return f
	}
}

// RefusingAddr returns an address of 127.0.0.1 that refuses every dial. Its
// socket is bound but does not listen, so that no other process can take the
// address until release is called.
func RefusingAddr() (addr string, release func() error, err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return "", nil, fmt.Errorf("creating a refusing address: %w", err)
	}
	release = func() error { return syscall.Close(fd) }
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		var name syscall.Sockaddr
		if name, err = syscall.Getsockname(fd); err == nil {
			return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), release, nil
		}
	}
	err = errors.Join(err, release())
	return "", nil, fmt.Errorf("creating a refusing address: %w", err)
}
