package lossless

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

// TestAgedComesAtOnce: what has been in service for long has its delay, its
// health path and its warm-up behind it.
func TestAgedComesAtOnce(t *testing.T) {
	d := settings.Document{Online: settings.Online{
		Delay: time.Minute, HealthPath: "/up", HealthEvery: time.Second, Warmup: settings.Warmup{Window: time.Minute},
	}}
	require.Equal(t, d.Online, ConfigOf(d).Online)
	d.Online.Aged = true
	m := New(ConfigOf(d))
	out := m.Step(0, Event{Kind: Listening})
	require.Equal(t, Register, out[0].Kind)
	m.Step(time.Second, Event{Kind: RegisterDone, Op: out[0].Op, OK: true})
	require.Equal(t, Serving, m.State().Phase)
}

// TestEarlyRegistersBeforeItListens, and only once.
func TestEarlyRegistersBeforeItListens(t *testing.T) {
	m := New(Config{Online: settings.Online{Early: true}})
	out := m.Step(0, Event{Kind: Begun})
	require.Equal(t, Register, out[0].Kind)
	require.Empty(t, m.Step(time.Second, Event{Kind: Listening}))
}
