package registry_test

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

const ms = time.Millisecond

// tableSim runs a table in virtual time. Comments with numbers refer to the checks
// of the contract suite, which the table must pass by itself.
type tableSim struct {
	*testing.T
	table          *registry.Table
	now            time.Duration
	sent           []registry.Push
	unacknowledged bool // subscribers do not acknowledge pushes
}

func newTableSim(t *testing.T, timing registry.Timing) *tableSim {
	return &tableSim{T: t, table: registry.New(timing)}
}

// until runs the table up to an instant and acknowledges its pushes.
func (w *tableSim) until(at time.Duration) {
	for {
		next, ok := w.table.Next()
		if !ok || next > at {
			break
		}
		w.now = next
		for _, p := range w.table.Due(next) {
			w.sent = append(w.sent, p)
			if !w.unacknowledged && !p.Discard {
				_, ok := w.table.Ack(p.To, p.ID)
				require.True(w, ok)
			}
		}
	}
	w.now = at
}

func (w *tableSim) publish(owner registry.ClientID, hosts ...registry.Host) []registry.Change {
	return w.table.Publish(w.now, owner, key("b"), hosts)
}

func key(service string) registry.Key { return registry.NewKey("", "", service) }

func host(i int) registry.Host {
	return registry.NewHost("10.0.0."+strconv.Itoa(i), 20000+i, registry.Meta{})
}

func ids(hosts []registry.Host) []string {
	out := []string{}
	for _, h := range hosts {
		out = append(out, h.ID())
	}
	return out
}

// pushLines describes each push: when, to whom, why, and how many hosts.
func (w *tableSim) pushLines() []string {
	var out []string
	for _, p := range w.sent {
		out = append(out, p.At.String()+" "+string(p.To)+" "+p.Reason+" "+strconv.Itoa(len(p.Snapshot.Hosts)))
	}
	return out
}

func TestTableUnknownServiceIsEmpty(t *testing.T) { // 3
	w := newTableSim(t, registry.Timing{})
	require.Empty(t, w.table.Read(0, key("b")).Hosts)
	require.NotNil(t, w.table.Read(0, key("b")).Hosts)
	require.Empty(t, w.table.Subscribe(0, "a", key("b")).Hosts)
	require.Empty(t, w.table.Services("public", "DEFAULT_GROUP"), "a subscription makes no service")
	w.publish("b1", host(1))
	w.until(time.Second)
	require.Equal(t, []string{"500ms a change 1"}, w.pushLines())
}

func TestTablePushesTheDelayAfterTheFirstChangeOnTheTick(t *testing.T) { // 5, 22
	const base = 10 * time.Second // past the push of the subscription
	for _, c := range []struct {
		name   string
		timing registry.Timing
		first  time.Duration // after base
		want   string
	}{
		{"on the tick", registry.Timing{}, 0, "10.5s a change 2"},
		{"between ticks", registry.Timing{}, 1 * ms, "10.6s a change 2"},
		{"just before a tick", registry.Timing{}, 99 * ms, "10.6s a change 2"},
		{"phase", registry.Timing{Phase: 30 * ms}, 0, "10.53s a change 2"},
		{"late phase", registry.Timing{Phase: 20030 * ms}, 0, "10.53s a change 2"},
		{"no tick", registry.Timing{Tick: -1}, 1 * ms, "10.501s a change 2"},
		{"no delay", registry.Timing{PushDelay: -1, Tick: -1}, 1 * ms, "10.001s a change 1"},
		{"delay", registry.Timing{PushDelay: 2 * time.Second}, 0, "12s a change 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTableSim(t, c.timing)
			w.table.Subscribe(0, "a", key("b"))
			w.until(base + c.first)
			w.sent = nil
			w.publish("b1", host(1))
			w.until(base + c.first + 1*ms)
			w.publish("b2", host(2)) // merged into the push without postponing it
			w.until(base + 10*time.Second)
			require.Equal(t, c.want, w.pushLines()[0])
		})
	}
}

func TestTableAStormIsOnePush(t *testing.T) { // 22
	w := newTableSim(t, registry.Timing{})
	w.table.Subscribe(0, "a", key("b"))
	w.until(time.Second)
	w.sent = nil
	for i := range 10 {
		w.publish(registry.ClientID(strconv.Itoa(i)), host(i))
		w.until(w.now + 40*ms)
	}
	w.until(10 * time.Second)
	require.Equal(t, []string{"1.5s a change 10"}, w.pushLines())
	require.Equal(t, time.Second, w.sent[0].Since)
}

func TestTableReadsAreAsOldAsTheLastPush(t *testing.T) {
	w := newTableSim(t, registry.Timing{})
	w.publish("b1", host(1))
	require.Len(t, w.table.Read(w.now, key("b")).Hosts, 1, "the first read computes")
	w.publish("b2", host(2))
	w.until(499 * ms)
	require.Len(t, w.table.Read(w.now, key("b")).Hosts, 1)
	w.until(500 * ms)
	require.Len(t, w.table.Read(w.now, key("b")).Hosts, 2, "a push nobody hears refreshes, too")
}

func TestTableSubscribeAnswersAndPushesOnce(t *testing.T) { // 4
	w := newTableSim(t, registry.Timing{})
	w.publish("b1", host(1))
	w.until(time.Second)
	require.Equal(t, []string{"10.0.0.1:20001"}, ids(w.table.Subscribe(w.now, "a", key("b")).Hosts))
	w.table.Subscribe(w.now, "a", key("b"))
	w.table.Subscribe(w.now, "c", key("b"))
	w.until(10 * time.Second)
	require.Equal(t, []string{"1.5s a subscribe 1", "1.5s c subscribe 1"}, w.pushLines())
}

func TestTableAChangeMeetsTheSubscriptionsPush(t *testing.T) {
	w := newTableSim(t, registry.Timing{})
	w.publish("b1", host(1))
	w.until(time.Second)
	w.table.Subscribe(w.now, "a", key("b"))
	w.until(1300 * ms)
	w.table.Withdraw(w.now, "b1", key("b"))
	w.until(10 * time.Second)
	require.Equal(t, []string{"1.5s a change 0"}, w.pushLines(), "after 200 ms, not 500")
	require.Equal(t, 1300*ms, w.sent[0].Since, "the change's instant, not the subscription's")
}

func TestTableDeregistering(t *testing.T) { // 6, 7, 8, 9
	w := newTableSim(t, registry.Timing{})
	w.table.Subscribe(0, "a", key("b"))
	w.publish("b1", host(1))
	w.publish("b2", host(2))
	w.until(time.Second)
	require.Equal(t, []registry.Change{{Key: key("b"), Host: host(1), How: registry.Removed}}, w.table.Withdraw(w.now, "b1", key("b")))
	require.Empty(t, w.table.Withdraw(w.now, "b1", key("b")), "twice")
	w.until(2 * time.Second)
	require.Equal(t, []registry.Change{{Key: key("b"), Host: host(2), How: registry.Removed}}, w.table.RemoveClient(w.now, "b2"))
	w.until(3 * time.Second)
	require.Equal(t, []string{"500ms a change 2", "1.5s a change 1", "2.5s a change 0"}, w.pushLines())
	require.NotNil(t, w.sent[2].Snapshot.Hosts, "empty, not null")
	require.Equal(t, []string{"b"}, w.table.Services("public", "DEFAULT_GROUP"), "still known")
}

func TestTableOnePublicationPerOwner(t *testing.T) { // 11, 21
	w := newTableSim(t, registry.Timing{})
	require.Equal(t, registry.Added, w.publish("b1", host(1))[0].How)
	require.Empty(t, w.publish("b1", host(1)), "nothing new")
	changed := host(1)
	changed.Metadata = map[string]string{"k": "v"}
	require.Equal(t, []registry.Change{{Key: key("b"), Host: changed, How: registry.Updated}}, w.publish("b1", changed))
	changed.Metadata["k"] = "the caller's map is its own"
	require.Equal(t, "v", w.table.Published(key("b"))[0].Metadata["k"])

	changes := w.publish("b1", host(2))
	require.Equal(t, []string{registry.Removed, registry.Added}, []string{changes[0].How, changes[1].How})
	require.Len(t, w.publish("b1", host(3), host(4), host(5)), 4)
	require.Equal(t, ids([]registry.Host{host(3), host(4), host(5)}), ids(w.table.Published(key("b"))))
	require.Len(t, w.table.Withdraw(w.now, "b1", key("b")), 3)
	require.Empty(t, w.table.Published(key("b")))
}

func TestTableGroupsAndNamespacesAreApart(t *testing.T) { // 18, 19
	keys := []registry.Key{
		registry.NewKey("", "", "b"), registry.NewKey("", "G", "b"), registry.NewKey("ns", "", "b"), registry.NewKey("ns", "G", "b"),
	}
	w := newTableSim(t, registry.Timing{})
	for i, k := range keys {
		w.table.Subscribe(0, "a", k)
		w.table.Publish(0, "b1", k, []registry.Host{host(i)})
	}
	w.until(time.Second)
	require.Len(t, w.sent, len(keys))
	for _, p := range w.sent {
		require.Len(t, p.Snapshot.Hosts, 1)
	}
	require.Equal(t, registry.NewKey("public", "DEFAULT_GROUP", "b"), registry.NewKey("", "", "DEFAULT_GROUP@@b"))
	require.Equal(t, []string{"b"}, w.table.Services("ns", "G"))
}

func TestTableOverlays(t *testing.T) { // 13, 15
	w := newTableSim(t, registry.Timing{})
	off := registry.Overlay{Enabled: false, Weight: 1}
	_, known := w.table.SetOverlay(0, key("b"), host(1), off)
	require.False(t, known)

	h := host(1)
	h.Metadata = map[string]string{"mine": "1", "both": "1"}
	w.publish("b1", h)
	on := registry.Overlay{Enabled: true, Weight: 3, Metadata: map[string]string{"both": "2"}}
	changes, known := w.table.SetOverlay(0, key("b"), h, on)
	require.True(t, known)
	require.Equal(t, registry.Updated, changes[0].How)
	w.until(time.Second)
	got := w.table.Read(w.now, key("b")).Hosts[0]
	require.Equal(t, map[string]string{"mine": "1", "both": "2"}, got.Metadata)
	require.EqualValues(t, 3, got.Weight)

	w.table.SetOverlay(w.now, key("b"), h, off)
	w.until(2 * time.Second)
	require.Empty(t, w.table.Read(w.now, key("b")).Hosts)
	require.Len(t, w.table.Published(key("b")), 1, "its publication stands")

	w.table.RemoveClient(w.now, "b1")
	w.until(61 * time.Second)
	w.publish("b2", h)
	w.until(62 * time.Second)
	require.Empty(t, w.table.Read(w.now, key("b")).Hosts, "disabled still, within a minute")
	w.table.RemoveClient(w.now, "b2")
	w.until(w.now + time.Minute)
	w.publish("b3", h)
	w.until(w.now + time.Second)
	require.Len(t, w.table.Read(w.now, key("b")).Hosts, 1, "forgotten after it")
}

func TestTableTriesAgainWithoutAcknowledgement(t *testing.T) {
	w := newTableSim(t, registry.Timing{})
	w.unacknowledged = true
	w.table.Subscribe(0, "a", key("b"))
	w.table.Subscribe(0, "c", key("b"))
	w.publish("b1", host(1))
	w.until(600 * ms)
	_, ok := w.table.Ack("c", w.sent[1].ID)
	require.True(t, ok)
	_, ok = w.table.Ack("c", w.sent[1].ID)
	require.False(t, ok, "once")
	_, ok = w.table.Ack("c", w.sent[0].ID)
	require.False(t, ok, "another's")
	w.until(12500 * ms)
	require.Equal(t, []string{"500ms a change 1", "500ms c change 1", "6.5s a retry 1", "12.5s a retry 1"}, w.pushLines())
	require.Zero(t, w.sent[3].Since, "of the change that it has carried all the while")
	w.table.RemoveClient(w.now, "a")
	w.until(time.Minute)
	require.Len(t, w.sent, 4, "to nobody who has gone")
	_, ok = w.table.Next()
	require.False(t, ok)
}

func TestTableNack(t *testing.T) {
	w := newTableSim(t, registry.Timing{})
	w.unacknowledged = true
	w.table.Subscribe(0, "a", key("b"))
	w.until(500 * ms)
	w.table.Nack(w.now, "a", w.sent[0].ID)
	w.until(1500 * ms)
	require.Equal(t, []string{"500ms a subscribe 0", "1.5s a retry 0"}, w.pushLines())
}

func TestTableAChangeThatMeetsARetryGoesAtTheNextTick(t *testing.T) {
	w := newTableSim(t, registry.Timing{})
	w.unacknowledged = true
	w.table.Subscribe(0, "a", key("b"))
	w.until(500 * ms)
	w.table.Nack(w.now, "a", w.sent[0].ID) // to be retried at 1.5 s
	w.until(1250 * ms)
	w.publish("b1", host(1))
	w.unacknowledged = false
	w.until(time.Minute)
	require.Equal(t, []string{"500ms a subscribe 0", "1.3s a change 1"}, w.pushLines())
}

func TestTableFaults(t *testing.T) {
	t.Run("freeze", func(t *testing.T) {
		w := newTableSim(t, registry.Timing{})
		w.table.Subscribe(0, "a", key("b"))
		w.until(time.Second)
		w.sent = nil
		w.table.SetPushEnabled(false)
		w.publish("b1", host(1))
		w.until(time.Minute)
		require.Empty(t, w.sent)
		require.Empty(t, w.table.Due(w.now))
		require.Empty(t, ids(w.table.Read(w.now, key("b")).Hosts)[1:], "reads computed once, not pushed")
		w.publish("b2", host(2))
		require.Len(t, w.table.Read(w.now, key("b")).Hosts, 1)
		w.table.SetPushEnabled(true)
		require.Len(t, w.table.Due(w.now), 1)
		require.Len(t, w.table.Read(w.now, key("b")).Hosts, 2)
	})
	t.Run("drop", func(t *testing.T) {
		w := newTableSim(t, registry.Timing{})
		w.table.SetFault("b", registry.Fault{Drop: true})
		w.table.Subscribe(0, "a", key("b"))
		w.publish("b1", host(1))
		w.until(time.Minute)
		require.Len(t, w.sent, 1)
		require.True(t, w.sent[0].Discard)
		require.Len(t, w.table.Read(w.now, key("b")).Hosts, 1, "who asks is told")
	})
	t.Run("blackhole", func(t *testing.T) {
		w := newTableSim(t, registry.Timing{})
		w.table.SetFault("", registry.Fault{Blackhole: true})
		w.table.SetFault("other", registry.Fault{Drop: true})
		w.table.Subscribe(0, "a", key("b"))
		w.until(6500 * ms)
		w.table.SetFault("", registry.Fault{})
		w.until(time.Minute)
		require.Equal(t, []string{"500ms a subscribe 0", "6.5s a retry 0", "12.5s a retry 0"}, w.pushLines())
		require.Equal(t, []bool{true, true, false}, []bool{w.sent[0].Discard, w.sent[1].Discard, w.sent[2].Discard})
	})
	t.Run("push delay", func(t *testing.T) {
		w := newTableSim(t, registry.Timing{})
		w.table.SetPushDelay(200 * ms)
		w.table.Subscribe(0, "a", key("b"))
		w.until(time.Minute)
		require.Equal(t, []string{"200ms a subscribe 0"}, w.pushLines())
	})
}

// TestTableSameSeedSameBytes plays random histories twice, and checks the
// invariants of each.
func TestTableSameSeedSameBytes(t *testing.T) {
	for seed := range uint64(1000) {
		first, err := json.Marshal(play(t, seed))
		require.NoError(t, err)
		second, err := json.Marshal(play(t, seed))
		require.NoError(t, err)
		require.Equal(t, string(first), string(second), "seed %d", seed)
	}
}

// play plays a random history and returns the pushes.
func play(t *testing.T, seed uint64) []registry.Push {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newTableSim(t, registry.Timing{Phase: time.Duration(r.IntN(100)) * ms})
	w.unacknowledged = r.IntN(4) == 0
	stamps := map[registry.Key]int64{}
	newer := func(s registry.Snapshot) {
		last, seen := stamps[s.Key]
		require.True(t, !seen || s.LastRefTime > last, "seed %d: stamp %d after %d", seed, s.LastRefTime, last)
		stamps[s.Key] = s.LastRefTime
	}
	told := 0
	for range 40 {
		w.until(w.now + time.Duration(r.IntN(400))*ms)
		for _, p := range w.sent[told:] {
			newer(p.Snapshot)
			require.GreaterOrEqual(t, p.At, p.Since)
		}
		told = len(w.sent)
		k := key([]string{"b", "c"}[r.IntN(2)])
		owner := registry.ClientID(strconv.Itoa(r.IntN(4)))
		switch r.IntN(7) {
		case 0, 1:
			w.table.Publish(w.now, owner, k, []registry.Host{host(r.IntN(3))})
		case 2:
			w.table.Withdraw(w.now, owner, k)
		case 3:
			w.table.RemoveClient(w.now, owner)
		case 4:
			newer(w.table.Subscribe(w.now, owner, k))
		case 5:
			newer(w.table.Read(w.now, k))
		case 6:
			w.table.SetOverlay(w.now, k, host(r.IntN(3)), registry.Overlay{Enabled: r.IntN(2) == 0, Weight: 1})
		}
	}
	// Without further changes and with subscribers that acknowledge, the table comes
	// to rest: after the last push, and the removal of empty services within two
	// minutes. Then every list equals what is published.
	w.unacknowledged = false
	w.until(w.now + 20*time.Second)
	if at, more := w.table.Next(); more {
		require.Zero(t, at%time.Minute, "seed %d: more than the removal of a service", seed)
	}
	w.until(w.now + 2*time.Minute)
	_, more := w.table.Next()
	require.False(t, more, "seed %d: it does not come to rest", seed)
	for _, k := range []registry.Key{key("b"), key("c")} {
		var want []string
		for _, h := range w.table.Published(k) {
			if h.Enabled && (len(want) == 0 || want[len(want)-1] != h.ID()) {
				want = append(want, h.ID())
			}
		}
		require.Equal(t, append([]string{}, want...), ids(w.table.Read(w.now, k).Hosts), "seed %d", seed)
	}
	return w.sent
}
