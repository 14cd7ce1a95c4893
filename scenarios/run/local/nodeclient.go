package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"zeroloss/scenarios/control"
)

// nodeClient connects to pods from the node's address, as the kubelet does.
type nodeClient struct {
	addresses *addressPool
	pods      *podTable
}

func (c *nodeClient) dialer() *net.Dialer { return &net.Dialer{LocalAddr: c.addresses.node().source()} }

// client uses a new connection for each request, and follows no redirect.
func (c *nodeClient) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DialContext: c.dialer().DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialTCP opens a connection to a port of a pod, and closes it.
func (c *nodeClient) dialTCP(ctx context.Context, pod string, port int) error {
	conn, err := c.dialer().DialContext(ctx, "tcp", c.pods.addr(pod).join(port))
	if err != nil {
		return err
	}
	return conn.Close()
}

// get sends an httpGet of a hook or probe: to the pod's own address, unless the
// host is another one. As for the kubelet, 2xx and 3xx are a success.
func (c *nodeClient) get(ctx context.Context, pod string, g *control.HTTPGet) error {
	addr := c.pods.addr(pod).join(g.Port)
	if g.Host != "" && g.Host != "localhost" {
		addr = net.JoinHostPort(g.Host, strconv.Itoa(g.Port))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/"+strings.TrimPrefix(g.Path, "/"), nil)
	if err != nil {
		return fmt.Errorf("requesting %s: %w", addr, err)
	}
	req.Header.Set("User-Agent", "kube-probe/zeroloss")
	resp, err := c.client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("%s answered %s", req.URL, resp.Status)
	}
	return nil
}

// post sends a body to a port of a pod. Only 200 is a success.
func (c *nodeClient) post(ctx context.Context, pod string, port int, path string, body []byte) (err error) {
	url := "http://" + c.pods.addr(pod).join(port) + path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.client().Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", url, resp.Status, bytes.TrimSpace(text))
	}
	return err
}
