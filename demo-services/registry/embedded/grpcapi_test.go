package embedded_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
)

func dial(t *testing.T, s *embedded.Server) *registrytest.WireClient {
	t.Helper()
	return registrytest.DialWire(t, s.Host(), s.GRPCPort())
}

func TestGRPCRefusals(t *testing.T) {
	w := dial(t, start(t, embedded.Options{}))
	require.Equal(t, "7", w.Call("ServerCheckRequest", `{"requestId":"7"}`).RequestID)
	w.SetUp()
	for _, c := range []struct {
		kind, body string
		code       int
	}{
		{"LockOperationRequest", `{"requestId":"8"}`, 302},
		{"", `{}`, 302},
		{"InstanceRequest", `{"serviceName":"b","type":"registerInstance","instance":{"ip":"","port":1}}`, 400},
		{"InstanceRequest", `{"serviceName":"b","type":"registerInstance","instance":{"ip":"x","port":65536}}`, 400},
		{"InstanceRequest", `{"serviceName":"b","type":"explode","instance":{"ip":"x","port":1}}`, 400},
		{"InstanceRequest", `{"serviceName":"","type":"registerInstance","instance":{"ip":"x","port":1}}`, 400},
		{"BatchInstanceRequest", `{"serviceName":"b","type":"batchRegisterInstance","instances":[{"ip":""}]}`, 400},
		{"SubscribeServiceRequest", `{"serviceName":7}`, 400},
		{"ServiceListRequest", `no JSON`, 400},
		{"ServiceQueryRequest", ``, 400},
	} {
		a := w.Call(c.kind, c.body)
		require.Equal(t, []any{"ErrorResponse", c.code, 500, false}, []any{a.Kind, a.ErrorCode, a.ResultCode, a.Success}, "%s %s", c.kind, c.body)
		require.NotEmpty(t, a.Message)
	}
}

func FuzzGRPC(f *testing.F) {
	for _, kind := range []string{"InstanceRequest", "BatchInstanceRequest", "SubscribeServiceRequest", "ServiceQueryRequest", "ServiceListRequest", "HealthCheckRequest", "ServerCheckRequest", "?"} {
		f.Add(kind, []byte(`{"requestId":"1","serviceName":"b","type":"registerInstance","subscribe":true,"instance":{"ip":"x","port":1,"metadata":{"a":"b"}},"instances":[{"ip":"y","port":2}],"pageNo":1,"pageSize":10}`))
	}
	f.Add("ServiceListRequest", []byte(`{"pageNo":9223372036854775807,"pageSize":9223372036854775807}`))
	f.Add("InstanceRequest", []byte(`{"serviceName":"b","type":"registerInstance","instance":{"ip":"x","port":-1,"weight":-1e308}}`))
	answer := embedded.NewGRPCHandler()
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		got, err := answer(t.Context(), kind, body)
		require.NoError(t, err)
		var r registrytest.Answer
		require.NoError(t, json.Unmarshal(got.GetBody().GetValue(), &r))
		require.True(t, strings.HasSuffix(got.GetMetadata().GetType(), "Response"))
		require.Equal(t, r.Success, got.GetMetadata().GetType() != "ErrorResponse")
	})
}
