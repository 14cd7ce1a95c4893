package registrytest

import (
	"slices"
	"sync"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

// listReceived is one call of a subscription's callback.
type listReceived struct {
	at    time.Time
	hosts []registry.Host
}

// sdkWatch is a subscription of the SDK and the lists that it received.
type sdkWatch struct {
	d    *driver
	news chan struct{}

	mu   sync.Mutex
	all  []listReceived
	read int // how many of them await has consumed
}

// watch subscribes c to the check's service, or to clusters of it. It uses the
// SDK, as our own client pulls lists over HTTP, which can come before the push.
func (d *driver) watch(c *client, clusters ...string) *sdkWatch {
	d.Helper()
	w := &sdkWatch{d: d, news: make(chan struct{}, 1)}
	require.NoError(d, c.SDK().Subscribe(&vo.SubscribeParam{
		ServiceName: d.service, GroupName: c.group, Clusters: clusters,
		SubscribeCallback: func(list []model.Instance, err error) {
			if err == nil {
				w.add(fromSDK(list))
			}
		},
	}))
	return w
}

func (w *sdkWatch) add(hosts []registry.Host) {
	w.mu.Lock()
	w.all = append(w.all, listReceived{time.Now(), hosts})
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// history returns all lists received so far.
func (w *sdkWatch) history() []listReceived {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// lists returns the addresses of each list received so far.
func (w *sdkWatch) lists() []string {
	all := w.history()
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = addrs(s.hosts)
	}
	return out
}

// match returns the first wanted list among those not consumed yet, and consumes
// it and all before it.
func (w *sdkWatch) match(want func([]registry.Host) bool) (listReceived, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := w.read; i < len(w.all); i++ {
		if want(w.all[i].hosts) {
			w.read = i + 1
			return w.all[i], true
		}
	}
	return listReceived{}, false
}

// await waits for a wanted list.
func (w *sdkWatch) await(within time.Duration, what string, want func([]registry.Host) bool) listReceived {
	w.d.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		if s, ok := w.match(want); ok {
			w.d.shown(s.at)
			return s
		}
		select {
		case <-w.news:
		case <-deadline.C:
			require.FailNow(w.d, "no list of "+what+" within "+within.String(), "seen: %q", w.lists())
		}
	}
}

// hosts waits, no longer than a push may take, for a list of exactly these hosts.
func (w *sdkWatch) hosts(want ...registry.Host) listReceived {
	w.d.Helper()
	return w.within(w.d.target.bound(), want...)
}

// within is like hosts with another timeout.
func (w *sdkWatch) within(d time.Duration, want ...registry.Host) listReceived {
	w.d.Helper()
	want = slices.Clone(want)
	registry.SortHosts(want)
	list := addrs(want)
	return w.await(d, "["+list+"]", func(got []registry.Host) bool { return addrs(got) == list })
}

// quiet waits as long as a push may take, and asserts that no list came. There is
// no message to wait for.
func (w *sdkWatch) quiet(why string) {
	w.d.Helper()
	before := len(w.lists())
	w.d.pass(w.d.target.bound())
	require.Len(w.d, w.lists(), before, why)
}

// pass lets time pass, where the check is about time.
func (d *driver) pass(dur time.Duration) {
	select {
	case <-time.After(dur):
	case <-d.Context().Done():
	}
}
