package local

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// node executes the control plane's actions with child processes. It decides
// nothing.
type node struct {
	plan       *plan.Plan
	dir        *rundir.Dir
	tmp        string // of the run; removed with it
	addresses  *addressPool
	supervisor *supervisor
	tail       *eventTail
	registry   settings.Registry
	inbox      run.Inbox
	failed     chan<- error
	busy       sync.WaitGroup

	mu       sync.Mutex
	children map[record.Instance]*child
	hooks    map[record.Instance]context.CancelFunc
	pods     map[string]livePod // those that are there, by name
}

type livePod struct {
	workload string
	place    podAddr
	born     int
}

// Execute implements run.Executor.
func (n *node) Execute(ctx context.Context, a control.Action, done func(control.Event)) {
	finish := func(err error) { done(control.OutcomeOf(a, err)) }
	switch a := a.(type) {
	case control.StartContainer:
		n.goTracked(func() { finish(n.start(a)) })
	case control.RunHook:
		ctx, stop := context.WithCancel(ctx)
		n.addHook(a.Pod, stop)
		n.goTracked(func() {
			defer n.cancelHook(a.Pod)
			finish(n.runHook(ctx, a))
		})
	case control.RunProbe:
		n.goTracked(func() { finish(n.runProbe(ctx, a)) })
	case control.AbandonHook:
		n.cancelHook(a.Pod)
		finish(nil)
	case control.SendRules:
		n.goTracked(func() { finish(n.sendRules(ctx, a)) })
	case control.SendSignal:
		finish(n.signal(a))
	case control.RemovePod:
		n.goTracked(func() { finish(n.remove(a.Pod.Pod)) })
	case control.SetEndpoint: // the load is sent to the pods of the entry themselves
		finish(nil)
	case control.RecordEvent, control.ApplyWorkload, control.ScaleWorkload, control.RestartWorkload, control.SetImage,
		control.PauseRollout, control.ResumeRollout, control.CordonNode, control.EvictPod:
		finish(fmt.Errorf("%T is not an action on a process", a))
	}
}

func (n *node) goTracked(f func()) { n.busy.Go(f) }

// fail ends the run: what happened makes it worthless.
func (n *node) fail(err error) {
	select {
	case n.failed <- err:
	default: // one reason is enough
	}
}

// ports lists all that a container of w listens on.
func ports(d settings.Document) []int {
	all := []int{d.Port, d.AdminPort}
	if d.MSE.On {
		all = append(all, d.MSE.OfflinePort, d.MSE.ReadinessPort)
	}
	if d.Polaris.On {
		all = append(all, d.Polaris.AdminPort)
	}
	return slices.DeleteFunc(all, func(p int) bool { return p == 0 })
}

// start starts a container. What makes it fail is the environment's, so the
// run ends.
func (n *node) start(a control.StartContainer) error {
	err := n.tryStart(a)
	if err != nil {
		n.fail(fmt.Errorf("starting %s: %w", a.Pod, err))
	}
	return err
}

func (n *node) tryStart(a control.StartContainer) error {
	w := n.workload(a.Workload)
	if w == nil {
		return fmt.Errorf("its workload %q is not in the plan", a.Workload)
	}
	doc := w.Settings
	p, err := n.addresses.allocate(a.Pod.Pod, ports(doc)...)
	if err != nil {
		return err
	}
	if err := checkPortsFree(p, a.Pod.Pod, ports(doc)...); err != nil {
		return err
	}
	name := rundir.EventsName(a.Pod)
	home := filepath.Join(n.tmp, name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fmt.Errorf("making its directory: %w", err)
	}
	events, err := n.dir.CreateEvents(name)
	if err != nil {
		return err
	}
	log, err := createLog(n.dir, name)
	if err != nil {
		return errorsJoinClose(err, events)
	}
	if err := n.tail.follow(n.dir.EventsPath(name)); err != nil {
		return errorsJoinClose(err, events, log)
	}
	fillSettings(&doc, w, a.Pod, p)
	if o, ok := n.plan.OnlineUnder(w.Name, a.RulesVersion); ok {
		doc.Online, doc.Version = o, a.RulesVersion
	}
	doc.Online.Prewarmed = a.Initial && !w.ColdStart
	doc.Dir, doc.Registry = home, n.registryFor(doc)
	doc.Seed = n.plan.Seed ^ seedOf(a.Pod.String())
	env := childEnv(w.Env, home)
	env = append(env, settings.Env+"="+string(doc.JSON()), fmt.Sprintf("GOMAXPROCS=%d", processors(runtime.NumCPU(), len(n.plan.Control.Workloads))))
	n.addPod(a.Pod.Pod, livePod{workload: w.Name, place: p})
	o := childSpec{name: a.Pod.String(), args: []string{"service", w.Role}, env: env, dir: home, events: events, log: log}
	n.mu.Lock() // held, so that an exit cannot come before the entry
	defer n.mu.Unlock()
	c, err := n.supervisor.start(o, func(c *child) { n.exited(a.Pod, c, home) })
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	n.children[a.Pod] = c
	return nil
}

