package local

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// containers are the service processes of a run.
type containers struct {
	*resources
	plan     *plan.Plan
	pods     *podTable
	tail     *eventTail // of the events files
	registry settings.Registry
	exited   func(control.Event) // called for each container that ends
	fail     func(error)         // ends the run

	mu      sync.Mutex
	running map[record.Instance]*child
}

// start starts a container. An error ends the run, as it is the environment's.
func (c *containers) start(a control.StartContainer) error {
	err := c.tryStart(a)
	if err != nil {
		c.fail(fmt.Errorf("starting %s: %w", a.Pod, err))
	}
	return err
}

func (c *containers) tryStart(a control.StartContainer) error {
	w := workloadOf(c.plan, a.Workload)
	if w == nil {
		return fmt.Errorf("workload %q is not in the plan", a.Workload)
	}
	addr, err := c.addresses.allocate(a.Pod.Pod, containerPorts(w.Settings)...)
	if err != nil {
		return err
	}
	if err := checkPortsFree(addr, a.Pod.Pod, containerPorts(w.Settings)...); err != nil {
		return err
	}
	name := rundir.EventsName(a.Pod)
	home := filepath.Join(c.tmp, name)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fmt.Errorf("making its directory: %w", err)
	}
	events, log, err := c.openFiles(name)
	if err != nil {
		return err
	}
	doc := c.settingsOf(w, a, addr, home)
	env := childEnv(w.Env, home)
	env = append(env, settings.Env+"="+string(doc.JSON()), fmt.Sprintf("GOMAXPROCS=%d", maxProcs(runtime.NumCPU(), len(c.plan.Control.Workloads))))
	c.pods.add(a.Pod.Pod, w.Name, addr)
	spec := childSpec{name: a.Pod.String(), args: []string{"service", w.Role}, env: env, dir: home, events: events, log: log}
	c.mu.Lock() // an exit must not be handled before the child is added
	defer c.mu.Unlock()
	started, err := c.supervisor.start(spec, func(ended *child) { c.onExit(a.Pod, ended, home) })
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	c.running[a.Pod] = started
	return nil
}

// openFiles opens the events file and the log of a container, and follows the
// events.
func (c *containers) openFiles(name string) (events, log *os.File, err error) {
	if events, err = c.dir.CreateEvents(name); err != nil {
		return nil, nil, err
	}
	if log, err = createLog(c.dir, name); err != nil {
		return nil, nil, joinClose(err, events)
	}
	if err := c.tail.follow(c.dir.EventsPath(name)); err != nil {
		return nil, nil, joinClose(err, events, log)
	}
	return events, log, nil
}

func joinClose(err error, files ...io.Closer) error {
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// settingsOf completes the settings of a workload for one container.
func (c *containers) settingsOf(w *plan.Workload, a control.StartContainer, addr podAddr, home string) settings.Document {
	d := w.Settings
	d.Schema = settings.Schema
	d.Role, d.Workload, d.Service, d.Tag = w.Role, w.Name, w.Service, w.Tag
	d.Pod, d.Incarnation, d.IP = a.Pod.Pod, a.Pod.Incarnation, addr.ip
	for _, port := range []*int{&d.Port, &d.AdminPort, &d.MSE.OfflinePort, &d.MSE.ReadinessPort, &d.Polaris.AdminPort} {
		*port = addr.port(*port)
	}
	d.Events, d.ParentFD = fmt.Sprintf("fd:%d", eventsFD), parentFD
	if o, ok := c.plan.OnlineUnder(w.Name, a.RulesVersion); ok {
		d.Online, d.Version = o, a.RulesVersion
	}
	d.Online.Prewarmed = a.Initial && !w.ColdStart
	d.Dir = home
	delay := d.Registry.PushDelay // of the workload, if it has one
	d.Registry = c.registry
	if delay > 0 {
		d.Registry.PushDelay = delay
	}
	d.Seed = c.plan.Seed ^ seedOf(a.Pod.String())
	return d
}

// containerPorts lists the ports that a container listens on.
func containerPorts(d settings.Document) []int {
	all := []int{d.Port, d.AdminPort}
	if d.MSE.On {
		all = append(all, d.MSE.OfflinePort, d.MSE.ReadinessPort)
	}
	if d.Polaris.On {
		all = append(all, d.Polaris.AdminPort)
	}
	return slices.DeleteFunc(all, func(p int) bool { return p == 0 })
}

// maxProcs is the GOMAXPROCS of a pod: its workload's share of the machine. More
// would not make it faster: the processes of a chain would wake each other
// across processors, and spin there for work. (On 2 CPUs with 11 pods, 200
// requests a second: p50 0.75 ms, not 0.88.)
func maxProcs(cpus, workloads int) int { return max(1, cpus/max(1, workloads)) }

func seedOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// childEnv is the environment of a child: nothing of the harness's own.
func childEnv(own map[string]string, home string) []string {
	all := map[string]string{"HOME": home, "TMPDIR": home}
	maps.Copy(all, own)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, k+"="+all[k])
	}
	return out
}

func (c *containers) onExit(i record.Instance, ended *child, home string) {
	c.mu.Lock()
	delete(c.running, i)
	c.mu.Unlock()
	code, text := ended.status()
	if err := os.RemoveAll(home); err != nil {
		text += "; removing its directory: " + err.Error()
	}
	c.exited(control.ContainerExited{Pod: i, ExitCode: code, Reason: text})
}

// signal sends a signal to a container. A container that has ended is no error:
// its exit is reported.
func (c *containers) signal(a control.SendSignal) error {
	c.mu.Lock()
	to := c.running[a.Pod]
	c.mu.Unlock()
	if to == nil {
		return nil
	}
	switch a.Signal {
	case control.SignalTerm:
		return to.signal(syscall.SIGTERM)
	case control.SignalKill:
		return to.signal(syscall.SIGKILL)
	case control.SignalInterrupt:
		return to.signal(syscall.SIGINT)
	}
	return fmt.Errorf("unknown signal %q", a.Signal)
}

func (c *containers) isRunning(i record.Instance) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[i] != nil
}
