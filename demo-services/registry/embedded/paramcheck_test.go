package embedded_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// Parameters that Nacos 2.3.2 accepts and refuses; its answers were recorded.
func TestParamCheck(t *testing.T) {
	_, mux := embedded.NewUnstarted()
	long := func(n int) string { return strings.Repeat("s", n) }
	for _, c := range []struct {
		name, value string
		refused     bool
	}{
		{"serviceName", long(512), false},
		{"serviceName", long(513), true},
		{"serviceName", "a b", true},
		{"serviceName", "a/b", false},
		{"serviceName", "a,b", false},
		{"serviceName", "a:b-c_d.e", false},
		{"serviceName", "服", false},
		{"serviceName", "a服", true},
		{"serviceName", "@a", true},
		{"serviceName", "a@b", false},
		{"serviceName", "a@@@b", true},
		{"serviceName", "g@@", true},
		{"serviceName", "@@s", true},
		{"serviceName", "g x@@s", true},
		{"serviceName", "", true},
		{"groupName", "a@b", true},
		{"groupName", long(128), false},
		{"groupName", long(129), true},
		{"clusterName", "a-b", false},
		{"clusterName", "a_b", true},
		{"clusterName", "a.b", true},
		{"clusterName", "a,b", true},
		{"clusterName", long(65), true},
		{"namespaceId", "a_b-c", false},
		{"namespaceId", "a b", true},
		{"namespaceId", "a.b", true},
		{"namespaceId", long(65), true},
		{"ip", "host.example", false},
		{"ip", "::1", false},
		{"ip", "a b", true},
		{"ip", "服", true},
		{"ip", long(129), true},
		{"ip", "", true},
		{"port", "0", false},
		{"port", "-1", true},
		{"port", "65536", true},
		{"port", "", true},
		{"metadata", `{"a":"` + long(1023) + `"}`, false},
		{"metadata", `{"a":"` + long(1024) + `"}`, true},
		{"weight", "-1", true},
	} {
		form := url.Values{"serviceName": {"s"}, "ip": {"10.0.0.1"}, "port": {"80"}}
		form.Set(c.name, c.value)
		for _, version := range []string{"v1", "v2"} {
			w := serveForm(mux, "POST", "/nacos/"+version+"/ns/instance", form.Encode())
			require.Equal(t, c.refused, w.Code == 400, "%s=%s: %d %s", c.name, c.value, w.Code, w.Body)
		}
	}
	require.Equal(t, 400, serveForm(mux, "GET", "/nacos/v1/ns/instance/list?serviceName=a+b", "").Code)
	require.Equal(t, 400, serveForm(mux, "PUT", "/nacos/v1/ns/instance/beat", `serviceName=s&beat={"ip":"a+b","port":80}`).Code)
}
