package embedded

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"zeroloss/demo-services/registry"
)

// serviceAPI serves services, the catalog and namespaces of Nacos' open API.
type serviceAPI struct {
	catalog *catalog
	conns   *connections
}

func (a *serviceAPI) addRoutes(handle addRoute) {
	for v, write := range map[string]writeResult{"v1": writePlain, "v2": writeWrapped} {
		service := "/nacos/" + v + "/ns/service"
		handle("POST "+service, write, a.createService)
		handle("PUT "+service, write, a.updateService)
		handle("GET "+service, write, a.getService)
		handle("DELETE "+service, write, a.deleteService)
	}
	handle("GET /nacos/v1/ns/service/names", writePlain, a.serviceNames)
	handle("GET /nacos/v1/ns/service/subscribers", writePlain, a.listSubscribers)
	handle("GET /nacos/v1/ns/catalog/services", writePlain, a.catalogServices)
	handle("GET /nacos/v1/ns/catalog/instances", writePlain, a.catalogInstances)
	handle("GET /nacos/v1/console/namespaces", writePlain, a.namespacesV1)
	handle("GET /nacos/v2/console/namespace/list", writeWrapped, a.namespacesV2)
}

var (
	errServiceExists  = errorKind{400, 21007, "service already exist"}
	errServiceUnknown = errorKind{400, 21008, "service not exist"}
)

// formService reads a service with its metadata.
func formService(q form) (registry.Key, registry.ServiceMeta, error) {
	k, err := formKey(q)
	if err != nil {
		return k, registry.ServiceMeta{}, err
	}
	m := registry.ServiceMeta{Metadata: map[string]string{}}
	if v := q.Get("protectThreshold"); v != "" {
		if m.ProtectThreshold, err = strconv.ParseFloat(v, 64); err != nil || !(m.ProtectThreshold >= 0 && m.ProtectThreshold <= 1) {
			return k, m, badRequest("protectThreshold must be a number from 0 to 1, got %q", v)
		}
	}
	if v := q.Get("metadata"); v != "" {
		m.Metadata, err = formMetadata(v)
	}
	return k, m, err
}

func (a *serviceAPI) createService(q form) (any, error) {
	k, m, err := formService(q)
	if err != nil {
		return nil, err
	}
	if !a.catalog.table.CreateService(a.catalog.now(), k, m) {
		return nil, apiError{errServiceExists, fmt.Sprintf("specified service %s already exists!", k.Grouped())}
	}
	a.catalog.reschedule()
	return "ok", nil
}

func (a *serviceAPI) updateService(q form) (any, error) {
	k, m, err := formService(q)
	if err != nil {
		return nil, err
	}
	if q.version == "v1" && q.Get("protectThreshold") == "" {
		return nil, badRequest("Param 'protectThreshold' is required.")
	}
	if !a.catalog.table.UpdateService(k, m) {
		return nil, unknownServiceError(k)
	}
	return "ok", nil
}

func unknownServiceError(k registry.Key) error {
	return apiError{errServiceUnknown, fmt.Sprintf("service %s not found!", k.Grouped())}
}

func (a *serviceAPI) deleteService(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	if _, known := a.catalog.table.Service(k); !known {
		return nil, unknownServiceError(k)
	}
	if !a.catalog.table.DeleteService(k) {
		return nil, badRequest("Service %s is not empty, can't be delete. Please unregister instance first", k.Grouped())
	}
	return "ok", nil
}

func (a *serviceAPI) getService(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	m, known := a.catalog.table.Service(k)
	if !known {
		return nil, apiError{errServiceUnknown, fmt.Sprintf("service not found, namespace: %s, serviceName: %s", k.Namespace, k.Grouped())}
	}
	clusters, clusterMap := []any{}, map[string]any{}
	for _, name := range clusterNames(a.catalog.table.Published(k)) {
		cluster := map[string]any{"name": name, "clusterName": name, "healthChecker": map[string]any{"type": "TCP"}, "metadata": map[string]any{}}
		clusters, clusterMap[name] = append(clusters, cluster), cluster
	}
	out := map[string]any{
		"groupName": k.Group, "protectThreshold": m.ProtectThreshold, "metadata": m.Metadata,
		"selector": map[string]any{"type": "none", "contextType": "NONE"},
	}
	if q.version == "v1" {
		out["namespaceId"], out["name"], out["clusters"] = k.Namespace, k.Service, clusters
	} else {
		out["namespace"], out["serviceName"], out["clusterMap"], out["ephemeral"] = k.Namespace, k.Service, clusterMap, len(clusters) > 0
	}
	return out, nil
}

