package embedded_test

import (
	"encoding/json"
	"net"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/registry/registrytest"
	"zeroloss/loadgen/record"
)

func dial(t *testing.T, s *embedded.Server) *registrytest.WireClient {
	t.Helper()
	return registrytest.DialWire(t, s.Host(), s.GRPCPort())
}

func TestWireRefusals(t *testing.T) {
	w := dial(t, start(t, embedded.Options{}))
	require.Equal(t, "7", w.Call("ServerCheckRequest", `{"requestId":"7"}`).RequestID)
	w.SetUp()
	for _, c := range []struct {
		kind, body string
		code       int
	}{
		{"ConfigQueryRequest", `{"requestId":"8"}`, 302},
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

func TestWirePushesAreSentAgainUntilAcknowledged(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add, Timing: registry.Timing{
		PushDelay: 20 * time.Millisecond, Tick: time.Millisecond, AckTimeout: 50 * time.Millisecond, RetryDelay: 10 * time.Millisecond,
	}})
	w := dial(t, s)
	w.SetUp()
	next := func() string {
		a, open := w.Receive(5 * time.Second)
		require.True(t, open)
		require.Equal(t, "NotifySubscriberRequest", a.Kind)
		return a.RequestID
	}
	require.Equal(t, "SubscribeServiceResponse", w.Call("SubscribeServiceRequest", `{"serviceName":"b","subscribe":true}`).Kind)
	first := next()
	second := next()
	require.NotEqual(t, first, second)
	w.Send("NotifySubscriberResponse", `{"resultCode":500,"requestId":"`+second+`"}`)
	third := next()
	w.Send("NotifySubscriberResponse", `no JSON`)
	w.Send("NotifySubscriberResponse", `{"resultCode":200,"requestId":"no number"}`)
	w.Send("NotifySubscriberResponse", `{"resultCode":200,"requestId":"`+third+`"}`)
	e := ev.await(t, func(e record.Event) bool { return e.Kind == record.KindPush })
	require.Equal(t, registry.Retry, e.Text)
}

func TestClientsComeBackAfterARestart(t *testing.T) {
	s := start(t, embedded.Options{})
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	lists := make(chan []registry.Host, 64)
	require.NoError(t, a.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	awaitHosts(t, lists, 1)

	require.NoError(t, s.Restart(t.Context(), 300*time.Millisecond))
	// The publication is back when the server lists it, the subscription when a
	// change arrives.
	c := connect(t, s, "")
	again := make(chan []registry.Host, 64)
	require.NoError(t, c.Subscribe(t.Context(), "b", func(h []registry.Host) { again <- h }))
	awaitHosts(t, again, 1)
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.3", 3, registry.Meta{})))
	awaitHosts(t, lists, 2)
}

func awaitHosts(t *testing.T, lists <-chan []registry.Host, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case l := <-lists:
			if len(l) == n {
				return
			}
		case <-deadline:
			require.FailNow(t, "no list of the wanted length", "want %d", n)
		}
	}
}

func TestDownForgetsAndUpIsTheSamePorts(t *testing.T) {
	s := start(t, embedded.Options{})
	port, rpc := s.Port(), s.GRPCPort()
	require.NoError(t, s.Down())
	require.NoError(t, s.Down(), "down is down")
	for _, p := range []int{port, rpc} {
		_, err := net.Dial("tcp", net.JoinHostPort(s.Host(), strconv.Itoa(p)))
		require.Error(t, err)
	}
	require.NoError(t, s.Up())
	require.NoError(t, s.Up(), "up is up")
	require.Equal(t, []int{port, rpc}, []int{s.Port(), s.GRPCPort()})
	connect(t, s, "")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closed is closed")
	require.ErrorContains(t, s.Up(), "closed")
}

func TestASilentConnectionIsEnded(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add, ConnIdleLimit: 100 * time.Millisecond})
	proxy := registrytest.NewProxy(t, s.Host(), s.GRPCPort())
	c, err := nacos.Connect(t.Context(), nacos.Options{Host: s.Host(), Port: s.Port(), GRPCPort: proxy.Port(), Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	proxy.DropAll()
	ev.awaitFor(t, 15*time.Second, func(e record.Event) bool { return e.Kind == record.KindRegistryChange && e.Text == registry.Removed })
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	w := dial(t, s)
	w.SetUp()
	c := connect(t, s, "")
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	_, err = c.Pull(t.Context(), "b")
	require.NoError(t, err)
	require.Contains(t, goroutines(t), "embedded.(*Server).pushLoop")
	require.NoError(t, s.Close())
	require.NotContains(t, goroutines(t), "embedded.(*Server)")
	require.NotContains(t, goroutines(t), "grpc.(*Server)")
	for _, p := range []int{s.Port(), s.GRPCPort()} {
		l, err := net.Listen("tcp", net.JoinHostPort(s.Host(), strconv.Itoa(p)))
		require.NoError(t, err, "the port is free again")
		require.NoError(t, l.Close())
	}
}

func goroutines(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 2))
	return b.String()
}

func TestKnobs(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add})
	s.SetPushDelay(0)
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	lists := make(chan []registry.Host, 64)
	require.NoError(t, a.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	awaitHosts(t, lists, 1)

	s.SetPushEnabled(false)
	require.NoError(t, b.Deregister(t.Context(), "b", registry.Host{IP: "127.0.0.2", Port: 2}))
	pulled, err := a.Pull(t.Context(), "b")
	require.NoError(t, err)
	require.Len(t, pulled, 1, "reads freeze, too")
	require.Empty(t, lists)
	s.SetPushEnabled(true)
	awaitHosts(t, lists, 0)

	s.SetFault("b", registry.Fault{Drop: true})
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	other := connect(t, s, "c-0/1")
	require.NoError(t, other.Register(t.Context(), "free", registry.NewHost("127.0.0.3", 3, registry.Meta{})))
	require.NoError(t, other.Subscribe(t.Context(), "free", func([]registry.Host) {}))
	ev.await(t, func(e record.Event) bool { return e.Kind == record.KindPush && e.Service == "free" })
	require.Empty(t, lists, "a later push went out, this one did not")
}

func FuzzFrames(f *testing.F) {
	for _, kind := range []string{"InstanceRequest", "BatchInstanceRequest", "SubscribeServiceRequest", "ServiceQueryRequest", "ServiceListRequest", "HealthCheckRequest", "ServerCheckRequest", "?"} {
		f.Add(kind, []byte(`{"requestId":"1","serviceName":"b","type":"registerInstance","subscribe":true,"instance":{"ip":"x","port":1,"metadata":{"a":"b"}},"instances":[{"ip":"y","port":2}],"pageNo":1,"pageSize":10}`))
	}
	f.Add("ServiceListRequest", []byte(`{"pageNo":9223372036854775807,"pageSize":9223372036854775807}`))
	f.Add("InstanceRequest", []byte(`{"serviceName":"b","type":"registerInstance","instance":{"ip":"x","port":-1,"weight":-1e308}}`))
	answer := embedded.Answerer()
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		got, err := answer(t.Context(), kind, body)
		require.NoError(t, err)
		var r registrytest.Answer
		require.NoError(t, json.Unmarshal(got.GetBody().GetValue(), &r))
		require.True(t, strings.HasSuffix(got.GetMetadata().GetType(), "Response"))
		require.Equal(t, r.Success, got.GetMetadata().GetType() != "ErrorResponse")
	})
}
