package nacos

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

// The SDK may call back with the older of two lists last.
func TestTheListIsConfirmed(t *testing.T) {
	a, b := registry.NewHost("127.0.0.2", 80, registry.Meta{}), registry.NewHost("127.0.0.3", 80, registry.Meta{})
	none, one, two := []registry.Host{}, []registry.Host{a}, []registry.Host{a, b}
	errDown := errors.New("down")
	type answer struct {
		list []registry.Host
		err  error
		push []registry.Host // received by the SDK during this pull
	}
	for _, c := range []struct {
		name     string
		keep     bool
		received [][]registry.Host
		answers  []answer          // of the server, one each pull
		want     [][]registry.Host // what is passed on
	}{
		{"in order", false, [][]registry.Host{none, one}, []answer{{list: one}}, [][]registry.Host{none, one}},
		{"older one last", false, [][]registry.Host{one, none}, []answer{{list: one}}, [][]registry.Host{one, none, one}},
		{"newer one taken for no news", false, [][]registry.Host{two}, []answer{{list: one}}, [][]registry.Host{two, one}},
		{"a push overtakes the pull", false, [][]registry.Host{one}, []answer{{list: one, push: two}, {list: two}}, [][]registry.Host{one, two}},
		{"the registry is away", false, [][]registry.Host{one}, []answer{{err: errDown}, {err: errDown}, {list: two}}, [][]registry.Host{one, two}},
		{"empty is no news", true, [][]registry.Host{one}, []answer{{list: none}}, [][]registry.Host{one}},
		{"nothing received", false, nil, []answer{{list: two}}, [][]registry.Host{two}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var got [][]registry.Host
				shut, pulls := false, 0
				f := &subscription{
					changed: func(l []registry.Host) { got = append(got, l) }, keepWhenEmpty: c.keep,
					unconfirmed: make(chan struct{}, 1), mu: &mu, closed: &shut,
				}
				f.pull = func(context.Context) ([]registry.Host, error) {
					a := c.answers[pulls]
					pulls++
					if a.push != nil {
						f.received(a.push)
					}
					return slices.Clone(a.list), a.err
				}
				ctx, cancel := context.WithCancel(t.Context())
				var loop sync.WaitGroup
				loop.Go(func() { f.run(ctx) })
				for _, l := range c.received {
					f.received(l)
				}
				f.requestConfirmation()
				require.NoError(t, ctxtime.Sleep(ctx, time.Hour)) // virtual time, long enough to see that it pulls no more
				synctest.Wait()
				require.Equal(t, c.want, got)
				require.Equal(t, len(c.answers), pulls)

				f.received(c.want[len(c.want)-1])
				cancel()
				loop.Wait()
				require.Len(t, got, len(c.want), "the same list was delivered twice")
				mu.Lock()
				shut = true
				mu.Unlock()
				f.received(none)
				require.Len(t, got, len(c.want), "closed")
			})
		})
	}
}
