package embedded_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// The answers to configuration calls over HTTP, as Nacos 2.3.2 gives them.
func TestConfigOverHTTP(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	const d = "dataId=d&group=g"
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "v1/cs/configs?" + d, 404, "config data not exist"},
		{"GET", "v2/cs/config?" + d, 404, `{"code":20004,"message":"resource not found","data":"config data not exist"}`},
		{"POST", "v1/cs/configs?content=hello&" + d, 200, "true"},
		{"GET", "v1/cs/configs?" + d, 200, "hello"},
		{"GET", "v1/cs/configs?tenant=public&" + d, 200, "hello"},
		{"GET", "v1/cs/configs?tenant=other&" + d, 404, "config data not exist"},
		{"GET", "v2/cs/config?" + d, 200, `{"code":0,"message":"success","data":"hello"}`},
		{"POST", "v2/cs/config?namespaceId=n&content=hi&" + d, 200, `{"code":0,"message":"success","data":true}`},
		{"GET", "v1/cs/configs?tenant=n&" + d, 200, "hi"},
		{"POST", "v1/cs/configs?" + d, 400, "invalid request: Parameter 'content' is missing"},
		{"POST", "v1/cs/configs?group=g&content=x", 400, "invalid request: Parameter 'dataId' is missing"},
		{"GET", "v1/cs/configs?dataId=d", 400, "invalid request: Parameter 'group' is missing"},
		{"DELETE", "v1/cs/configs?" + d, 200, "true"},
		{"DELETE", "v1/cs/configs?" + d, 200, "true"},
		{"GET", "v1/cs/configs?" + d, 404, "config data not exist"},
		{"POST", "v1/cs/configs/listener", 400, `invalid probeModify: Listening-Configs=""`},
	} {
		w := serveForm(mux, c.method, "/nacos/"+c.path, "")
		require.Equal(t, []any{c.status, c.body}, []any{w.Code, w.Body.String()}, "%s %s", c.method, c.path)
	}
	require.Equal(t, 400, serveForm(mux, "GET", "/nacos/v1/cs/configs?dataId=d+x&group=g", "").Code)
	serveForm(mux, "POST", "/nacos/v1/cs/configs", "dataId=d1&group=g&content=a")
	serveForm(mux, "POST", "/nacos/v1/cs/configs", "dataId=d2&group=g&content=b")
	require.Contains(t, serveForm(mux, "GET", "/nacos/v1/cs/configs?show=all&dataId=d1&group=g", "").Body.String(), `"md5":"0cc175b9c0f1b6a831c399e269772661"`)
	list := serveForm(mux, "GET", "/nacos/v1/cs/configs?search=blur&dataId=*d*&pageNo=2&pageSize=1", "").Body.String()
	require.Contains(t, list, `"dataId":"d2"`)
	require.Contains(t, list, `"totalCount":2`)
	require.Contains(t, serveForm(mux, "GET", "/nacos/v1/cs/configs?search=accurate&dataId=d&pageNo=1&pageSize=1", "").Body.String(), `"totalCount":0`)
}

