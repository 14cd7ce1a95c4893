package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/loadgen/record"
)

func TestMetaRoundTrip(t *testing.T) {
	for _, m := range []registry.Meta{
		{},
		{Instance: record.Instance{Pod: "b-0", Incarnation: 2}, Tag: "gray"},
		{Start: time.UnixMilli(1700000000123), Warmup: 120 * time.Second, Model: "power", Curve: 2.5},
		{Model: "linear"},
	} {
		got, err := registry.NewHost("10.0.0.1", 1, m).Meta()
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

func TestMetaOfOthersIsReadAsFarAsItGoes(t *testing.T) {
	h := registry.Host{IP: "::1", Port: 80, Metadata: map[string]string{
		registry.MetaInstance: "no number", registry.MetaTag: "gray", registry.MetaStart: "yesterday",
		registry.MetaWarmup: "-5", registry.MetaCurve: "power:steep",
	}}
	got, err := h.Meta()
	require.Equal(t, registry.Meta{Tag: "gray", Model: "power"}, got)
	for _, said := range []string{"no number", "yesterday", "-5", "power:steep"} {
		require.ErrorContains(t, err, said)
	}
	require.Equal(t, "[::1]:80", h.ID(), "an address, where there is no instance")
}

func FuzzMeta(f *testing.F) {
	f.Add("b-0/1", "1700000000123", "120000", "power:2")
	f.Add("/", "-1", "9223372036854775807", "power:NaN")
	f.Fuzz(func(t *testing.T, instance, start, warmup, curve string) {
		h := registry.Host{Metadata: map[string]string{
			registry.MetaInstance: instance, registry.MetaStart: start, registry.MetaWarmup: warmup, registry.MetaCurve: curve,
		}}
		m, err := h.Meta()
		if err != nil || m.Curve != m.Curve {
			return
		}
		again, err := registry.Host{Metadata: m.Map()}.Meta()
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}
