package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
)

// peerClient makes the few HTTP calls that are not part of a request's path:
// notices to consumers, and the probe of our own health.
type peerClient struct{ http http.Client }

// peerTimeout bounds a whole call.
const peerTimeout = time.Second

func newPeerClient(d settings.Document) *peerClient {
	dialer := &net.Dialer{Timeout: settings.DefaultDialTimeout, LocalAddr: localAddr(d.IP)}
	return &peerClient{http.Client{
		Timeout:   peerTimeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
	}}
}

// notify tells the consumer with the admin address peer that we are closing.
func (c *peerClient) notify(ctx context.Context, peer string, self lossless.Identity) error {
	if err := c.do(ctx, http.MethodPost, "http://"+peer+lossless.NotifyPath, self.String()); err != nil {
		return fmt.Errorf("notifying %s: %w", peer, err)
	}
	return nil
}

// probe gets a health path. It returns nil if the answer is 2xx.
func (c *peerClient) probe(ctx context.Context, hostPort, path string) error {
	return c.do(ctx, http.MethodGet, "http://"+hostPort+path, "")
}

// do makes a call. It returns nil if the answer is 2xx.
func (c *peerClient) do(ctx context.Context, method, url, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", req.URL, resp.Status)
	}
	return err
}

func (c *peerClient) close() { c.http.CloseIdleConnections() }
