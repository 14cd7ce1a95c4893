package registrytest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

func (d *driver) dial() *WireClient {
	d.Helper()
	return DialWire(d, d.target.Host, d.target.GRPCPort)
}

// naming returns the body of a request about the check's service.
func (d *driver) naming(more string) string {
	return fmt.Sprintf(`{"requestId":"7","module":"naming","namespace":"public","serviceName":%q,"groupName":"DEFAULT_GROUP",%s}`, d.service, more)
}

func (d *driver) wireRegister(w *WireClient, h registry.Host) Answer {
	d.Helper()
	return w.Call("InstanceRequest", d.naming(fmt.Sprintf(
		`"type":"registerInstance","instance":{"ip":%q,"port":%d,"weight":1,"healthy":true,"enabled":true,"ephemeral":true,"clusterName":%q,"metadata":{}}`,
		h.IP, h.Port, h.Cluster)))
}

func (d *driver) wireSubscribe(w *WireClient, clusters string) Answer {
	d.Helper()
	return w.Call("SubscribeServiceRequest", d.naming(fmt.Sprintf(`"subscribe":true,"clusters":%q`, clusters)))
}

func acknowledge(w *WireClient, kind, requestID string) {
	w.Send(kind, fmt.Sprintf(`{"resultCode":200,"errorCode":0,"success":true,"requestId":%q}`, requestID))
}

// W1: a client without setup is refused, and so is an unknown request. A success
// is reported in both ways that clients check.
func refusals(d *driver) {
	w := d.dial()
	check := w.Call("ServerCheckRequest", `{"requestId":"1","module":"internal"}`)
	require.Equal(d, []any{"ServerCheckResponse", 200, true}, []any{check.Kind, check.ResultCode, check.Success})
	require.NotEmpty(d, check.ConnectionID)

	no := d.wireSubscribe(w, "")
	require.Equal(d, []any{"ErrorResponse", 301, false}, []any{no.Kind, no.ErrorCode, no.Success}, "before the setup")
	unknown := func() {
		a := w.Call("NoSuchRequest", `{"requestId":"8"}`)
		require.Equal(d, []any{"ErrorResponse", 302, false}, []any{a.Kind, a.ErrorCode, a.Success})
	}
	unknown()
	w.SetUp()
	unknown()
	for kind, a := range map[string]Answer{
		"InstanceResponse":         d.wireRegister(w, host(1)),
		"SubscribeServiceResponse": d.wireSubscribe(w, ""),
		"QueryServiceResponse":     w.Call("ServiceQueryRequest", d.naming(`"cluster":"","healthyOnly":false,"udpPort":0`)),
		"ServiceListResponse":      w.Call("ServiceListRequest", d.naming(`"pageNo":1,"pageSize":10`)),
		"BatchInstanceResponse":    w.Call("BatchInstanceRequest", d.naming(`"type":"batchRegisterInstance","instances":[{"ip":"127.0.0.9","port":9,"weight":1,"healthy":true,"enabled":true,"ephemeral":true,"clusterName":"DEFAULT","metadata":{}}]`)),
	} {
		require.Equal(d, []any{kind, 200, 0, true}, []any{a.Kind, a.ResultCode, a.ErrorCode, a.Success}, "%s", a.Message)
	}
}

// W2: the SDK acknowledges each push once, by its request ID. It begins with a
// server check and its setup.
func acknowledged(d *driver) {
	rec := NewRecorder(d, d.target.Host, d.target.GRPCPort)
	a, b := d.client(), d.client(func(o *nacos.Options) { o.GRPCPort = rec.Port() })
	w := d.watch(b)
	for i := range 3 {
		d.register(a, host(i))
		w.hosts(host(i))
	}
	rec.Await(time.Second, "as many acknowledgements as pushes", func(all []Frame) bool {
		return len(requestIDs(all, "NotifySubscriberRequest")) > 0 &&
			len(requestIDs(all, "NotifySubscriberRequest")) == len(requestIDs(all, "NotifySubscriberResponse"))
	})
	all := rec.Frames()
	pushed, acked := requestIDs(all, "NotifySubscriberRequest"), requestIDs(all, "NotifySubscriberResponse")
	require.GreaterOrEqual(d, len(pushed), 3)
	require.Equal(d, pushed, acked)
	once := map[string]bool{}
	for _, n := range pushed {
		require.NotEmpty(d, n)
		require.False(d, once[n], "number %s twice", n)
		once[n] = true
	}
	var kinds []string
	for _, f := range all {
		if f.Client {
			kinds = append(kinds, f.Kind)
		}
	}
	require.Equal(d, []string{"ServerCheckRequest", "ConnectionSetupRequest"}, kinds[:2])
	require.NotContains(d, strings.Join(kinds[2:], " "), "ServerCheckRequest", "one connection")
}

// requestIDs returns the request IDs of a kind of frame, in order.
func requestIDs(all []Frame, kind string) []string {
	var out []string
	for _, f := range all {
		if f.Kind == kind {
			out = append(out, f.RequestID)
		}
	}
	return out
}

// A push that is not acknowledged within 5 s is retried 1 s later.
const (
	ackTimeout = 5 * time.Second
	retryAfter = time.Second
)