// fillSettings writes who and where into the workload's template.
func fillSettings(d *settings.Document, w *plan.Workload, i record.Instance, p podAddr) {
	d.Schema = settings.Schema
	d.Role, d.Workload, d.Service, d.Tag = w.Role, w.Name, w.Service, w.Tag
	d.Pod, d.Incarnation, d.IP = i.Pod, i.Incarnation, p.ip
	for _, port := range []*int{&d.Port, &d.AdminPort, &d.MSE.OfflinePort, &d.MSE.ReadinessPort, &d.Polaris.AdminPort} {
		*port = p.port(*port)
	}
	d.Events, d.ParentFD = fmt.Sprintf("fd:%d", eventsFD), parentFD
}

// registryFor is where the registry is, with what the template says of it.
func (n *node) registryFor(d settings.Document) settings.Registry {
	r := n.registry
	if d.Registry.PushDelay > 0 {
		r.PushDelay = d.Registry.PushDelay
	}
	return r
}

// processors is how many of the machine's cpus a pod of as many workloads may
// run on at once. More than its share would not make it quicker: the processes
// of a chain would wake each other across processors, and spin there for work.
// (On 2 CPUs with 11 pods, 200 requests a second: p50 0.75 ms, not 0.88.)
func processors(cpus, workloads int) int { return max(1, cpus/max(1, workloads)) }

func seedOf(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// childEnv is the container's own; the harness's stays out of it.
func childEnv(own map[string]string, home string) []string {
	all := map[string]string{"HOME": home, "TMPDIR": home}
	maps.Copy(all, own)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return out
}

func (n *node) exited(i record.Instance, c *child, home string) {
	n.mu.Lock()
	delete(n.children, i)
	n.mu.Unlock()
	code, text := c.status()
	if err := os.RemoveAll(home); err != nil {
		text += "; removing its directory: " + err.Error()
	}
	n.inbox.Control(control.ContainerExited{Pod: i, ExitCode: code, Reason: text})
}

func (n *node) signal(a control.SendSignal) error {
	n.mu.Lock()
	c := n.children[a.Pod]
	n.mu.Unlock()
	if c == nil {
		return nil // it has gone; its exit says so
	}
	sig := map[control.Signal]syscall.Signal{control.SignalTerm: syscall.SIGTERM, control.SignalKill: syscall.SIGKILL, control.SignalInterrupt: syscall.SIGINT}[a.Signal]
	if sig == 0 {
		return fmt.Errorf("unknown signal %q", a.Signal)
	}
	return c.signal(sig)
}

func (n *node) remove(pod string) error {
	n.mu.Lock()
	delete(n.pods, pod)
	n.mu.Unlock()
	if err := os.RemoveAll(n.podRoot(pod)); err != nil {
		return fmt.Errorf("removing the files of %s: %w", pod, err)
	}
	return nil
}

func (n *node) podRoot(pod string) string { return filepath.Join(n.tmp, "pod-"+pod) }

func (n *node) addPod(pod string, p livePod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.pods[pod]; ok {
		return
	}
	for _, other := range n.pods {
		p.born = max(p.born, other.born+1)
	}
	n.pods[pod] = p
}

// oldest is the place of a workload's oldest pod.
func (n *node) oldest(match func(workload string) bool) (podAddr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var best livePod
	found := false
	for _, p := range n.pods {
		if match(p.workload) && (!found || p.born < best.born) {
			best, found = p, true
		}
	}
	return best.place, found
}

func (n *node) podAddr(pod string) podAddr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pods[pod].place
}

func (n *node) workload(name string) *plan.Workload {
	i := slices.IndexFunc(n.plan.Workloads, func(w plan.Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &n.plan.Workloads[i]
}

// resolve looks up a Kubernetes Service, or an address of the cluster itself.
func (n *node) resolve(host string, port int) (string, bool) {
	if strings.HasPrefix(host, "127.") && !n.addresses.singleAddress() {
		return fmt.Sprintf("%s:%d", host, port), true
	}
	name, _, _ := strings.Cut(host, ".") // nacos-server.default.svc
	for _, s := range n.plan.Services {
		if s.Name != name || s.Port != port && s.Target != port {
			continue
		}
		p, ok := n.oldest(func(w string) bool { return n.selects(s, w) })
		return p.addr(s.Target), ok
	}
	if name == n.plan.Registry.Workload {
		return fmt.Sprintf("%s:%d", n.registry.Host, n.registry.Port), true
	}
	return "", false
}

func (n *node) selects(s plan.Service, workload string) bool {
	w := n.workload(workload)
	if w == nil || len(s.Selector) == 0 {
		return false
	}
	for k, v := range s.Selector {
		if w.Labels[k] != v {
			return false
		}
	}
	return true
}

func (n *node) addHook(i record.Instance, stop context.CancelFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hooks[i] = stop
}

// cancelHook cancels i's hook, if it runs.
func (n *node) cancelHook(i record.Instance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stop := n.hooks[i]; stop != nil {
		stop()
		delete(n.hooks, i)
	}
}

// wait waits until nothing is under way; at most for d.
func (n *node) wait(d time.Duration) error {
	done := make(chan struct{})
	go func() { n.busy.Wait(); close(done) }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return fmt.Errorf("%w: hooks or probes did not end within %v", run.ErrEnvironment, d)
	}
}
