package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zeroloss/demo-services/registry"
)

// mux is the HTTP side: lists and switches, versions 1 and 2, and the list of
// version 3.
func (s *Server) mux() http.Handler {
	m := http.NewServeMux()
	for v, write := range map[string]reply{"v1": plain, "v2": wrapped} {
		instance := "/nacos/" + v + "/ns/instance"
		m.HandleFunc("GET "+instance+"/list", s.locked(write, s.httpList))
		m.HandleFunc("GET "+instance, s.locked(write, func(q url.Values) (any, error) { return s.httpInstance(v, q) }))
		m.HandleFunc("POST "+instance, s.locked(write, s.httpRegister))
		m.HandleFunc("DELETE "+instance, s.locked(write, s.httpDeregister))
		m.HandleFunc("PUT "+instance, s.locked(write, s.httpUpdate))
		m.HandleFunc("PATCH "+instance, s.locked(write, s.httpPatch))
		m.HandleFunc("PUT "+instance+"/beat", s.locked(write, s.httpBeat))
		m.HandleFunc("GET /nacos/"+v+"/ns/operator/metrics", s.locked(write, s.httpMetrics))
		m.HandleFunc("GET /nacos/"+v+"/ns/operator/switches", s.locked(write, s.httpSwitches))
		m.HandleFunc("PUT /nacos/"+v+"/ns/operator/switches", s.locked(write, s.httpSwitch))
		for _, state := range []string{"readiness", "liveness"} {
			m.HandleFunc("GET /nacos/"+v+"/console/health/"+state, s.locked(write, func(url.Values) (any, error) { return healthy[v], nil }))
		}
	}
	m.HandleFunc("GET /nacos/v1/ns/service/list", s.locked(plain, s.httpServices("doms")))
	m.HandleFunc("GET /nacos/v2/ns/service/list", s.locked(wrapped, s.httpServices("services")))
	m.HandleFunc("GET /nacos/v3/client/ns/instance/list", s.locked(wrapped, s.httpHosts))
	m.HandleFunc("POST /nacos/v1/auth/users/login", s.locked(plain, login))
	m.HandleFunc("POST /nacos/v1/auth/login", s.locked(plain, login))
	return m
}

// fault is a kind of error, as both versions of the API tell it.
type fault struct {
	status  int    // of HTTP
	code    int    // of version 2
	message string // of version 2
}

var (
	faultParameter = fault{http.StatusBadRequest, 20002, "parameter validate error"}
	faultInstance  = fault{http.StatusBadRequest, 21004, "instance error"}
	faultNotFound  = fault{http.StatusNotFound, 20004, "resource not found"}
)

// refused is an error as it is told.
type refused struct {
	fault
	text string
}

func (r refused) Error() string { return r.text }

func badRequest(format string, args ...any) error {
	return refused{faultParameter, fmt.Sprintf(format, args...)}
}

// reply writes an answer, or an error, as a version of the API does.
type reply func(http.ResponseWriter, any, *refused)

// plain is version 1: a bare value, or a line of text.
func plain(w http.ResponseWriter, v any, r *refused) {
	if r != nil {
		writeText(w, r.status, r.text)
		return
	}
	if text, isText := v.(string); isText {
		writeText(w, http.StatusOK, text)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// wrapped is versions 2 and 3: a Result.
func wrapped(w http.ResponseWriter, v any, r *refused) {
	type result struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}
	if r != nil {
		writeJSON(w, r.status, result{r.code, r.message, r.text})
		return
	}
	writeJSON(w, http.StatusOK, result{0, "success", v})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client has gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// locked runs h with the table's lock held.
func (s *Server) locked(write reply, h func(url.Values) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		if err := r.ParseForm(); err != nil {
			write(w, nil, &refused{faultParameter, err.Error()})
			return
		}
		v, err := s.under(h, r.Form)
		if err != nil {
			no, isRefused := err.(refused)
			if !isRefused {
				no = refused{faultParameter, err.Error()}
			}
			write(w, nil, &no)
			return
		}
		write(w, v, nil)
	}
}

func (s *Server) under(h func(url.Values) (any, error), q url.Values) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h(q)
}

// healthy is what each version says of a server that is.
var healthy = map[string]string{"v1": "OK", "v2": "ok"}

// login lets everybody in: nothing here is secret.
func login(q url.Values) (any, error) {
	return map[string]any{"accessToken": "none", "tokenTtl": 18000, "globalAdmin": true, "username": q.Get("username")}, nil
}

func formKey(q url.Values) (registry.Key, error) {
	return naming{Namespace: q.Get("namespaceId"), Service: q.Get("serviceName"), Group: q.Get("groupName")}.key()
}

func (s *Server) httpList(q url.Values) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	clusters := q.Get("clusters") + q.Get("clusterName") // version 1, version 2
	info := s.info(s.table.Read(s.now(), k), clusters, q.Get("healthyOnly") == "true")
	info.Name = k.Grouped() // as old SDKs want it
	return info, nil
}

func (s *Server) httpHosts(q url.Values) (any, error) {
	k, err := formKey(q)
	if err != nil {
		return nil, err
	}
	return s.info(s.table.Read(s.now(), k), q.Get("clusterName"), q.Get("healthyOnly") == "true").Hosts, nil
}

