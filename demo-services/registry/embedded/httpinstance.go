package embedded

import (
	"fmt"

	"zeroloss/demo-services/registry"
)

// httpClient names HTTP requests that change a host without publishing it.
const httpClient = "http"

func (a *httpAPI) listInstances(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	clusters := q.Get("clusters") + q.Get("clusterName") // version 1, version 2
	healthyOnly, err := q.boolean("healthyOnly", false)
	if err != nil {
		return nil, err
	}
	info := a.catalog.serviceInfo(a.catalog.table.Read(a.catalog.now(), k), clusters, healthyOnly)
	info.Name = k.Grouped() // as old SDKs expect it
	return info, nil
}

// listHosts is the list of version 3.
func (a *httpAPI) listHosts(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	healthyOnly, err := q.boolean("healthyOnly", false)
	if err != nil {
		return nil, err
	}
	return a.catalog.serviceInfo(a.catalog.table.Read(a.catalog.now(), k), q.Get("clusterName"), healthyOnly).Hosts, nil
}

// getInstance returns one host, enabled or not.
func (a *httpAPI) getInstance(q form) (any, error) {
	k, want, err := formHost(q)
	if err != nil {
		return nil, err
	}
	h, found := a.catalog.table.Find(a.catalog.now(), k, want)
	if !found {
		return nil, apiError{errNotFound, "no matched ip found!"}
	}
	w := newHostJSON(k, h)
	return map[string]any{
		map[string]string{"v1": "service", "v2": "serviceName"}[q.version]: k.Grouped(),
		"ip": w.IP, "port": w.Port, "clusterName": w.Cluster, "weight": w.Weight, "healthy": w.Healthy,
		"instanceId": w.InstanceID, "metadata": w.Metadata,
	}, nil
}

// listServices lists the names of a group's services, a page at a time.
func (a *httpAPI) listServices(field string) httpHandler {
	return func(q form) (any, error) {
		no, size, err := formPage(q)
		if err != nil {
			return nil, err
		}
		k := registry.NewKey(q.Get("namespaceId"), q.Get("groupName"), "")
		names := a.catalog.table.Services(k.Namespace, k.Group)
		return map[string]any{"count": len(names), field: page(names, no, size)}, nil
	}
}

func (a *httpAPI) registerInstance(q form) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if !h.Ephemeral {
		return nil, badRequest("persistent instances are not supported, ephemeral must be true, got %q", q.Get("ephemeral"))
	}
	if err := checkHeartbeatTimes(h.Metadata); err != nil {
		return nil, err
	}
	a.heartbeats.register(k, h)
	return "ok", nil
}

// deregisterInstance succeeds whether or not there was such an instance. It does
// not remove an instance that an SDK registered, nor an ephemeral one if the form
// names a persistent one. A real server behaves the same.
func (a *httpAPI) deregisterInstance(q form) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if h.Ephemeral {
		a.heartbeats.deregister(k, h)
	}
	return "ok", nil
}

// heartbeat takes a heartbeat. One that describes the instance (a "beat" in
// JSON) registers it if it is not known.
func (a *httpAPI) heartbeat(q form) (any, error) {
	k, h, full, err := formHeartbeat(q)
	if err != nil {
		return nil, err
	}
	code, interval := a.heartbeats.beat(k, h, full)
	return map[string]any{"code": code, "clientBeatInterval": interval.Milliseconds(), "lightBeatEnabled": true}, nil
}

// updateInstance sets the overlay of a host, which overrides what the SDK
// publishes.
func (a *httpAPI) updateInstance(q form) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	return a.setOverlay(k, h, registry.Overlay{Enabled: h.Enabled, Weight: h.Weight, Metadata: h.Metadata})
}

// patchInstance changes only the fields of the overlay that the form names. If
// the host has no overlay yet, the other fields get the defaults (enabled,
// weight 1), whatever the host says of itself.
func (a *httpAPI) patchInstance(q form) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if _, found := a.catalog.table.Find(a.catalog.now(), k, h); !found {
		return nil, apiError{errNotFound, "no matched ip found!"}
	}
	o, exists := a.catalog.table.Overlay(k, h)
	if !exists {
		o = registry.Overlay{Enabled: true, Weight: 1}
	}
	if err := formDetails(q, &o.Enabled, &o.Weight, &o.Metadata); err != nil {
		return nil, err
	}
	return a.setOverlay(k, h, o)
}

func (a *httpAPI) setOverlay(k registry.Key, h registry.Host, o registry.Overlay) (any, error) {
	if !a.catalog.setOverlay(httpClient, k, h, o) {
		return nil, apiError{errInstance, fmt.Sprintf("service not found, namespace: %s, service: %s", k.Namespace, k.Grouped())}
	}
	return "ok", nil
}