// W3: a push that is not acknowledged is retried until it is acknowledged.
func pushRetried(d *driver) {
	w := d.dial()
	w.SetUp()
	require.Equal(d, "SubscribeServiceResponse", d.wireSubscribe(w, "").Kind)
	first, ok := w.Receive(d.target.bound())
	require.True(d, ok)
	sent := time.Now()
	require.Equal(d, "NotifySubscriberRequest", first.Kind)
	second, ok := w.Receive(ackTimeout + retryAfter + d.target.bound())
	require.True(d, ok)
	took := time.Since(sent)
	require.Equal(d, "NotifySubscriberRequest", second.Kind)
	require.NotEqual(d, first.RequestID, second.RequestID)
	require.Greater(d, second.ServiceInfo.LastRefTime, first.ServiceInfo.LastRefTime, "else clients drop it")
	require.GreaterOrEqual(d, took, ackTimeout+retryAfter*9/10)
	d.measured("push to its retry", took)
	acknowledge(w, "NotifySubscriberResponse", second.RequestID)
	select {
	case a := <-w.frames:
		require.Fail(d, "retried although it was acknowledged", "%+v", a)
	case <-time.After(ackTimeout + retryAfter + d.target.bound()): // nothing may come, which takes time to see
	}
}

// W4: repeating a registration, subscription or deregistration has no effect: the
// SDK sends its first ones twice.
func twice(d *driver) {
	pub, sub := d.dial(), d.dial()
	pub.SetUp()
	sub.SetUp()
	for range 2 {
		require.True(d, d.wireSubscribe(sub, "").Success)
		require.True(d, d.wireRegister(pub, host(1)).Success)
	}
	for {
		a, ok := sub.Receive(d.target.bound())
		require.True(d, ok)
		acknowledge(sub, "NotifySubscriberResponse", a.RequestID)
		require.LessOrEqual(d, len(a.ServiceInfo.Hosts), 1)
		if len(a.ServiceInfo.Hosts) == 1 {
			break
		}
	}
	require.Len(d, d.wireSubscribe(sub, "").ServiceInfo.Hosts, 1)
	require.True(d, pub.Call("InstanceRequest", d.naming(`"type":"deregisterInstance","instance":{"ip":"127.0.0.2","port":20001,"ephemeral":true}`)).Success)
	require.True(d, pub.Call("InstanceRequest", d.naming(`"type":"deregisterInstance","instance":{"ip":"127.0.0.2","port":20001,"ephemeral":true}`)).Success, "nothing there")
}

// W5: a list names the clusters that it was requested for: old SDKs use them in
// their cache key.
func clustersEchoed(d *driver) {
	pub, other, sub := d.dial(), d.dial(), d.dial()
	for _, w := range []*WireClient{pub, other, sub} {
		w.SetUp()
	}
	one, two := host(1), host(2)
	one.Cluster, two.Cluster = "c1", "c2"
	require.Equal(d, "c1", d.wireSubscribe(sub, "c1").ServiceInfo.Clusters)
	require.True(d, d.wireRegister(pub, one).Success)
	require.True(d, d.wireRegister(other, two).Success)
	for {
		a, ok := sub.Receive(d.target.bound())
		require.True(d, ok)
		acknowledge(sub, "NotifySubscriberResponse", a.RequestID)
		require.Equal(d, []string{"c1", d.service, "DEFAULT_GROUP"}, []string{a.ServiceInfo.Clusters, a.ServiceInfo.Name, a.ServiceInfo.Group})
		if len(a.ServiceInfo.Hosts) > 0 {
			require.Len(d, a.ServiceInfo.Hosts, 1)
			require.Equal(d, one.IP, a.ServiceInfo.Hosts[0].IP)
			break
		}
	}
	both := d.wireSubscribe(sub, "c2,c1").ServiceInfo
	require.Equal(d, "c2,c1", both.Clusters, "as it was asked for")
	require.Len(d, both.Hosts, 2)
}

// W6: a silent connection is probed. If the client answers, it stays; otherwise
// the server ejects it although its TCP connection works.
func detection(d *driver) {
	w := d.watch(d.client())
	dead, alive := d.dial(), d.dial()
	for i, c := range []*WireClient{dead, alive} {
		c.SetUp()
		require.True(d, d.wireRegister(c, host(i+1)).Success)
	}
	silent := time.Now()
	w.hosts(host(1), host(2))
	for _, c := range []*WireClient{dead, alive} {
		asked, ok := c.Receive(maxIdleEjection)
		require.True(d, ok)
		require.Equal(d, "ClientDetectionRequest", asked.Kind)
		require.GreaterOrEqual(d, time.Since(silent), minIdleEjection-time.Second)
		if c == alive {
			acknowledge(c, "ClientDetectionResponse", asked.RequestID)
		}
	}
	gone := w.within(maxIdleEjection+d.target.bound(), host(2))
	d.measured("last message to callback", gone.at.Sub(silent))
	require.True(d, alive.Call("HealthCheckRequest", `{}`).Success)
	_, open := dead.Receive(time.Second)
	require.False(d, open, "its stream has ended")
}
