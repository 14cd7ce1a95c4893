package local

import (
	"net"
	"strconv"
)

// podAddr is where a pod, the registry or the node listens: an IP address of
// its own or, if the system has only one, ports of its own.
type podAddr struct {
	ip     string
	mapped map[int]int // container port to actual port; nil: they are the same
}

// port is the actual port of a container port.
func (p podAddr) port(n int) int {
	if m, ok := p.mapped[n]; ok {
		return m
	}
	return n
}

// join is the address of a container port, as net.Dial takes it.
func (p podAddr) join(n int) string { return net.JoinHostPort(p.ip, strconv.Itoa(p.port(n))) }

// source is the local address of outgoing connections; nil: the system chooses.
func (p podAddr) source() net.Addr {
	if p.mapped != nil {
		return nil
	}
	return &net.TCPAddr{IP: net.ParseIP(p.ip)}
}
