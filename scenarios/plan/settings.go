package plan

import (
	"cmp"
	"fmt"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// Ports that the agents open in a pod.
const (
	mseOfflinePort   = 54199
	mseReadinessPort = 55199
	polarisAdminPort = 28080
	adminPort        = 20900 // of the demo services: notices, settings, state
)

// Defaults of the vendors' agents, before division by speed.
const (
	polarisDelay    = 30 * time.Second
	mseWarmupWindow = 120 * time.Second
	mseCurve        = 2
	mseModel        = "power"
)

// compileSettings resolves the settings document of a workload's services:
// first its switches, then the scenario's overrides. The runtime fills in names
// and addresses.
func compileSettings(src *source, p *Plan, w workload) settings.Document {
	o := w.override
	doc := settings.Document{
		Schema: settings.Schema, Version: 1,
		Role: string(w.Role), Workload: w.Name, Service: w.Service, Tag: w.Tag,
		Port: w.Role.Port(), AdminPort: adminPort, Next: nextService(src, w.Role), Seed: src.options.Seed,
		Registry: settings.Registry{Port: p.Registry.Port, PushDelay: p.PushDelay},
		Call:     settings.Call{Timeout: cmp.Or(time.Duration(o.CallTimeout), callTimeout(w.Role)), Dial: settings.DefaultDialTimeout, NewConnections: o.Connections == "new"},
		Lane:     settings.Lane{TraceTag: enabled(w.Switches.TraceTag, false), Strict: enabled(o.Strict, false)},
		Work: settings.Work{
			Duration: time.Duration(o.Work), ColdStartCost: time.Duration(o.ColdStartCost), ColdStartRequests: intOr(o.ColdStartRequests, 0),
			Workers: intOr(o.Workers, settings.DefaultWorkers), Queue: intOr(o.Queue, settings.DefaultQueue),
		},
	}
	doc.MSE, doc.Polaris = agentPorts(w)
	if !doc.MSE.On && !doc.Polaris.On {
		src.warnAt(w.File, w.Line, w.Name+" is not governed by MSE or Polaris: it goes offline like a plain application, and as a consumer ignores marks, weights and tags", `add the annotation msePilotAutoEnable: "on" to its pods`)
	}
	doc.Offline = offlineSettings(src, p, w)
	switch o.Offline {
	case "":
	case settings.Lossless, settings.Reject:
		if !doc.Polaris.On {
			doc.MSE.On, doc.MSE.OfflinePort = true, mseOfflinePort
		}
	default:
		doc.MSE.OfflinePort = 0
	}
	doc.Online = onlineSettings(src, w, w.rule)
	doc.Consumer = consumerSettings(src, w, !doc.MSE.On && !doc.Polaris.On)
	warnRegistryAddress(src, p.Registry, w)
	return doc
}

// agentPorts returns the ports that the workload's switches open.
func agentPorts(w workload) (settings.MSE, settings.Polaris) {
	s := w.Switches
	mse, polaris := settings.MSE{On: enabled(s.Governed, false)}, settings.Polaris{On: enabled(s.Polaris, false)}
	if mseLossless(s) {
		mse.OfflinePort = mseOfflinePort
	}
	if mse.On && opensReadinessPort(w) {
		mse.ReadinessPort = mseReadinessPort
	}
	if polaris.On {
		polaris.AdminPort, polaris.NoReadiness = polarisAdminPort, !enabled(w.rule.Aligned, true)
	}
	return mse, polaris
}

// mseLossless reports whether MSE's lossless offline is on: with
// msePilotAutoEnable, unless its /offline server or its graceful shutdown is
// switched off.
func mseLossless(s manifests.Switches) bool {
	return enabled(s.Governed, false) && enabled(s.OfflineServer, true) && enabled(s.GracefulShutdown, true)
}

func losslessOffline(s manifests.Switches) bool {
	return mseLossless(s) || enabled(s.Polaris, false)
}

func offlineSettings(src *source, p *Plan, w workload) settings.Offline {
	o := w.override
	mode := settings.DeregisterFirst
	if losslessOffline(w.Switches) {
		mode = settings.Lossless
	}
	out := settings.Offline{
		Mode:        cmp.Or(o.Offline, mode),
		Notify:      enabled(o.Notify, enabled(w.Switches.Notice, false)),
		NoWait:      !enabled(o.AdaptiveWait, true),
		QuietPeriod: src.scaled(durationOr(o.QuietPeriod, settings.DefaultQuietPeriod)),
		Grace:       src.scaled(w.Grace), ConsumerMemory: src.scaled(settings.DefaultConsumerMemory),
		MinWait: p.PushDelay + settings.DefaultMinWaitAfterPush, // not scaled: the push delay is not either
	}
	if o.MinWait > 0 {
		out.MinWait = src.scaled(time.Duration(o.MinWait))
	}
	out.DrainTimeout = max(src.scaled(durationOr(o.DrainTimeout, settings.DefaultDrainTimeout)), out.MinWait)
	return out
}

func consumerSettings(src *source, w workload, noAgent bool) settings.Consumer {
	o := w.override
	out := settings.Consumer{
		Ungoverned:        enabled(o.Ungoverned, noAgent),
		Cache:             cmp.Or(o.Cache, settings.CachePush),
		Balancer:          cmp.Or(o.Balancer, settings.RoundRobin),
		MarkTTL:           src.scaled(durationOr(o.MarkTTL, settings.DefaultMarkTTL)),
		KeepWhenEmpty:     enabled(o.KeepWhenEmpty, false),
		RetryNextInstance: o.Retry == "next-instance",
		ClockSkew:         src.scaled(time.Duration(o.ClockSkew)),
	}
	switch out.Cache {
	case settings.CachePoll30:
		out.CacheFirst, out.CachePeriod = src.scaled(settings.DefaultPoll30First), src.scaled(settings.DefaultPoll30Period)
	case settings.CacheTTL35:
		out.CachePeriod = src.scaled(settings.DefaultTTL35Period)
	}
	return out
}

// warnRegistryAddress warns of a registry address other than the run's.
func warnRegistryAddress(src *source, r Registry, w workload) {
	host := w.Switches.Host()
	if host == "" || host == r.Workload {
		return
	}
	for _, s := range src.manifests.Services {
		if s.Name == host {
			return
		}
	}
	src.warnAt(w.File, w.Line, fmt.Sprintf("the registry address of %s is %s, which is no Service of these manifests: it uses the run's registry instead", w.Name, host), "write nacos-server:8848")
}

// nextService returns the service that a role calls; "" for the last one.
func nextService(src *source, r manifests.Role) string {
	chain := manifests.Chain()
	for i, role := range chain[:len(chain)-1] {
		if role == r {
			return src.serviceOf(chain[i+1])
		}
	}
	return ""
}

// callTimeout is 0 for the last role, which calls nobody.
func callTimeout(r manifests.Role) time.Duration {
	if r == manifests.C {
		return 0
	}
	return settings.DefaultCallTimeout(string(r))
}

func enabled(b *bool, otherwise bool) bool { return manifests.Enabled(b, otherwise) }

func intOr(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func durationOr(d spec.Duration, otherwise time.Duration) time.Duration {
	return cmp.Or(time.Duration(d), otherwise)
}

func spanOr(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}