// httpInstance shows one host, listed or not.
func (s *Server) httpInstance(version string, q url.Values) (any, error) {
	k, want, err := formHost(q)
	if err != nil {
		return nil, err
	}
	h, found := s.table.Find(s.now(), k, want)
	if !found {
		return nil, refused{faultNotFound, "no matched ip found!"}
	}
	w := wireHost(k, h)
	return map[string]any{
		map[string]string{"v1": "service", "v2": "serviceName"}[version]: k.Grouped(),
		"ip": w.IP, "port": w.Port, "clusterName": w.Cluster, "weight": w.Weight, "healthy": w.Healthy,
		"instanceId": w.InstanceID, "metadata": w.Metadata,
	}, nil
}

// httpServices lists the names of a group's services, a page at a time.
func (s *Server) httpServices(field string) func(url.Values) (any, error) {
	return func(q url.Values) (any, error) {
		no, errNo := strconv.Atoi(q.Get("pageNo"))
		size, errSize := strconv.Atoi(q.Get("pageSize"))
		if err := errors.Join(errNo, errSize); err != nil {
			return nil, badRequest("pageNo and pageSize are required: %v", err)
		}
		k := registry.NewKey(q.Get("namespaceId"), q.Get("groupName"), "")
		names := s.table.Services(k.Namespace, k.Group)
		return map[string]any{"count": len(names), field: page(names, no, size)}, nil
	}
}

// formHost reads a host: missing enabled, healthy and weight mean true, true
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
		return k, registry.Host{}, badRequest("port %q is not a number", q.Get("port"))
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

// formDetails reads what an overlay is made of; what the form does not name
// stays as it is.
func formDetails(q url.Values, enabled *bool, weight *float64, meta *map[string]string) error {
	for _, name := range []string{"enable", "enabled"} {
		if v := q.Get(name); v != "" {
			*enabled = v == "true"
		}
	}
	if v := q.Get("weight"); v != "" {
		w, err := strconv.ParseFloat(v, 64)
		if err != nil || !(w >= 0 && w <= maxWeight) {
			return badRequest("weight %q is not a number within 0 and %d", v, maxWeight)
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

// formMetadata reads JSON, or "a=1,b=2".
func formMetadata(s string) (map[string]string, error) {
	m := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(s), "{") {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			return nil, badRequest("metadata is not a JSON object of strings: %v", err)
		}
		return m, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		k, v, isPair := strings.Cut(pair, "=")
		if !isPair {
			return nil, badRequest("metadata %q is neither JSON nor a=1,b=2", s)
		}
		m[k] = v
	}
	return m, nil
}

// httpUpdate lays an overlay over a host: it wins over what the SDK publishes.
func (s *Server) httpUpdate(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	return s.cover(k, h, registry.Overlay{Enabled: h.Enabled, Weight: h.Weight, Metadata: h.Metadata})
}

// httpPatch changes only what the form names. Where nothing was laid over the
// host yet, the rest is as new: enabled, and of weight 1, whatever the host says
// of itself.
func (s *Server) httpPatch(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if _, found := s.table.Find(s.now(), k, h); !found {
		return nil, refused{faultNotFound, "no matched ip found!"}
	}
	o, laid := s.table.Overlay(k, h)
	if !laid {
		o = registry.Overlay{Enabled: true, Weight: 1}
	}
	if err := formDetails(q, &o.Enabled, &o.Weight, &o.Metadata); err != nil {
		return nil, err
	}
	return s.cover(k, h, o)
}

func (s *Server) cover(k registry.Key, h registry.Host, o registry.Overlay) (any, error) {
	changes, known := s.table.SetOverlay(s.now(), k, h, o)
	if !known {
		return nil, refused{faultInstance, fmt.Sprintf("service not found, namespace: %s, service: %s", k.Namespace, k.Grouped())}
	}
	s.tell("http", changes)
	return "ok", nil
}

func (s *Server) httpMetrics(url.Values) (any, error) {
	return map[string]any{"status": "UP", "connectionBasedClientCount": len(s.conns), "clientCount": len(s.conns) + len(s.beats)}, nil
}

func (s *Server) httpSwitches(url.Values) (any, error) {
	return map[string]any{"pushEnabled": !s.knobs.pushDisabled, "defaultPushCacheMillis": cacheMillis}, nil
}

// httpSwitch turns pushEnabled, as a real server does, and the knobs that only
// this one has: pushDelay (a duration), drop and blackhole (of a service, or of
// all).
func (s *Server) httpSwitch(q url.Values) (any, error) {
	entry, value, service := q.Get("entry"), q.Get("value"), q.Get("service")
	if entry == "pushDelay" {
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, badRequest("pushDelay %q: want a duration, as 500ms", value)
		}
		s.setPushDelay(d)
		return "ok", nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return nil, badRequest("%s %q: want true or false", entry, value)
	}
	f := s.knobs.faults[service]
	switch entry {
	case "pushEnabled":
		s.setPushEnabled(on)
		return "ok", nil
	case "drop":
		f.Drop = on
	case "blackhole":
		f.Blackhole = on
	default:
		return nil, badRequest("no switch %q: there are pushEnabled, pushDelay, drop, blackhole", entry)
	}
	s.setFault(service, f)
	return "ok", nil
}
