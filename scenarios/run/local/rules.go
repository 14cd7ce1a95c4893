package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

const (
	rulesRetryInterval = 100 * time.Millisecond // between attempts: a container that has just started does not listen yet
	rulesTimeout       = 9 * time.Second        // all attempts: less than the control plane waits
)

// sendRules tells a container changed rules, again and again until it has
// acknowledged them.
func (n *node) sendRules(ctx context.Context, a control.SendRules) error {
	w := n.workload(a.Workload)
	o, ok := n.plan.OnlineUnder(a.Workload, a.Version)
	if w == nil || !ok {
		return fmt.Errorf("rules of version %d are not in the plan", a.Version)
	}
	rules := settings.Rules{Schema: settings.RulesSchema, Version: a.Version, Warmup: o.Warmup}
	url := "http://" + n.podAddr(a.Pod.Pod).addr(w.Settings.AdminPort) + settings.RulesPath
	ctx, stop := context.WithTimeout(ctx, rulesTimeout)
	defer stop()
	for {
		err := n.post(ctx, url, rules.JSON())
		if err == nil {
			return nil
		}
		if sleep(ctx, rulesRetryInterval) != nil || !n.isRunning(a.Pod) {
			return fmt.Errorf("telling %s the rules of version %d: %w", a.Pod, a.Version, err)
		}
	}
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
