package embedded_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// serveForm sends a form in the body of a request to an unstarted server.
func serveForm(mux http.Handler, method, path, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// The Boolean words of a form, as Nacos 2.3.2 takes them.
func TestFormBooleans(t *testing.T) {
	const b = "serviceName=b&ip=10.0.0.1&port=80&"
	for _, c := range []struct {
		path, form string
		want       string // of the list; "" is refused
	}{
		{"v1", "enabled=True", `"enabled":true`},
		{"v1", "enable=TRUE", `"enabled":true`},
		{"v1", "enabled=y", `"enabled":true`},
		{"v1", "enabled=on&healthy=True", `"healthy":true`},
		{"v1", "healthy=False", `"healthy":false`},
		{"v1", "healthy=1", `"healthy":false`},
		{"v1", "healthy=perhaps", `"healthy":false`},
		{"v1", "enabled=1", `"hosts":[]`},
		{"v1", "enabled=False", `"hosts":[]`},
		{"v2", "enabled=1&ephemeral=True", `"enabled":true`},
		{"v2", "healthy=OFF", `"healthy":false`},
		{"v2", "healthy=perhaps", ""},
		{"v1", "ephemeral=True", `"ephemeral":true`},
		{"v1", "ephemeral=False", ""},
		{"v1", "ephemeral=false", ""},
		{"v1", "ephemeral=1", ""},
		{"v2", "ephemeral=False", ""},
		{"v2", "ephemeral=0", ""},
		{"v2", "ephemeral=perhaps", ""},
	} {
		t.Run(c.path+" "+c.form, func(t *testing.T) {
			_, mux := embedded.NewUnstarted()
			w := serveForm(mux, "POST", "/nacos/"+c.path+"/ns/instance", b+c.form)
			if c.want == "" {
				require.Equal(t, 400, w.Code, w.Body)
				require.Contains(t, w.Body.String(), "must be true")
				return
			}
			require.Equal(t, 200, w.Code, w.Body)
			require.Contains(t, serveForm(mux, "GET", "/nacos/v1/ns/instance/list?serviceName=b", "").Body.String(), c.want)
		})
	}
}

// A DELETE of a persistent instance leaves the ephemeral one at its address.
func TestDeleteOfPersistentInstance(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	const b = "serviceName=b&ip=10.0.0.1&port=80"
	require.Equal(t, 200, serveForm(mux, "POST", "/nacos/v1/ns/instance", b).Code)
	require.Equal(t, "ok", serveForm(mux, "DELETE", "/nacos/v1/ns/instance?ephemeral=False&"+b, "").Body.String())
	require.Contains(t, serveForm(mux, "PUT", "/nacos/v1/ns/instance/beat", b).Body.String(), "10200")
}

func TestFormMetadata(t *testing.T) {
	for _, c := range []struct{ metadata, want string }{ // "" is refused
		{`{"a":1,"b":true,"c":1.50,"d":null,"e":"x"}`, `"metadata":{"a":"1","b":"true","c":"1.50","d":"","e":"x"}`},
		{`{"a":{"x":1}}`, ""},
		{`{"a":[1]}`, ""},
		{`{'a':'b'}`, ""},
		{`["a"]`, ""},
		{"x", ""},
		{"a=", ""},
		{"a=1=2", ""},
		{"a=1,,b=2", ""},
		{"a=1,b=2,", `"metadata":{"a":"1","b":"2"}`},
		{"a=1=", `"metadata":{"a":"1"}`},
		{"=1", `"metadata":{"":"1"}`},
		{",", `"metadata":{}`},
	} {
		_, mux := embedded.NewUnstarted()
		w := serveForm(mux, "POST", "/nacos/v1/ns/instance", "serviceName=b&ip=10.0.0.1&port=80&metadata="+url.QueryEscape(c.metadata))
		if c.want == "" {
			require.Equal(t, 400, w.Code, c.metadata)
			continue
		}
		require.Equal(t, 200, w.Code, "%s: %s", c.metadata, w.Body)
		require.Contains(t, serveForm(mux, "GET", "/nacos/v1/ns/instance/list?serviceName=b", "").Body.String(), c.want)
	}
}

// A heartbeat and a gRPC call may have numbers in their metadata, too.
func TestMetadataOfHeartbeat(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	w := serveForm(mux, "PUT", "/nacos/v1/ns/instance/beat", "serviceName=b&beat="+url.QueryEscape(`{"ip":"10.0.0.1","port":80,"metadata":{"a":1}}`))
	require.Contains(t, w.Body.String(), "10200")
	require.Contains(t, serveForm(mux, "GET", "/nacos/v1/ns/instance/list?serviceName=b", "").Body.String(), `"metadata":{"a":"1"}`)
}

func TestMultipartForm(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, field := range [][2]string{{"serviceName", "b"}, {"ip", "10.0.0.1"}, {"port", "80"}} {
		require.NoError(t, parts.WriteField(field[0], field[1]))
	}
	require.NoError(t, parts.Close())
	r := httptest.NewRequest(http.MethodPost, "/nacos/v1/ns/instance", &body)
	r.Header.Set("Content-Type", parts.FormDataContentType())
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, serveForm(mux, "GET", "/nacos/v1/ns/instance/list?serviceName=b", "").Body.String(), `"ip":"10.0.0.1"`)
}

func TestTrailingSlash(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	require.Equal(t, "ok", serveForm(mux, "POST", "/nacos/v1/ns/instance/", "serviceName=b&ip=10.0.0.1&port=80").Body.String())
	require.Contains(t, serveForm(mux, "GET", "/nacos/v1/ns/instance/list/?serviceName=b", "").Body.String(), `"ip":"10.0.0.1"`)
	require.Equal(t, 404, serveForm(mux, "GET", "/nacos/v1/ns/instance/list/more?serviceName=b", "").Code)
}
