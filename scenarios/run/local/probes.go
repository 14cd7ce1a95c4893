package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/hook"
)

// runHook runs a preStop handler until it ends or ctx is done.
func (n *node) runHook(ctx context.Context, a control.RunHook) error {
	switch h := a.Hook; {
	case h == nil:
		return errors.New("the hook is empty")
	case len(h.Exec) > 0:
		return n.shell(a.PodAction).Run(ctx, h.Exec)
	case h.HTTPGet != nil:
		return n.httpGet(ctx, a.PodAction, h.HTTPGet)
	default:
		return ctxtime.Sleep(ctx, h.Sleep)
	}
}

// shell is the pod's.
func (n *node) shell(a control.PodAction) *hook.Shell {
	p := n.podAddr(a.Pod.Pod)
	env := []string{"HOME=/", "PATH=/usr/bin:/bin", "HOSTNAME=" + a.Pod.Pod}
	if w := n.workload(a.Workload); w != nil {
		for k, v := range w.Env {
			env = append(env, k+"="+v)
		}
	}
	return &hook.Shell{Root: n.podRoot(a.Pod.Pod), Env: env, Speed: n.plan.Speed, Transport: newTransport(p, n.resolve)}
}

// defaultProbeTimeout is Kubernetes'.
const defaultProbeTimeout = time.Second

// runProbe asks once; nil means success.
func (n *node) runProbe(ctx context.Context, a control.RunProbe) error {
	pr := a.Probe
	if pr == nil {
		return errors.New("the probe is empty")
	}
	timeout := pr.Timeout
	if timeout <= 0 {
		timeout = defaultProbeTimeout
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	switch {
	case len(pr.Exec) > 0:
		return n.shell(a.PodAction).Run(ctx, pr.Exec)
	case pr.HTTPGet != nil:
		return n.httpGet(ctx, a.PodAction, pr.HTTPGet)
	default:
		return n.dialTCP(ctx, n.podAddr(a.Pod.Pod).addr(pr.TCPPort))
	}
}

// dialTCP opens a connection and closes it, from the node's address.
func (n *node) dialTCP(ctx context.Context, addr string) error {
	d := net.Dialer{LocalAddr: n.addresses.node().source()}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}

// httpGet is kubelet's: it comes from the node, to the pod's own address unless a
// host is given, and 2xx and 3xx are success.
func (n *node) httpGet(ctx context.Context, a control.PodAction, g *control.HTTPGet) error {
	p := n.podAddr(a.Pod.Pod)
	addr := p.addr(g.Port)
	if g.Host != "" && g.Host != "localhost" {
		addr = net.JoinHostPort(g.Host, strconv.Itoa(g.Port))
	}
	dialer := &net.Dialer{LocalAddr: n.addresses.node().source()}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/"+trimSlash(g.Path), nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", addr, err)
	}
	req.Header.Set("User-Agent", "kube-probe/zeroloss")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode >= 400 {
		return fmt.Errorf("%s answered %s", req.URL, resp.Status)
	}
	return nil
}

func trimSlash(p string) string {
	if p != "" && p[0] == '/' {
		return p[1:]
	}
	return p
}
