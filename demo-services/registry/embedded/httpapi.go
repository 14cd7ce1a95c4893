package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// httpAPI serves Nacos' open API: versions 1 and 2, and the list of version 3. It
// handles instances and operator requests itself.
type httpAPI struct {
	catalog    *catalog
	conns      *connections
	heartbeats *heartbeats
	faults     *faults
	configs    *configs
}

// httpHandler returns the result of a request, or an error. It is called with
// the catalog's lock held.
type httpHandler func(q form) (any, error)

// addRoute adds a handler for a pattern of [http.ServeMux].
type addRoute func(pattern string, write writeResult, h httpHandler)

func (a *httpAPI) routes() http.Handler {
	m := http.NewServeMux()
	handle := func(pattern string, write writeResult, h httpHandler) {
		m.HandleFunc(pattern, a.locked(write, h))
		m.HandleFunc(pattern+"/{$}", a.locked(write, h))
	}
	for v, write := range map[string]writeResult{"v1": writePlain, "v2": writeWrapped} {
		instance := "/nacos/" + v + "/ns/instance"
		handle("GET "+instance+"/list", write, a.listInstances)
		handle("GET "+instance, write, a.getInstance)
		handle("POST "+instance, write, a.registerInstance)
		handle("DELETE "+instance, write, a.deregisterInstance)
		handle("PUT "+instance, write, a.updateInstance)
		handle("PATCH "+instance, write, a.patchInstance)
		handle("PUT "+instance+"/beat", write, a.heartbeat)
		handle("GET /nacos/"+v+"/ns/operator/metrics", write, a.metrics)
		handle("GET /nacos/"+v+"/ns/operator/switches", write, a.getSwitches)
		handle("PUT /nacos/"+v+"/ns/operator/switches", write, a.setSwitch)
		for _, state := range []string{"readiness", "liveness"} {
			handle("GET /nacos/"+v+"/console/health/"+state, write, func(form) (any, error) { return healthyText[v], nil })
		}
	}
	handle("GET /nacos/v1/ns/service/list", writePlain, a.listServices("doms"))
	handle("GET /nacos/v2/ns/service/list", writeWrapped, a.listServices("services"))
	handle("GET /nacos/v3/client/ns/instance/list", writeWrapped, a.listHosts)
	handle("POST /nacos/v1/auth/users/login", writePlain, login)
	handle("POST /nacos/v1/auth/login", writePlain, login)
	(&serviceAPI{catalog: a.catalog, conns: a.conns}).addRoutes(handle)
	(&configAPI{catalog: a.catalog, configs: a.configs}).addRoutes(handle, m)
	return m
}

// healthyText is what each version answers on behalf of a healthy server.
var healthyText = map[string]string{"v1": "OK", "v2": "ok"}

// login accepts everybody: nothing in this registry is secret.
func login(q form) (any, error) {
	return map[string]any{"accessToken": "none", "tokenTtl": 18000, "globalAdmin": true, "username": q.Get("username")}, nil
}

// maxForm bounds the body of a request in bytes.
const maxForm = 1 << 20

// locked runs a handler with the catalog's lock held and writes its result.
func (a *httpAPI) locked(write writeResult, h httpHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		q, err := parseForm(r)
		if err != nil {
			write(w, nil, &apiError{errParameter, err.Error()})
			return
		}
		a.catalog.mu.Lock()
		v, err := h(q)
		a.catalog.mu.Unlock()
		if err != nil {
			var refused apiError
			if !errors.As(err, &refused) {
				refused = apiError{errParameter, err.Error()}
			}
			write(w, nil, &refused)
			return
		}
		write(w, v, nil)
	}
}

// errorKind is a kind of error as both versions of the API report it.
type errorKind struct {
	status  int    // of HTTP
	code    int    // of version 2
	message string // of version 2
}

var (
	errParameter = errorKind{http.StatusBadRequest, 20002, "parameter validate error"}
	errInstance  = errorKind{http.StatusBadRequest, 21004, "instance error"}
	errNotFound  = errorKind{http.StatusNotFound, 20004, "resource not found"}
)

// apiError is an error with its kind.
type apiError struct {
	errorKind
	text string
}

func (e apiError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return apiError{errParameter, fmt.Sprintf(format, args...)}
}

// writeResult writes a result, or an error, as a version of the API does.
type writeResult func(http.ResponseWriter, any, *apiError)

// writePlain is version 1: a bare value, or a line of text.
func writePlain(w http.ResponseWriter, v any, e *apiError) {
	if e != nil {
		writeText(w, e.status, e.text)
		return
	}
	if text, isText := v.(string); isText {
		writeText(w, http.StatusOK, text)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// writeWrapped is versions 2 and 3: a Result.
func writeWrapped(w http.ResponseWriter, v any, e *apiError) {
	type result struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}
	if e != nil {
		writeJSON(w, e.status, result{e.code, e.message, e.text})
		return
	}
	writeJSON(w, http.StatusOK, result{0, "success", v})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) //nolint:gosec // plain text; fails only if the client has gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails only if the client has gone. No line end: clients compare with "true".
}
