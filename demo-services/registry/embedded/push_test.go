package embedded_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/loadgen/record"
)

func TestPushesAreRetriedUntilAcknowledged(t *testing.T) {
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
	e := ev.await(t, func(e record.Event) bool { return e.Kind() == record.KindPush })
	require.Equal(t, registry.Retry, e.Payload.(record.Push).Reason)
}
