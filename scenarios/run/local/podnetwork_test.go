package local

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/hook"
)

func TestHooksCallTheirOwnPod(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host+r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	addr := srv.Listener.Addr().(*net.TCPAddr)
	p := podAddr{ip: "127.0.0.1", mapped: map[int]int{54199: addr.Port}}
	resolve := func(host string, port int) (string, bool) {
		return srv.Listener.Addr().String(), host == "nacos" && port == 8848
	}
	s := &hook.Shell{Root: t.TempDir(), Speed: 3000, Transport: newPodTransport(p, resolve)}
	require.NoError(t, s.Run(t.Context(), []string{"sh", "-c", "wget http://127.0.0.1:54199/offline 2>/tmp/null; sleep 30; exit 0"}))
	require.NoError(t, s.Run(t.Context(), []string{"sh", "-c", "curl -X PUT http://localhost:54199/offline && sleep 20"}))
	require.NoError(t, s.Run(t.Context(), []string{"curl", "http://nacos:8848/x"}))
	require.Equal(t, []string{"GET 127.0.0.1:54199/offline", "PUT localhost:54199/offline", "GET nacos:8848/x"}, asked)
	require.ErrorContains(t, s.Run(t.Context(), []string{"wget", "http://example.com/"}), "no such host in this cluster")
}
