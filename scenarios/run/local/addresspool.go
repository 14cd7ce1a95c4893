package local

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"zeroloss/scenarios/run"
)

// addressPool allocates addresses of the loopback network; none is used twice.
type addressPool struct {
	claim net.Listener // keeps other runs out of the same network
	octet int          // of 127.octet/16; 0: the system has only 127.0.0.1

	mu        sync.Mutex
	next      int
	allocated map[string]podAddr // by owner
}

const (
	firstOctet, lastOctet = 16, 239
	claimPort             = 28079 // no service listens on it
	nodeHost              = 1     // 127.x.0.1 is the node
	firstHost             = 2
	hostsPerOctet         = 250
)

// newAddressPool claims a free network of 127/8. salt decides where the search
// begins.
func newAddressPool(salt uint64) (*addressPool, error) {
	a := &addressPool{next: firstHost, allocated: map[string]podAddr{}}
	const span = lastOctet - firstOctet + 1
	for i := range uint64(span) {
		octet := firstOctet + int((salt+i)%span)
		l, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.%d:%d", octet, nodeHost, claimPort)) //nolint:noctx // a loopback address: there is nothing to wait for
		switch {
		case err == nil:
			a.claim, a.octet = l, octet
			return a, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return a, nil // the system has no such addresses
		}
	}
	return nil, fmt.Errorf("%w: port %d, which a run listens on to claim a loopback network, is taken on all of them; end what listens on it", run.ErrEnvironment, claimPort)
}

func (a *addressPool) close() error {
	if a.claim == nil {
		return nil
	}
	return a.claim.Close()
}

func (a *addressPool) singleAddress() bool { return a.octet == 0 }

// node is the address of the node, from which the kubelet connects.
func (a *addressPool) node() podAddr {
	if a.singleAddress() {
		return podAddr{ip: "127.0.0.1", mapped: map[int]int{}}
	}
	return podAddr{ip: fmt.Sprintf("127.%d.0.%d", a.octet, nodeHost)}
}

// allocate returns the owner's address, a new one on the first call. ports are
// those that the owner listens on.
func (a *addressPool) allocate(owner string, ports ...int) (podAddr, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, ok := a.allocated[owner]; ok {
		return p, nil
	}
	p := podAddr{ip: "127.0.0.1", mapped: map[int]int{}}
	if a.singleAddress() {
		if err := mapPorts(p.mapped, ports); err != nil {
			return p, fmt.Errorf("finding ports for %s: %w", owner, err)
		}
	} else {
		if a.next/hostsPerOctet > 255 {
			return p, fmt.Errorf("%w: no address of 127.%d/16 is left for %s", run.ErrEnvironment, a.octet, owner)
		}
		p = podAddr{ip: fmt.Sprintf("127.%d.%d.%d", a.octet, a.next/hostsPerOctet, a.next%hostsPerOctet+1)}
		a.next++
	}
	a.allocated[owner] = p
	return p, nil
}

// mapPorts finds a free port for each of ports. It holds all until it has found
// the last, so that they differ.
func mapPorts(into map[int]int, ports []int) error {
	for _, n := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a loopback address: there is nothing to wait for
		if err != nil {
			return err
		}
		defer l.Close()
		into[n] = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// checkPortsFree returns an error that names the port and its owner if one of
// the ports cannot be listened on.
func checkPortsFree(p podAddr, owner string, ports ...int) error {
	for _, n := range ports {
		l, err := net.Listen("tcp", p.join(n)) //nolint:noctx // a loopback address: there is nothing to wait for
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("%w: port %d is in use; %s needs it at %s; stop the process that listens there (ss -ltnp 'sport = :%d' shows it)",
				run.ErrEnvironment, p.port(n), owner, p.join(n), p.port(n))
		case err != nil:
			return fmt.Errorf("%w: %s cannot listen on %s: %w", run.ErrEnvironment, owner, p.join(n), err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("%w: closing the test listener of %s: %w", run.ErrEnvironment, owner, err)
		}
	}
	return nil
}
