package embedded_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// A client that calls but never reads its stream holds no more than the bound of
// its queue and one list, however long it lasts and however much changes.
func TestSendQueueIsBounded(t *testing.T) {
	const bound, list = 32 << 10, 8 << 10
	synctest.Test(t, func(t *testing.T) {
		s, mux := embedded.NewUnstarted()
		call, queued := s.ServeUnread()
		call("SubscribeServiceRequest", `{"serviceName":"b","subscribe":true}`)
		call("ConfigBatchListenRequest", `{"listen":true,"configListenContexts":[{"dataId":"d","group":"g"}]}`)
		most := 0
		for i := range 600 {
			metadata := strings.Repeat("x", 1000)
			form := fmt.Sprintf("serviceName=b&ip=10.0.0.%d&port=80&metadata=a=%s", i%5, metadata)
			require.Equal(t, http.StatusOK, serveForm(mux, "POST", "/nacos/v1/ns/instance", form).Code)
			serveForm(mux, "POST", "/nacos/v1/cs/configs", fmt.Sprintf("dataId=d&group=g&content=%d", i))
			call("HealthCheckRequest", `{}`)
			s.DoDue()
			most = max(most, queued())
			time.Sleep(time.Second)
		}
		require.Greater(t, most, bound/2)
		require.Less(t, most, bound+list)
	})
}
