package local

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"

	"zeroloss/scenarios/run"
)

// podAddr is where something listens: an address of its own, or, where the
// system has but one, ports of its own.
type podAddr struct {
	ip     string
	mapped map[int]int // nil: ports are what they are called
}

// port is the port that n, as manifests and settings call it, is found at.
func (p podAddr) port(n int) int {
	if m, ok := p.mapped[n]; ok {
		return m
	}
	return n
}

func (p podAddr) addr(n int) string { return net.JoinHostPort(p.ip, strconv.Itoa(p.port(n))) }

// source is the address to call others from; nil leaves it to the system.
func (p podAddr) source() net.Addr {
	if p.mapped != nil {
		return nil
	}
	return &net.TCPAddr{IP: net.ParseIP(p.ip)}
}

// addressPool gives out places, none of them twice.
type addressPool struct {
	claim     net.Listener // keeps a second run out of the same network
	octet     int          // of 127.octet/16; 0: the system has but 127.0.0.1
	mu        sync.Mutex
	next      int
	allocated map[string]podAddr // by owner
}

const (
	firstOctet, lastOctet = 16, 239
	claimPort             = 28079 // of no service of ours
	nodeHost              = 1     // 127.x.0.1 is the node
	firstHost             = 2
	hostsPerOctet         = 250
)

// newAddressPool takes a free network of 127/8, beginning its search at one that
// depends on salt.
func newAddressPool(salt uint64) (*addressPool, error) {
	a := &addressPool{next: firstHost, allocated: map[string]podAddr{}}
	const span = lastOctet - firstOctet + 1
	for i := range uint64(span) {
		octet := firstOctet + int((salt+i)%span)
		l, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.%d:%d", octet, nodeHost, claimPort))
		switch {
		case err == nil:
			a.claim, a.octet = l, octet
			return a, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return a, nil // no such addresses here
		}
	}
	return nil, fmt.Errorf("%w: port %d is taken on all loopback networks; the local cluster asked for it to claim one; end what listens on it", run.ErrEnvironment, claimPort)
}

func (a *addressPool) close() error {
	if a.claim == nil {
		return nil
	}
	return a.claim.Close()
}

func (a *addressPool) singleAddress() bool { return a.octet == 0 }

// node is the place that kubelet calls from.
func (a *addressPool) node() podAddr {
	if a.singleAddress() {
		return podAddr{ip: "127.0.0.1", mapped: map[int]int{}}
	}
	return podAddr{ip: fmt.Sprintf("127.%d.0.%d", a.octet, nodeHost)}
}

// allocate is owner's place, a new one the first time. ports are those it will
// listen on.
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
			return p, fmt.Errorf("%w: all addresses of 127.%d/16 are used up; %s asked for one", run.ErrEnvironment, a.octet, owner)
		}
		p = podAddr{ip: fmt.Sprintf("127.%d.%d.%d", a.octet, a.next/hostsPerOctet, a.next%hostsPerOctet+1)}
		a.next++
	}
	a.allocated[owner] = p
	return p, nil
}

// mapPorts finds a free port for each of ports. All are held until the last is
// found, so that they differ.
func mapPorts(into map[int]int, ports []int) error {
	for _, n := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		into[n] = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// checkPortsFree says whether ports can be listened on at p; if not, the error names the
// port and who asked for it.
func checkPortsFree(p podAddr, owner string, ports ...int) error {
	for _, n := range ports {
		l, err := net.Listen("tcp", p.addr(n))
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("%w: port %d is already taken; %s asked for it at %s; end what listens there (ss -ltnp 'sport = :%d' names it)",
				run.ErrEnvironment, p.port(n), owner, p.addr(n), p.port(n))
		case err != nil:
			return fmt.Errorf("%w: %s cannot listen on %s: %w", run.ErrEnvironment, owner, p.addr(n), err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("%w: closing the trial listener of %s: %w", run.ErrEnvironment, owner, err)
		}
	}
	return nil
}
