package registrytest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// seen is one call of a subscriber's callback.
type seen struct {
	at    time.Time
	hosts []registry.Host
}

// watch is a subscription and all that it was told.
type watch struct {
	d    *driver
	news chan struct{}

	mu   sync.Mutex
	all  []seen
	read int // how many of them await has passed
}

// watch subscribes c to the check's service.
func (d *driver) watch(c *nacos.Client) *watch {
	d.Helper()
	w := &watch{d: d, news: make(chan struct{}, 1)}
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	require.NoError(d, c.Subscribe(ctx, d.service, w.add))
	return w
}

func (w *watch) add(hosts []registry.Host) {
	w.mu.Lock()
	w.all = append(w.all, seen{time.Now(), hosts})
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// history is the addresses of each list that was seen.
func (w *watch) history() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]string, len(w.all))
	for i, s := range w.all {
		out[i] = addrs(s.hosts)
	}
	return out
}

// match is the first list, of those not passed yet, that is wanted; it and all
// before it are passed by.
func (w *watch) match(want func([]registry.Host) bool) (seen, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := w.read; i < len(w.all); i++ {
		if want(w.all[i].hosts) {
			w.read = i + 1
			return w.all[i], true
		}
	}
	return seen{}, false
}

// await waits for a list that is wanted.
func (w *watch) await(within time.Duration, what string, want func([]registry.Host) bool) seen {
	w.d.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		if s, ok := w.match(want); ok {
			return s
		}
		select {
		case <-w.news:
		case <-deadline.C:
			require.FailNow(w.d, "no list of "+what+" within "+within.String(), "seen: %q", w.history())
		}
	}
}

// hosts waits, up to a push's bound, for a list of exactly these hosts.
func (w *watch) hosts(want ...registry.Host) seen {
	w.d.Helper()
	list := addrs(want)
	return w.await(w.d.target.bound(), "["+list+"]", func(got []registry.Host) bool { return addrs(got) == list })
}

// quiet waits for a push's bound and asserts that no list came. There is no
// event to wait for: that nothing happens takes time to see.
func (w *watch) quiet(why string) {
	w.d.Helper()
	before := len(w.history())
	select {
	case <-time.After(w.d.target.bound()):
	case <-w.d.Context().Done():
	}
	require.Len(w.d, w.history(), before, why)
}
