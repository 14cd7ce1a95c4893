package embedded_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
)

// ask calls the open API.
func ask(t *testing.T, s *embedded.Server, method, path, form string) (int, string) {
	t.Helper()
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(s.Host(), strconv.Itoa(s.Port())), Path: path, RawQuery: form}
	req, err := http.NewRequestWithContext(t.Context(), method, u.String(), http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, strings.TrimSpace(string(body))
}

func TestHTTP(t *testing.T) {
	s := start(t, embedded.Options{Timing: registry.Timing{PushDelay: -1, Tick: -1}})
	const b = "serviceName=b&ip=10.0.0.1&port=80"
	for _, c := range []struct {
		method, path, form string
		status             int
		has                string
	}{
		{"GET", "/nacos/v2/console/health/readiness", "", 200, `"data":"ok"`},
		{"GET", "/nacos/v1/console/health/liveness", "", 200, "OK"},
		{"GET", "/nacos/v1/ns/operator/metrics", "", 200, `"status":"UP"`},
		{"POST", "/nacos/v1/auth/users/login", "username=nacos&password=x", 200, `"accessToken"`},
		{"GET", "/nacos/v1/ns/instance/list", "serviceName=b", 200, `"hosts":[]`},
		{"GET", "/nacos/v1/ns/instance/list", "", 400, "no serviceName"},
		{"PUT", "/nacos/v1/ns/instance", b, 400, "service not found"},

		{"POST", "/nacos/v1/ns/instance", b + `&metadata={"a":"1"}`, 200, "ok"},
		{"GET", "/nacos/v1/ns/instance/list", "serviceName=b", 200, `"name":"DEFAULT_GROUP@@b"`},
		{"GET", "/nacos/v2/ns/instance/list", "serviceName=DEFAULT_GROUP@@b", 200, `"ip":"10.0.0.1"`},
		{"GET", "/nacos/v3/client/ns/instance/list", "serviceName=b", 200, `"data":[{"instanceId":"10.0.0.1#80#DEFAULT#DEFAULT_GROUP@@b"`},
		{"GET", "/nacos/v1/ns/instance/list", "serviceName=b&clusters=other", 200, `"hosts":[]`},
		{"GET", "/nacos/v1/ns/instance", b, 200, `"metadata":{"a":"1"}`},
		{"GET", "/nacos/v1/ns/instance", "serviceName=b&ip=10.0.0.9&port=80", 404, "no matched ip"},
		{"PUT", "/nacos/v1/ns/instance/beat", b, 200, "10200"},
		{"PUT", "/nacos/v1/ns/instance/beat", "serviceName=b&ip=10.0.0.9&port=80", 200, "20404"},
		{"PUT", "/nacos/v1/ns/instance/beat", "serviceName=b&beat={", 400, "beat"},
		{"PUT", "/nacos/v1/ns/instance/beat", `beat={"ip":"10.0.0.9","port":80}`, 400, "serviceName"},
		{"PUT", "/nacos/v1/ns/instance/beat", `serviceName=b2&beat={"ip":"10.0.0.9","port":80,"cluster":"c9"}`, 200, "10200"},
		{"GET", "/nacos/v1/ns/instance", "serviceName=b2&ip=10.0.0.9&port=80&clusterName=c9", 200, `"healthy":true`},
		{"GET", "/nacos/v1/ns/service/list", "pageNo=1&pageSize=10", 200, `"doms":["b","b2"]`},
		{"GET", "/nacos/v2/ns/service/list", "pageNo=2&pageSize=1", 200, `"count":2,"services":["b2"]`},
		{"GET", "/nacos/v1/ns/service/list", "pageNo=1", 400, "pageSize"},
		{"PATCH", "/nacos/v1/ns/instance", "serviceName=b&ip=10.0.0.8&port=80", 404, "no matched ip"},
		{"GET", "/nacos/v2/ns/instance", "serviceName=b&ip=10.0.0.8&port=80", 404, `"code":20004`},

		{"PUT", "/nacos/v1/ns/instance", b + "&weight=0.5&metadata=c=2", 200, "ok"},
		{"PATCH", "/nacos/v1/ns/instance", b + "&metadata=c=3,d=4", 200, "ok"},
		{"GET", "/nacos/v1/ns/instance", b, 200, `"weight":0.5`},
		{"GET", "/nacos/v1/ns/instance", b, 200, `{"a":"1","c":"3","d":"4"}`},
		{"PATCH", "/nacos/v2/ns/instance", b + "&enabled=false", 200, `"ok"`},
		{"GET", "/nacos/v1/ns/instance/list", "serviceName=b", 200, `"hosts":[]`},
		{"GET", "/nacos/v2/ns/instance", b, 200, `"serviceName":"DEFAULT_GROUP@@b"`},
		{"PUT", "/nacos/v1/ns/instance", b + "&weight=NaN", 400, "weight"},
		{"PUT", "/nacos/v1/ns/instance", b + "&weight=10001", 400, "weight"},
		{"PUT", "/nacos/v1/ns/instance", b + "&metadata={", 400, "metadata"},
		{"PUT", "/nacos/v1/ns/instance", b + "&metadata=x", 400, "metadata"},
		{"PUT", "/nacos/v1/ns/instance", "serviceName=b&ip=10.0.0.1&port=x", 400, "port"},
		{"POST", "/nacos/v1/ns/instance", b + "&ephemeral=false", 400, "persistent"},
		{"POST", "/nacos/v1/ns/instance", b + "&metadata=preserved.heart.beat.timeout=2000", 400, "heart beat"},
		{"PUT", "/nacos/v1/ns/instance", b, 200, "ok"},
		{"DELETE", "/nacos/v1/ns/instance", b, 200, "ok"},
		{"GET", "/nacos/v1/ns/instance/list", "serviceName=b", 200, `"hosts":[]`},

		{"PUT", "/nacos/v1/ns/operator/switches", "entry=pushEnabled&value=false", 200, "ok"},
		{"GET", "/nacos/v1/ns/operator/switches", "", 200, `"pushEnabled":false`},
		{"PUT", "/nacos/v1/ns/operator/switches", "entry=pushDelay&value=20ms", 200, "ok"},
		{"PUT", "/nacos/v1/ns/operator/switches", "entry=pushDelay&value=20", 400, "duration"},
		{"PUT", "/nacos/v1/ns/operator/switches", "entry=blackhole&value=true&service=b", 200, "ok"},
		{"PUT", "/nacos/v1/ns/operator/switches", "entry=drop&value=perhaps", 400, "true or false"},
		{"PUT", "/nacos/v1/ns/operator/switches", "entry=gravity&value=false", 400, "no switch"},
	} {
		status, body := ask(t, s, c.method, c.path, c.form)
		// What is read is as old as the last push, which may be under way.
		for end := time.Now().Add(2 * time.Second); c.method == http.MethodGet && time.Now().Before(end); {
			if status == c.status && strings.Contains(body, c.has) {
				break
			}
			status, body = ask(t, s, c.method, c.path, c.form)
		}
		require.Equal(t, c.status, status, "%s %s?%s: %s", c.method, c.path, c.form, body)
		require.Contains(t, body, c.has, "%s %s?%s", c.method, c.path, c.form)
	}
}

func FuzzHTTP(f *testing.F) {
	f.Add("PUT", "/nacos/v1/ns/instance", "serviceName=b&ip=1&port=2&metadata={}")
	f.Add("GET", "/nacos/v2/ns/instance/list", "serviceName=@@&clusters=,")
	f.Add("PUT", "/nacos/v1/ns/operator/switches", "entry=pushDelay&value=-1h")
	f.Add("POST", "/nacos/v1/ns/instance", "serviceName=%00&ip=%ff&port=-0&weight=1e-400")
	mux := embedded.NewHTTPHandler()
	f.Fuzz(func(t *testing.T, method, path, query string) {
		req, err := http.NewRequest(method, "http://x/", http.NoBody)
		if err != nil {
			return
		}
		req.URL.Path, req.URL.RawQuery = "/"+strings.TrimPrefix(path, "/"), query
		w := &sink{}
		mux.ServeHTTP(w, req)
		require.Less(t, w.status, 500)
	})
}

// sink is a ResponseWriter that keeps the status.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }
