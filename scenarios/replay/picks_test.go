package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/replay"
)

// began is when the view's process did, by the clock of the record.
var began = time.UnixMilli(1_790_000_000_000)

func b(n int) record.Instance {
	return record.Instance{Pod: "spring-cloud-b-" + string(rune('0'+n)), Incarnation: 1}
}

// seen is what a caller's view writes down of the lists it is given, the first
// of them at its beginning, each a second after the one before.
func seen(cfg consumer.Config, lists ...[]consumer.Host) []record.Event {
	var out []record.Event
	now := time.Duration(0)
	journal := machine.Journal{Write: func(l machine.Line) {
		var step record.Payload = record.MachineInput{Machine: replay.Consumer, Data: l.Data}
		if l.Output {
			step = record.MachineOutput{Machine: replay.Consumer, Data: l.Data}
		}
		out = append(out, record.Event{
			At: record.Micros(began.Add(now).UnixMicro()), Instance: record.Instance{Pod: "spring-cloud-a-1", Incarnation: 1}, Payload: step,
		})
	}}
	journal.WriteConfig(cfg)
	view, trace := consumer.New(cfg), machine.Trace[consumer.Event, consumer.Action](journal)
	for _, hosts := range lists {
		e := consumer.Event{Kind: consumer.Pushed, Hosts: hosts}
		trace(now, e, view.Step(now, e))
		now += time.Second
	}
	return out
}

func host(n int, start time.Time, window time.Duration) consumer.Host {
	return consumer.Host{
		Identity: lossless.Identity{Instance: b(n), Start: start.UnixMilli()}, Addr: "127.0.0." + string(rune('0'+n)) + ":20002", Weight: 1,
		Warmup: settings.Warmup{Model: "power", Curve: 2, Window: window},
	}
}

// called is a request that the view's process sent to the n-th.
func called(n int, after time.Duration) record.Request {
	at := record.Micros(began.Add(after).UnixMicro())
	return record.Request{
		Stream: "base", Sent: at - 1000,
		Trail: record.Trail{{Service: "spring-cloud-a", Instance: record.Instance{Pod: "spring-cloud-a-1", Incarnation: 1}, Call: &record.Call{Callee: b(n), At: at}}},
	}
}

// An instance that has only just come weighs 1 of 100: a smooth round robin
// comes to it after half a hundred picks, yet it could be picked.
func TestPicksOfAWarmUp(t *testing.T) {
	d := settings.Document{Next: "spring-cloud-b"}
	old, young := host(1, began.Add(-time.Hour), time.Minute), host(2, began.Add(time.Second), time.Minute)
	s := replay.EventLogs{"a": seen(consumer.ConfigOf(d, began), []consumer.Host{old}, []consumer.Host{old, young})}
	n, err := replay.CheckPicks([]record.Request{called(1, 500*time.Millisecond), called(2, 1500*time.Millisecond)}, s, []string{""})
	require.NoError(t, err)
	require.Equal(t, 2, n)

	_, err = replay.CheckPicks([]record.Request{called(2, 500*time.Millisecond)}, s, []string{""})
	require.ErrorContains(t, err, "which its view did not allow", "it was not on the list yet")
	_, err = replay.CheckPicks([]record.Request{called(3, 1500*time.Millisecond)}, s, []string{""})
	require.ErrorContains(t, err, "which its view did not allow")
}

// The record's instants are by a clock that is right, whatever the caller's.
func TestPicksByAClockThatIsOff(t *testing.T) {
	for _, skew := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
		d := settings.Document{Next: "spring-cloud-b", Consumer: settings.Consumer{ClockSkew: skew}}
		one, two := host(1, began, 0), host(2, began, 0)
		s := replay.EventLogs{"a": seen(consumer.ConfigOf(d, began), []consumer.Host{one}, []consumer.Host{two})}
		_, err := replay.CheckPicks([]record.Request{called(1, 500*time.Millisecond), called(2, 1500*time.Millisecond)}, s, []string{""})
		require.NoError(t, err, "%v", skew)
		_, err = replay.CheckPicks([]record.Request{called(2, 500*time.Millisecond)}, s, []string{""})
		require.ErrorContains(t, err, "which its view did not allow", "%v", skew)
	}
}
