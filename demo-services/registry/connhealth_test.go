package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

func TestConnHealth(t *testing.T) {
	var s registry.ConnHealth
	_, scheduled := s.Next()
	require.False(t, scheduled, "no connection to watch")

	var ejected []registry.ClientID
	probed := map[registry.ClientID]time.Duration{}
	end := map[registry.ClientID]time.Duration{}
	s.Active(0, "dead")
	s.Active(0, "idle")
	s.Active(0, "closed")
	for now := time.Duration(0); now < time.Minute; now += 500 * time.Millisecond {
		if now%(5*time.Second) == 0 {
			s.Active(now, "busy")
		}
		if now == 10*time.Second {
			s.Closed(now, "closed")
		}
		probe, done := s.Due(now)
		for _, o := range probe {
			if _, again := probed[o]; !again {
				probed[o] = now
			}
			if o == "idle" {
				s.Active(now+time.Second, o)
			}
		}
		for _, o := range done {
			end[o] = now
		}
		ejected = append(ejected, done...)
		next, scheduled := s.Next()
		require.True(t, scheduled)
		require.Greater(t, next, now, "what is due has been done")
	}
	require.Equal(t, map[registry.ClientID]time.Duration{"dead": 21 * time.Second, "idle": 21 * time.Second}, probed)
	require.Equal(t, []registry.ClientID{"dead"}, ejected, "once, and no other")
	require.Equal(t, 26*time.Second, end["dead"])
}

// Other dying connections do not delay an ejection without bound.
func TestConnHealthOfMany(t *testing.T) {
	s := registry.ConnHealth{}
	last := map[registry.ClientID]time.Duration{}
	for i := range 20 {
		o, at := registry.ClientID(rune('a'+i)), time.Duration(i)*time.Second
		s.Active(at, o)
		last[o] = at
	}
	for len(last) > 0 {
		now, scheduled := s.Next()
		require.True(t, scheduled)
		_, end := s.Due(now)
		for _, o := range end {
			require.GreaterOrEqual(t, now-last[o], 25*time.Second)
			require.LessOrEqual(t, now-last[o], 33*time.Second)
			delete(last, o)
		}
	}
	_, scheduled := s.Next()
	require.False(t, scheduled)
}

// Whenever the last sign of life was, the ejection comes 25 to 28 s after it.
func TestConnHealthEjectsInTime(t *testing.T) {
	for last := time.Duration(0); last < 6*time.Second; last += 100 * time.Millisecond {
		s := registry.ConnHealth{}
		s.Active(0, "other")
		s.Active(last, "dead")
		for {
			now, scheduled := s.Next()
			require.True(t, scheduled)
			s.Active(now, "other")
			if _, end := s.Due(now); len(end) > 0 {
				require.Equal(t, []registry.ClientID{"dead"}, end)
				require.GreaterOrEqual(t, now-last, 25*time.Second)
				require.LessOrEqual(t, now-last, 28*time.Second)
				break
			}
		}
	}
}
