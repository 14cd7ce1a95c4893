package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run"
)

// sendRules sends changed rules to a container.
func (n *node) sendRules(ctx context.Context, a control.SendRules) error {
	post := func(ctx context.Context, port int, path string, body []byte) error {
		return n.post(ctx, "http://"+n.podAddr(a.Pod.Pod).addr(port)+path, body)
	}
	return run.SendRules(ctx, n.plan, a, post, func() bool { return n.isRunning(a.Pod) })
}

// isRunning reports whether an instance has a process.
func (n *node) isRunning(i record.Instance) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.children[i] != nil
}

func (n *node) post(ctx context.Context, url string, body []byte) (err error) {
	dialer := &net.Dialer{LocalAddr: n.addresses.node().source()}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
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
