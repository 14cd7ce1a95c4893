package service_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/service"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// TestRulesChangeAWarmUp: rules reach a running service on its admin port and are
// acknowledged. Its consumers compute weights with them and the same start.
func TestRulesChangeAWarmUp(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("c")
	d.Version, d.Online.Warmup = 1, settings.Warmup{Model: "power", Curve: 2, Window: time.Hour}
	c := w.start(d, func(x *service.Request) { x.Reply("C") })
	c.log.await(t, record.KindWarmupStart)
	cd := w.settings("b")
	cd.Next = "c"
	b := w.start(cd, func(x *service.Request) { x.Reply("B") })
	before := host(t, b.log.awaitWhere(t, "its host", func(e record.Event) bool { return listOf(e) == 1 }))
	require.Equal(t, record.ListedWarmup(d.Online.Warmup), before.Warmup)

	post := func(body string) int {
		resp, err := request(t, http.MethodPost, "http://"+d.IP+":20900"+settings.RulesPath, strings.NewReader(body))
		require.NoError(t, err)
		text(t, resp)
		return resp.StatusCode
	}
	rules := settings.Rules{Schema: settings.RulesSchema, Version: 2, Warmup: settings.Warmup{Model: "linear", Window: 2 * time.Hour}}
	require.Equal(t, http.StatusOK, post(string(rules.JSON())))
	require.Equal(t, record.SettingsApplied{Version: 2}, c.log.await(t, record.KindSettingsApplied).Payload)
	after := host(t, b.log.awaitWhere(t, "the change", func(e record.Event) bool {
		return listOf(e) == 1 && host(t, e).Warmup.Window == 2*time.Hour
	}))
	require.Equal(t, record.ListedWarmup(rules.Warmup), after.Warmup)
	require.Equal(t, before.Instance, after.Instance)
	require.Equal(t, before.Start, after.Start, "the start stays")

	for _, bad := range []string{"", "{}", `{"schema": "zeroloss.rules/v1", "version": 0}`, `{"schema": "zeroloss.rules/v1", "version": 3, "speed": 1}`, strings.Repeat("x", 1<<17)} {
		require.Equal(t, http.StatusBadRequest, post(bad))
	}
}

func host(t *testing.T, e record.Event) record.ListedHost {
	hosts := e.Payload.(record.ListChanged).Hosts
	require.Len(t, hosts, 1)
	return hosts[0]
}
