package embedded_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// An instance that was registered over HTTP becomes unhealthy 15 to 20 s after its
// last heartbeat and is removed after 30 to 35 s, unless its metadata or its
// overlay sets other times.
func TestHeartbeats(t *testing.T) {
	const b = "serviceName=b&ip=10.0.0.1&port=80"
	for _, c := range []struct {
		name      string
		metadata  string
		overlay   string
		beats     time.Duration // it beats every 5 s until then
		unhealthy time.Duration // 0 is never before it goes
		gone      time.Duration
	}{
		{name: "no heartbeat", unhealthy: 20 * time.Second, gone: 35 * time.Second},
		{name: "heartbeats", beats: time.Minute, unhealthy: 75 * time.Second, gone: 90 * time.Second},
		{name: "its own times", metadata: "preserved.heart.beat.timeout=6000,preserved.ip.delete.timeout=11000", unhealthy: 10 * time.Second, gone: 15 * time.Second},
		{name: "no time between", metadata: "preserved.ip.delete.timeout=7000", gone: 10 * time.Second},
		{name: "the console's times", overlay: "preserved.heart.beat.timeout=6000", unhealthy: 10 * time.Second, gone: 35 * time.Second},
		{name: "nonsense", metadata: "preserved.heart.beat.timeout=soon", unhealthy: 20 * time.Second, gone: 35 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, mux := embedded.NewUnstarted()
				ask := func(method, path, query string) string {
					w := httptest.NewRecorder()
					mux.ServeHTTP(w, httptest.NewRequest(method, "/nacos/v1/ns/instance"+path+"?"+query, http.NoBody))
					require.Equal(t, http.StatusOK, w.Code, w.Body)
					return w.Body.String()
				}
				ask("POST", "", b+"&metadata="+c.metadata)
				if c.overlay != "" {
					ask("PUT", "", b+"&metadata="+c.overlay)
				}
				start := time.Now()
				var unhealthy, gone time.Duration
				for gone == 0 {
					now := time.Since(start)
					if now%(5*time.Second) == time.Second && now <= c.beats {
						require.Contains(t, ask("PUT", "/beat", b), "10200")
					}
					s.DoDue()
					list := ask("GET", "/list", "serviceName=b")
					switch {
					case now > time.Second && strings.Contains(list, `"hosts":[]`):
						gone = now
					case unhealthy == 0 && strings.Contains(list, `"healthy":false`):
						unhealthy = now
					}
					time.Sleep(time.Second)
				}
				// Lists are as old as the last push, here by up to a second.
				require.InDelta(t, c.unhealthy.Seconds(), unhealthy.Seconds(), 1)
				require.InDelta(t, c.gone.Seconds(), gone.Seconds(), 1)
			})
		})
	}
}

func TestHeartbeatMakesHealthyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, mux := embedded.NewUnstarted()
		ask := func(method, path, query string) string {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(method, "/nacos/v1/ns/instance"+path+"?serviceName=b"+query, http.NoBody))
			return w.Body.String()
		}
		pass := func(d time.Duration) {
			for range d / time.Second {
				time.Sleep(time.Second)
				s.DoDue()
			}
		}
		// A heartbeat that describes the instance registers it.
		require.Contains(t, ask("PUT", "/beat", `&beat={"ip":"10.0.0.1","port":80,"cluster":"c1","weight":3}`), "10200")
		pass(22 * time.Second)
		require.Contains(t, ask("GET", "/list", ""), `"healthy":false`)
		require.Contains(t, ask("PUT", "/beat", "&ip=10.0.0.1&port=80"), "10200")
		pass(2 * time.Second)
		list := ask("GET", "/list", "")
		require.Contains(t, list, `"healthy":true`)
		require.Contains(t, list, `"weight":3`)
		require.Contains(t, list, `"clusterName":"c1"`)
		require.Contains(t, ask("DELETE", "", "&ip=10.0.0.1&port=80"), "ok")
		pass(time.Second)
		require.Contains(t, ask("PUT", "/beat", "&ip=10.0.0.1&port=80"), "20404")
	})
}
