package local

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/hook"
	"zeroloss/scenarios/plan"
)

// hooks runs preStop hooks.
type hooks struct {
	shells *shells
	http   *nodeClient

	mu      sync.Mutex
	cancels map[record.Instance]context.CancelFunc // of those that run
}

// prepare returns a function that runs a hook until it ends, ctx is done or
// cancel is called.
func (h *hooks) prepare(ctx context.Context, a control.RunHook) func() error {
	ctx, stop := context.WithCancel(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cancels[a.Pod] = stop
	return func() error {
		defer h.cancel(a.Pod)
		return h.run(ctx, a)
	}
}

func (h *hooks) run(ctx context.Context, a control.RunHook) error {
	switch hook := a.Hook; {
	case hook == nil:
		return errors.New("the hook is empty")
	case len(hook.Exec) > 0:
		return h.shells.of(a.PodAction).Run(ctx, hook.Exec)
	case hook.HTTPGet != nil:
		return h.http.get(ctx, a.Pod.Pod, hook.HTTPGet)
	default:
		return ctxtime.Sleep(ctx, hook.Sleep)
	}
}

// cancel ends the hook of an instance, if one runs.
func (h *hooks) cancel(i record.Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if stop := h.cancels[i]; stop != nil {
		stop()
		delete(h.cancels, i)
	}
}

// shells makes the shells in which the commands of hooks and probes run.
type shells struct {
	plan     *plan.Plan
	pods     *podTable
	services *services
	signal   func(control.SendSignal) error
}

// of is the shell of a pod, with its files, environment and network.
func (s *shells) of(a control.PodAction) *hook.Shell {
	env := []string{"HOME=/", "PATH=/usr/bin:/bin", "HOSTNAME=" + a.Pod.Pod}
	if w := workloadOf(s.plan, a.Workload); w != nil {
		for k, v := range w.Env {
			env = append(env, k+"="+v)
		}
		for name, field := range w.FieldRefs {
			env = append(env, name+"="+s.podField(a.Pod.Pod, field))
		}
	}
	return &hook.Shell{
		Hostname: a.Pod.Pod, IP: s.pods.addr(a.Pod.Pod).ip,
		Signal: func(sig syscall.Signal) error {
			if sig != syscall.SIGTERM { // 0: it runs
				return nil
			}
			return s.signal(control.SendSignal{PodAction: a, Signal: control.SignalTerm})
		},
		Root: s.pods.root(a.Pod.Pod), Env: env, Speed: s.plan.Speed,
		Transport: newPodTransport(s.pods.addr(a.Pod.Pod), s.services.resolve),
	}
}

// podField is the value of a field of a pod. A run on this machine has one
// namespace.
func (s *shells) podField(pod, field string) string {
	switch field {
	case "status.podIP":
		return s.pods.addr(pod).ip
	case "metadata.name":
		return pod
	}
	return "default"
}
