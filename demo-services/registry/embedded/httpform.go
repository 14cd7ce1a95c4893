package embedded

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"zeroloss/demo-services/registry"
)

func formKey(q url.Values) (registry.Key, error) {
	return namingRequest{Namespace: q.Get("namespaceId"), Service: q.Get("serviceName"), Group: q.Get("groupName")}.key()
}

// formHost reads a host. Absent enabled, healthy and weight mean true, true
// and 1.
func formHost(q url.Values) (registry.Key, registry.Host, error) {
	k, err := formKey(q)
	if err != nil {
		return k, registry.Host{}, err
	}
	w := hostJSON{IP: q.Get("ip"), Cluster: q.Get("clusterName"), Weight: 1, Enabled: true, Healthy: true, Ephemeral: true}
	if w.Cluster == "" {
		w.Cluster = q.Get("cluster")
	}
	if w.Port, err = strconv.Atoi(q.Get("port")); err != nil {
		return k, registry.Host{}, badRequest("port must be a number, got %q", q.Get("port"))
	}
	if q.Get("healthy") == "false" {
		w.Healthy = false
	}
	if err := formDetails(q, &w.Enabled, &w.Weight, &w.Metadata); err != nil {
		return k, registry.Host{}, err
	}
	h, err := w.host()
	return k, h, err
}

// formDetails reads the fields of an overlay. A field that the form does not
// name keeps its value.
func formDetails(q url.Values, enabled *bool, weight *float64, meta *map[string]string) error {
	for _, name := range []string{"enable", "enabled"} {
		if v := q.Get(name); v != "" {
			*enabled = v == "true"
		}
	}
	if v := q.Get("weight"); v != "" {
		w, err := strconv.ParseFloat(v, 64)
		if err != nil || !(w >= 0 && w <= maxWeight) {
			return badRequest("weight must be a number from 0 to %d, got %q", maxWeight, v)
		}
		*weight = w
	}
	if v := q.Get("metadata"); v != "" {
		m, err := formMetadata(v)
		if err != nil {
			return err
		}
		*meta = m
	}
	return nil
}

// formMetadata reads a JSON object, or "a=1,b=2".
func formMetadata(s string) (map[string]string, error) {
	m := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			return nil, badRequest("metadata must be a JSON object of strings: %v", err)
		}
		return m, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		k, v, isPair := strings.Cut(pair, "=")
		if !isPair {
			return nil, badRequest("metadata must be JSON or a=1,b=2, got %q", s)
		}
		m[k] = v
	}
	return m, nil
}

// formHeartbeat reads a heartbeat. full reports whether it describes the
// instance, rather than only naming it.
func formHeartbeat(q url.Values) (_ registry.Key, _ registry.Host, full bool, _ error) {
	text := q.Get("beat")
	if text == "" {
		k, h, err := formHost(q)
		return k, h, false, err
	}
	k, err := formKey(q)
	if err != nil {
		return k, registry.Host{}, false, err
	}
	var beat struct {
		hostJSON
		Cluster string `json:"cluster"`
	}
	beat.Weight, beat.hostJSON.Cluster = 1, q.Get("clusterName")
	if err := json.Unmarshal([]byte(text), &beat); err != nil {
		return k, registry.Host{}, false, badRequest("beat must be JSON: %v", err)
	}
	if beat.Cluster != "" {
		beat.hostJSON.Cluster = beat.Cluster
	}
	beat.Enabled, beat.Healthy, beat.Ephemeral = true, true, true
	h, err := beat.host()
	return k, h, true, err
}