// A long poll answers at once if the client's sum is old, at the next change
// otherwise, and with nothing half a second before its time.
func TestConfigLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, mux := embedded.NewUnstarted()
		poll := func(words ...string) string {
			r := httptest.NewRequest(http.MethodPost, "/nacos/v1/cs/configs/listener?Listening-Configs="+url.QueryEscape(strings.Join(words, "\x02")+"\x01"), http.NoBody)
			r.Header.Set("Long-Pulling-Timeout", "10000")
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			require.Equal(t, 200, w.Code)
			return w.Body.String()
		}
		start := time.Now()
		require.Equal(t, "d%02g%01", poll("d", "g", "old"))
		require.Equal(t, "d%02g%02n%01", poll("d", "g", "old", "n"))
		require.Zero(t, time.Since(start))
		require.Empty(t, poll("d", "g", ""))
		require.Equal(t, 9500*time.Millisecond, time.Since(start))

		start = time.Now()
		go func() {
			time.Sleep(2 * time.Second)
			serveForm(mux, "POST", "/nacos/v1/cs/configs", "dataId=other&group=g&content=x")
			time.Sleep(time.Second)
			serveForm(mux, "POST", "/nacos/v1/cs/configs", "dataId=d&group=g&content=x")
		}()
		require.Equal(t, "d%02g%01", poll("d", "g", ""))
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// The answers to configuration calls of SDKs, as Nacos 2.3.2 gives them.
func TestConfigOverGRPC(t *testing.T) {
	s := start(t, embedded.Options{})
	w := dial(t, s)
	w.SetUp()
	const d = `"dataId":"d","group":"g","tenant":""`
	a := w.Call("ConfigQueryRequest", `{`+d+`,"requestId":"1"}`)
	require.Equal(t, []any{"ConfigQueryResponse", 500, 300, false, "config data not exist", "1"}, []any{a.Kind, a.ResultCode, a.ErrorCode, a.Success, a.Message, a.RequestID})
	listen := w.Call("ConfigBatchListenRequest", `{"listen":true,"configListenContexts":[{`+d+`,"md5":""},{"dataId":"e","group":"g","tenant":"","md5":"x"}]}`)
	require.Equal(t, []any{"ConfigChangeBatchListenResponse", true}, []any{listen.Kind, listen.Success})
	require.Len(t, listen.ChangedConfigs, 1)
	require.Equal(t, "e", listen.ChangedConfigs[0].DataID)

	require.True(t, w.Call("ConfigPublishRequest", `{`+d+`,"content":"hello"}`).Success)
	notified, open := w.Receive(5 * time.Second)
	require.True(t, open)
	require.Equal(t, []string{"ConfigChangeNotifyRequest", "d"}, []string{notified.Kind, notified.DataID})
	w.Send("ConfigChangeNotifyResponse", `{"resultCode":200,"requestId":"`+notified.RequestID+`"}`)
	got := w.Call("ConfigQueryRequest", `{`+d+`}`)
	require.Equal(t, []any{true, "hello", "5d41402abc4b2a76b9719d911017c592"}, []any{got.Success, got.Content, got.MD5})

	require.False(t, w.Call("ConfigPublishRequest", `{`+d+`,"content":"x","casMd5":"abc"}`).Success)
	require.True(t, w.Call("ConfigPublishRequest", `{`+d+`,"content":"x","casMd5":"5d41402abc4b2a76b9719d911017c592"}`).Success)
	require.False(t, w.Call("ConfigPublishRequest", `{`+d+`,"content":""}`).Success)
	require.False(t, w.Call("ConfigPublishRequest", `{"dataId":"d d","group":"g","content":"x"}`).Success)

	// Published values outlive a restart of the server.
	require.NoError(t, s.Restart(t.Context(), 0))
	w = dial(t, s)
	w.SetUp()
	require.Equal(t, "x", w.Call("ConfigQueryRequest", `{`+d+`}`).Content)
	require.True(t, w.Call("ConfigRemoveRequest", `{`+d+`}`).Success)
	require.Equal(t, 300, w.Call("ConfigQueryRequest", `{`+d+`}`).ErrorCode)
}

// An SDK's instance is listed as ephemeral, whatever the SDK says, and its
// heartbeat times are checked.
func TestGRPCInstanceIsEphemeral(t *testing.T) {
	s := start(t, embedded.Options{})
	w := dial(t, s)
	w.SetUp()
	require.True(t, w.Call("InstanceRequest", `{"serviceName":"b","type":"registerInstance","instance":{"ip":"10.0.0.1","port":1,"ephemeral":false,"enabled":true,"metadata":{"a":1}}}`).Success)
	_, list := ask(t, s, "GET", "/nacos/v1/ns/instance/list", "serviceName=b")
	require.Contains(t, list, `"ephemeral":true`)
	require.Contains(t, list, `"metadata":{"a":"1"}`)
	require.Equal(t, 400, w.Call("InstanceRequest", `{"serviceName":"b","type":"registerInstance","instance":{"ip":"10.0.0.1","port":1,"metadata":{"preserved.heart.beat.timeout":"2000"}}}`).ErrorCode)
}
