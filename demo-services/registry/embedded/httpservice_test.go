package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
)

// The answers to calls about services, as Nacos 2.3.2 gives them.
func TestServiceCalls(t *testing.T) {
	s := start(t, embedded.Options{})
	w := dial(t, s)
	w.SetUp()
	w.Call("SubscribeServiceRequest", `{"serviceName":"b","subscribe":true,"clusters":"c1"}`)
	for _, c := range []struct {
		method, path, form string
		status             int
		has                string
	}{
		{"GET", "v1/ns/service", "serviceName=b", 400, "service not found, namespace: public, serviceName: DEFAULT_GROUP@@b"},
		{"PUT", "v1/ns/service", "serviceName=b&protectThreshold=1", 400, "service DEFAULT_GROUP@@b not found!"},
		{"DELETE", "v2/ns/service", "serviceName=b", 400, `"code":21008`},
		{"POST", "v1/ns/service", "serviceName=b&protectThreshold=x", 400, "protectThreshold"},
		{"POST", "v1/ns/service", "serviceName=b&protectThreshold=0.3&metadata=a=1", 200, "ok"},
		{"POST", "v1/ns/service", "serviceName=b", 400, "specified service DEFAULT_GROUP@@b already exists!"},
		{"POST", "v2/ns/service", "serviceName=b", 400, `"code":21007`},
		{"GET", "v1/ns/service", "serviceName=b", 200, `"metadata":{"a":"1"},"name":"b","namespaceId":"public","protectThreshold":0.3`},
		{"GET", "v1/ns/instance/list", "serviceName=b", 200, `"hosts":[]`},
		{"PUT", "v1/ns/service", "serviceName=b&protectThreshold=0.5", 200, "ok"},
		{"PUT", "v1/ns/service", "serviceName=b", 400, "'protectThreshold' is required"},
		{"GET", "v2/ns/service", "serviceName=b", 200, `"protectThreshold":0.5`},
		{"GET", "v1/ns/service/names", "", 200, `{"META-INF/services":{"public":["DEFAULT_GROUP@@b"]},"count":1}`},
		{"GET", "v1/ns/service/names", "namespaceId=other", 200, `"count":0`},
		{"GET", "v1/ns/service/subscribers", "serviceName=b&pageNo=1&pageSize=10", 200, `"cluster":"c1","ip":"127.0.0.1"`},
		{"GET", "v1/ns/service/subscribers", "serviceName=other", 200, `{"count":0,"subscribers":[]}`},
		{"GET", "v1/ns/catalog/instances", "serviceName=b&clusterName=DEFAULT&pageNo=1&pageSize=9", 404, "cluster DEFAULT is not found!"},
		{"POST", "v1/ns/instance", "serviceName=b&ip=10.0.0.1&port=80&clusterName=c1&enabled=false", 200, "ok"},
		{"POST", "v1/ns/instance", "serviceName=d&namespaceId=n1&ip=10.0.0.1&port=80", 200, "ok"},
		{"GET", "v1/ns/service", "serviceName=b", 200, `"name":"c1"`},
		{"DELETE", "v1/ns/service", "serviceName=b", 400, "is not empty"},
		{"GET", "v1/ns/catalog/services", "pageNo=1&pageSize=2", 200, `{"count":1,"serviceList":[{"clusterCount":1,"groupName":"DEFAULT_GROUP","healthyInstanceCount":1,"ipCount":1,"name":"b","triggerFlag":"false"}]}`},
		{"GET", "v1/ns/catalog/services", "pageNo=1&pageSize=2&serviceNameParam=x", 200, `"count":0`},
		{"GET", "v1/ns/catalog/instances", "serviceName=b&clusterName=c1&pageNo=1&pageSize=9", 200, `"enabled":false`},
		{"GET", "v1/ns/catalog/instances", "serviceName=x&clusterName=c1&pageNo=1&pageSize=9", 404, "service DEFAULT_GROUP@@x is not found!"},
		{"GET", "v1/console/namespaces", "", 200, `"namespaceShowName":"n1"`},
		{"GET", "v2/console/namespace/list", "", 200, `{"code":0,"message":"success","data":[{"configCount":0,"namespace":"","namespaceDesc":null,"namespaceShowName":"public"`},
		{"DELETE", "v1/ns/instance", "serviceName=b&ip=10.0.0.1&port=80&clusterName=c1", 200, "ok"},
		{"DELETE", "v1/ns/service", "serviceName=b", 200, "ok"},
		{"DELETE", "v1/ns/service", "serviceName=b", 400, "service DEFAULT_GROUP@@b not found!"},
	} {
		status, body := ask(t, s, c.method, "/nacos/"+c.path, c.form)
		require.Equal(t, c.status, status, "%s %s?%s: %s", c.method, c.path, c.form, body)
		require.Contains(t, body, c.has, "%s %s?%s", c.method, c.path, c.form)
	}
}
