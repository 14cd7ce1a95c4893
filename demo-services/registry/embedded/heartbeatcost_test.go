package embedded_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// 2,000 instances that only send heartbeats, each every 5 s, cost at most 1 % of
// a core. The clock is simulated, the processor time is real.
func TestHeartbeatCost(t *testing.T) {
	const instances, seconds, most = 2000, 60, 0.01
	synctest.Test(t, func(t *testing.T) {
		s, mux := embedded.NewUnstarted()
		requests := make([]*http.Request, instances)
		var due time.Time
		doDue := func() {
			if time.Now().Before(due) {
				return
			}
			next, scheduled := s.DoDue()
			if !scheduled {
				next = time.Hour
			}
			due = time.Now().Add(next)
		}
		form := func(i int) string { return fmt.Sprintf("?serviceName=b&ip=10.0.%d.%d&port=80", i/250, i%250) }
		for i := range instances {
			r := httptest.NewRequest(http.MethodPost, "/nacos/v1/ns/instance"+form(i), http.NoBody)
			mux.ServeHTTP(httptest.NewRecorder(), r)
			requests[i] = httptest.NewRequest(http.MethodPut, "/nacos/v1/ns/instance/beat"+form(i), http.NoBody)
			time.Sleep(2500 * time.Microsecond)
		}
		time.Sleep(time.Second)
		due = time.Now()
		doDue() // the push of the registrations
		before := processorTime(t)
		for range seconds / 5 {
			for _, r := range requests {
				mux.ServeHTTP(&sink{}, r.Clone(t.Context()))
				doDue()
				time.Sleep(2500 * time.Microsecond)
			}
		}
		used := processorTime(t) - before
		t.Logf("%v of processor time in %d s: %.2f %% of a core", used, seconds, 100*used.Seconds()/seconds)
		require.LessOrEqual(t, used.Seconds()/seconds, most)
		list := serveForm(mux, "GET", "/nacos/v1/ns/operator/metrics", "").Body.String()
		require.Contains(t, list, `"clientCount":2000`)
	})
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
