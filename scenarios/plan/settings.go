package plan

import (
	"cmp"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// Ports of the families (see design/semantics §0).
const (
	mseOffline   = 54199
	mseReadiness = 55199
	polarisAdmin = 28080
	ownAdmin     = 20900 // ours: notices, settings, state
)

// What the originals do where nothing is said, before speed.
const (
	polarisDelay = 30 * time.Second
	mseWarmup    = 120 * time.Second
	mseCurve     = 2
	mseModel     = "power"
)

// settings resolves what a workload's services are told: what the switches
// say, then the scenario's differences. Who and where they are, the runtime
// fills in.
func (c *compiler) settings(w manifests.Workload, d spec.WorkloadOverride) settings.Document {
	doc := settings.Document{
		Schema: settings.Schema, Version: 1,
		Role: string(w.Role), Workload: w.Name, Service: w.Service, Tag: w.Tag,
		Port: w.Role.Port(), AdminPort: ownAdmin, Next: c.next(w.Role), Seed: c.seed,
		Registry: settings.Registry{Port: c.p.Registry.Port, PushDelay: c.p.PushDelay},
		Call:     settings.Call{Timeout: cmp.Or(time.Duration(d.CallTimeout), callTimeout(w.Role)), Dial: settings.DefaultDialTimeout, NewConnections: d.Connections == "new"},
		Lane:     settings.Lane{TraceTag: manifests.Enabled(w.Switches.TraceTag, false), Strict: yes(d.Strict, false)},
	}
	c.families(&doc, w)
	c.offline(&doc, w, d)
	doc.Online = c.online(w, d, c.ruleFor(w))
	c.consumer(&doc, w, d)
	doc.Work = settings.Work{
		Duration: time.Duration(d.Work), ColdStartCost: time.Duration(d.ColdStartCost), ColdStartRequests: number(d.ColdStartRequests, 0),
		Workers: number(d.Workers, settings.DefaultWorkers), Queue: number(d.Queue, settings.DefaultQueue),
	}
	return doc
}

// families opens ports, and decides by the originals' switches whether
// lossless offline is on: MSE with msePilotAutoEnable, unless its /offline
// server or its graceful shutdown is switched off; Polaris with
// lossless.enabled.
func (c *compiler) families(doc *settings.Document, w manifests.Workload) {
	s := w.Switches
	mse, polaris := manifests.Enabled(s.Governed, false), manifests.Enabled(s.Polaris, false)
	doc.MSE.On, doc.Polaris.On = mse, polaris
	if mseLossless(s) {
		doc.MSE.OfflinePort = mseOffline
	}
	if mse && c.asksReadiness(w) {
		doc.MSE.ReadinessPort = mseReadiness
	}
	if polaris {
		doc.Polaris.AdminPort, doc.Polaris.NoReadiness = polarisAdmin, !manifests.Enabled(c.ruleFor(w).Aligned, true)
	}
	doc.Offline.Mode = settings.DeregisterFirst
	if losslessOffline(s) {
		doc.Offline.Mode = settings.Lossless
	}
	if !mse && !polaris {
		c.warnAt(w.File, w.Line, w.Name+" is governed by nothing: it goes offline like a plain application, and as a consumer knows no marks, weights or lanes", `add the annotation msePilotAutoEnable: "on" to its pods`)
	}
}

func mseLossless(s manifests.Switches) bool {
	return manifests.Enabled(s.Governed, false) && manifests.Enabled(s.OfflineServer, true) && manifests.Enabled(s.GracefulShutdown, true)
}

func losslessOffline(s manifests.Switches) bool {
	return mseLossless(s) || manifests.Enabled(s.Polaris, false)
}

func (c *compiler) offline(doc *settings.Document, w manifests.Workload, d spec.WorkloadOverride) {
	o := &doc.Offline
	switch d.Offline {
	case "":
	case settings.Lossless, settings.Reject:
		o.Mode = d.Offline
		if !doc.Polaris.On {
			doc.MSE.On, doc.MSE.OfflinePort = true, mseOffline
		}
	default:
		o.Mode = d.Offline
		doc.MSE.OfflinePort = 0
	}
	o.Notify = yes(d.Notify, manifests.Enabled(w.Switches.Notice, false))
	o.NoWait = !yes(d.AdaptiveWait, true)
	o.MinWait = c.p.PushDelay + settings.DefaultMinWaitAfterPush
	if d.MinWait > 0 {
		o.MinWait = c.scaled(time.Duration(d.MinWait))
	}
	o.QuietPeriod = c.scaled(given(d.QuietPeriod, settings.DefaultQuietPeriod))
	o.DrainTimeout = max(c.scaled(given(d.DrainTimeout, settings.DefaultDrainTimeout)), o.MinWait)
	o.Grace = c.scaled(w.Grace)
	o.ConsumerMemory = c.scaled(settings.DefaultConsumerMemory)
}

func (c *compiler) consumer(doc *settings.Document, w manifests.Workload, d spec.WorkloadOverride) {
	t := &doc.Consumer
	t.Ungoverned = yes(d.Ungoverned, !doc.MSE.On && !doc.Polaris.On)
	t.Cache = word(d.Cache, settings.CachePush)
	switch t.Cache {
	case settings.CachePoll30:
		t.CacheFirst, t.CachePeriod = c.scaled(settings.DefaultPoll30First), c.scaled(settings.DefaultPoll30Period)
	case settings.CacheTTL35:
		t.CachePeriod = c.scaled(settings.DefaultTTL35Period)
	}
	t.Balancer = word(d.Balancer, settings.RoundRobin)
	t.MarkTTL = c.scaled(given(d.MarkTTL, settings.DefaultMarkTTL))
	t.KeepWhenEmpty = yes(d.KeepWhenEmpty, false)
	t.RetryNextInstance = d.Retry == "next-instance"
	t.ClockSkew = c.scaled(time.Duration(d.ClockSkew))
	c.warnRegistry(w)
}

// warnRegistry names an address of a registry that is not the one of the run.
func (c *compiler) warnRegistry(w manifests.Workload) {
	host := w.Switches.Host()
	if host == "" || host == c.p.Registry.Workload {
		return
	}
	for _, s := range c.m.Services {
		if s.Name == host {
			return
		}
	}
	c.warnAt(w.File, w.Line, w.Name+" names its registry "+host+", which is no Service of these manifests; it gets the run's own", "name nacos-server:8848")
}

// next is the service that a role calls; "" for the last one.
func (c *compiler) next(r manifests.Role) string {
	chain := manifests.Chain()
	for i, role := range chain[:len(chain)-1] {
		if role == r {
			return c.serviceOf(chain[i+1])
		}
	}
	return ""
}

// callTimeout returns the default timeout of calls; 0 for services that make
// none.
func callTimeout(r manifests.Role) time.Duration {
	switch r {
	case manifests.Gateway, manifests.A, manifests.B:
		return settings.DefaultCallTimeout(string(r))
	}
	return 0
}

func yes(b *bool, silent bool) bool { return manifests.Enabled(b, silent) }

func number(n *int, silent int) int {
	if n == nil {
		return silent
	}
	return *n
}

func given(d spec.Duration, silent time.Duration) time.Duration {
	if d == 0 {
		return silent
	}
	return time.Duration(d)
}

func span(d *time.Duration, silent time.Duration) time.Duration {
	if d == nil {
		return silent
	}
	return *d
}

func word(s, silent string) string {
	if s == "" {
		return silent
	}
	return s
}
