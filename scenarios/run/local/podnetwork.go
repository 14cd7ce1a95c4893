package local

import (
	"context"
	"net"
	"net/http"
	"strconv"
)

// newPodTransport sends requests from a pod: 127.0.0.1 and localhost are the pod
// itself, and resolve looks up other hosts. Hosts outside the run do not exist.
func newPodTransport(p podAddr, resolve func(host string, port int) (string, bool)) *http.Transport {
	dialer := &net.Dialer{LocalAddr: p.source()}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, text, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				return nil, err
			}
			to, ok := resolve(host, port)
			if host == "localhost" || host == "127.0.0.1" || host == "::1" || host == p.ip {
				to, ok = p.join(port), true
			}
			if !ok {
				return nil, &net.DNSError{Err: "no such host in this cluster", Name: host, IsNotFound: true}
			}
			return dialer.DialContext(ctx, network, to)
		},
	}
}