// clusterNames returns the sorted names of the clusters of hosts.
func clusterNames(hosts []registry.Host) []string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// serviceNames lists the services of a namespace, or of all that have one.
func (a *serviceAPI) serviceNames(q form) (any, error) {
	names, count := map[string][]string{}, 0
	for _, namespace := range a.catalog.table.Namespaces() {
		if want := q.Get("namespaceId"); want != "" && want != namespace {
			continue
		}
		for _, k := range a.catalog.table.ServiceKeys(namespace) {
			names[namespace] = append(names[namespace], k.Grouped())
			count++
		}
	}
	return map[string]any{"META-INF/services": names, "count": count}, nil
}

// listSubscribers lists the SDKs that subscribe to a service.
func (a *serviceAPI) listSubscribers(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	no, size := 1, 1000
	if q.Get("pageNo") != "" {
		if no, size, err = formPage(q); err != nil {
			return nil, err
		}
	}
	subscribers := []any{}
	for _, id := range a.catalog.table.Subscribers(k) {
		conn := a.conns.byID[id]
		if conn == nil {
			continue
		}
		ip, port, _ := net.SplitHostPort(conn.remote)
		number, _ := strconv.Atoi(port) // it comes from the network stack
		subscribers = append(subscribers, map[string]any{
			"addrStr": conn.remote, "ip": ip, "port": number, "agent": conn.version, "app": "unknown",
			"namespaceId": k.Namespace, "serviceName": k.Grouped(), "cluster": conn.clusters[k],
		})
	}
	return map[string]any{"count": len(subscribers), "subscribers": page(subscribers, no, size)}, nil
}

// catalogServices is the console's list of services.
func (a *serviceAPI) catalogServices(q form) (any, error) {
	no, size, err := formPage(q)
	if err != nil {
		return nil, err
	}
	occupied, err := q.boolean("hasIpCount", false)
	if err != nil {
		return nil, err
	}
	found := []any{}
	for _, k := range a.catalog.table.ServiceKeys(registry.NewKey(q.Get("namespaceId"), "", "").Namespace) {
		hosts := a.catalog.table.Published(k)
		if !strings.Contains(k.Service, q.Get("serviceNameParam")) || !strings.Contains(k.Group, q.Get("groupNameParam")) || (occupied && len(hosts) == 0) {
			continue
		}
		healthy := 0
		for _, h := range hosts {
			if h.Healthy {
				healthy++
			}
		}
		found = append(found, map[string]any{
			"name": k.Service, "groupName": k.Group, "clusterCount": len(clusterNames(hosts)), "ipCount": len(hosts),
			"healthyInstanceCount": healthy, "triggerFlag": strconv.FormatBool(len(hosts) > 0 && healthy == 0),
		})
	}
	return map[string]any{"count": len(found), "serviceList": page(found, no, size)}, nil
}

// catalogInstances is the console's list of a cluster's instances, enabled or not.
func (a *serviceAPI) catalogInstances(q form) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	no, size, err := formPage(q)
	if err != nil {
		return nil, err
	}
	if _, known := a.catalog.table.Service(k); !known {
		return nil, apiError{errNotFound, fmt.Sprintf("service %s is not found!", k.Grouped())}
	}
	found := []hostJSON{}
	for _, h := range a.catalog.table.Published(k) {
		if cluster := q.Get("clusterName"); cluster == "" || cluster == h.Cluster {
			found = append(found, newHostJSON(k, h))
		}
	}
	if len(found) == 0 {
		return nil, apiError{errNotFound, fmt.Sprintf("cluster %s is not found!", q.Get("clusterName"))}
	}
	return map[string]any{"count": len(found), "list": page(found, no, size)}, nil
}

// namespaces lists public and the namespaces that have services. There is no
// call to create one, as none is needed.
func (a *serviceAPI) namespaces() []any {
	out := []any{}
	for _, name := range append([]string{registry.DefaultNamespace}, a.catalog.table.Namespaces()...) {
		id, kind := name, 2
		if name == registry.DefaultNamespace {
			if id, kind = "", 0; len(out) > 0 {
				continue
			}
		}
		out = append(out, map[string]any{
			"namespace": id, "namespaceShowName": name, "namespaceDesc": nil, "quota": 200, "configCount": 0, "type": kind,
		})
	}
	return out
}

func (a *serviceAPI) namespacesV1(form) (any, error) {
	return map[string]any{"code": 200, "message": nil, "data": a.namespaces()}, nil
}

func (a *serviceAPI) namespacesV2(form) (any, error) { return a.namespaces(), nil }
