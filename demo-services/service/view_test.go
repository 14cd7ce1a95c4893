package service

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// The registry's client may call back with the older of two lists last.
func TestListIsConfirmed(t *testing.T) {
	host := func(ip string) registry.Host {
		return registry.NewHost(ip, 80, registry.Meta{Instance: record.Instance{Pod: "b-" + ip, Incarnation: 1}})
	}
	one, two := []registry.Host{host("127.0.0.2")}, []registry.Host{host("127.0.0.2"), host("127.0.0.3")}
	for _, c := range []struct {
		name   string
		pushes [][]registry.Host // before confirming
		during []registry.Host   // pushed while the first pull is under way
		server [][]registry.Host // what pulls answer; the last one for ever
		want   int
	}{
		{"in order", [][]registry.Host{nil, one}, nil, [][]registry.Host{one}, 1},
		{"older one last", [][]registry.Host{one, nil}, nil, [][]registry.Host{one}, 1},
		{"a push overtakes the pull", [][]registry.Host{one}, two, [][]registry.Host{one, two}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := settings.Document{Pod: "a-1", Next: "b"}
				v := newView(d, newJournal(d, io.Discard), time.Now())
				pulls := 0
				v.pull = func(context.Context) ([]registry.Host, error) {
					list := c.server[min(pulls, len(c.server)-1)]
					if pulls++; pulls == 1 && c.during != nil {
						v.pushed(c.during)
					}
					return list, nil
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); v.drive(ctx) }()
				for _, l := range c.pushes {
					v.pushed(l)
					synctest.Wait()
				}
				v.confirm(ctx)
				synctest.Wait()
				require.Len(t, v.live.Hosts(), c.want)
				require.Equal(t, len(c.server), pulls)
				cancel()
				<-done
			})
		})
	}
}
