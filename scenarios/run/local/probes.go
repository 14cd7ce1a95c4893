package local

import (
	"context"
	"errors"
	"time"

	"zeroloss/scenarios/control"
)

// probes runs the probes of containers.
type probes struct {
	shells *shells
	http   *nodeClient
}

// defaultProbeTimeout is that of Kubernetes.
const defaultProbeTimeout = time.Second

// run runs a probe once; nil is a success.
func (p *probes) run(ctx context.Context, a control.RunProbe) error {
	probe := a.Probe
	if probe == nil {
		return errors.New("the probe is empty")
	}
	timeout := probe.Timeout
	if timeout <= 0 {
		timeout = defaultProbeTimeout
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	switch {
	case len(probe.Exec) > 0:
		return p.shells.of(a.PodAction).Run(ctx, probe.Exec)
	case probe.HTTPGet != nil:
		return p.http.get(ctx, a.Pod.Pod, probe.HTTPGet)
	default:
		return p.http.dialTCP(ctx, a.Pod.Pod, probe.TCPPort)
	}
}
