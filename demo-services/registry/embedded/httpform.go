package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"zeroloss/demo-services/registry"
)

// form holds the parameters of a request, from its query and its body.
type form struct {
	url.Values
	version string // of the API: v1, v2, v3
}

// parseForm reads the parameters of a request: those of the query, and those of
// a body that is URL-encoded or multipart.
func parseForm(r *http.Request) (form, error) {
	// It parses a form of another type, too, and then says that it is not multipart.
	//nolint:gosec // handle bounds the body
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return form{}, fmt.Errorf("parsing the form: %w", err)
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/nacos/"), "/")
	return form{r.Form, version}, nil
}

// boolean reads a Boolean as a real server does. Version 1 takes every word that
// it does not know for false, 1 among them. Version 2 refuses such a word.
func (q form) boolean(name string, absent bool) (bool, error) {
	v := strings.ToLower(q.Get(name))
	switch v {
	case "":
		return absent, nil
	case "true", "yes", "on":
		return true, nil
	case "t", "y":
		if q.version == "v1" {
			return true, nil
		}
	case "1":
		return q.version != "v1", nil
	case "false", "no", "off", "0":
		return false, nil
	}
	if q.version == "v1" {
		return false, nil
	}
	return false, badRequest("%s must be true or false, got %q", name, q.Get(name))
}

func formKey(q form) (registry.Key, error) {
	return namingRequest{Namespace: q.Get("namespaceId"), Service: q.Get("serviceName"), Group: q.Get("groupName")}.key()
}

// formPage reads the number of a page, from 1, and its size.
func formPage(q form) (no, size int, _ error) {
	no, errNo := strconv.Atoi(q.Get("pageNo"))
	size, errSize := strconv.Atoi(q.Get("pageSize"))
	if err := errors.Join(errNo, errSize); err != nil {
		return 0, 0, badRequest("pageNo and pageSize are required: %v", err)
	}
	return max(no, 1), max(size, 1), nil
}

// formHost reads a host. Absent enabled, healthy and weight mean true, true
// and 1.
func formHost(q form) (registry.Key, registry.Host, error) {
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
	if w.Healthy, err = q.boolean("healthy", true); err != nil {
		return k, registry.Host{}, err
	}
	if w.Ephemeral, err = q.boolean("ephemeral", true); err != nil {
		return k, registry.Host{}, err
	}
	if err := formDetails(q, &w.Enabled, &w.Weight, (*map[string]string)(&w.Metadata)); err != nil {
		return k, registry.Host{}, err
	}
	h, err := w.host()
	return k, h, err
}

// formDetails reads the fields of an overlay. A field that the form does not
// name keeps its value.
func formDetails(q form, enabled *bool, weight *float64, meta *map[string]string) error {
	for _, name := range []string{"enable", "enabled"} {
		on, err := q.boolean(name, *enabled)
		if err != nil {
			return err
		}
		*enabled = on
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

// formMetadata reads a JSON object of scalars, or "a=1,b=2".
func formMetadata(s string) (map[string]string, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		var m metadataJSON
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			return nil, badRequest("metadata must be a JSON object of strings: %v", err)
		}
		return m, nil
	}
	m := map[string]string{}
	s = strings.TrimRight(s, ",")
	if s == "" {
		return m, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		parts := strings.Split(strings.TrimRight(pair, "="), "=")
		if len(parts) != 2 {
			return nil, badRequest("metadata must be JSON or a=1,b=2, got %q", s)
		}
		m[parts[0]] = parts[1]
	}
	return m, nil
}

// formHeartbeat reads a heartbeat. full reports whether it describes the
// instance, rather than only naming it.
func formHeartbeat(q form) (_ registry.Key, _ registry.Host, full bool, _ error) {
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
