package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

func TestSilence(t *testing.T) {
	var s registry.Silence
	_, any := s.Next()
	require.False(t, any, "nobody to watch")

	var ended []registry.Owner
	asked := map[registry.Owner]time.Duration{}
	end := map[registry.Owner]time.Duration{}
	s.Heard(0, "dead")
	s.Heard(0, "quiet")
	s.Heard(0, "closed")
	for now := time.Duration(0); now < time.Minute; now += 500 * time.Millisecond {
		if now%(5*time.Second) == 0 {
			s.Heard(now, "busy")
		}
		if now == 10*time.Second {
			s.Gone(now, "closed")
		}
		ask, done := s.Due(now)
		for _, o := range ask {
			if _, again := asked[o]; !again {
				asked[o] = now
			}
			if o == "quiet" {
				s.Heard(now+time.Second, o)
			}
		}
		for _, o := range done {
			end[o] = now
		}
		ended = append(ended, done...)
		next, any := s.Next()
		require.True(t, any)
		require.Greater(t, next, now, "what is due has been done")
	}
	require.Equal(t, map[registry.Owner]time.Duration{"dead": 21 * time.Second, "quiet": 21 * time.Second}, asked)
	require.Equal(t, []registry.Owner{"dead"}, ended, "once, and nobody else")
	require.Equal(t, 26*time.Second, end["dead"])
}

// Others that die do not put the end of one off beyond measure.
func TestSilenceOfMany(t *testing.T) {
	s := registry.Silence{}
	last := map[registry.Owner]time.Duration{}
	for i := range 20 {
		o, at := registry.Owner(rune('a'+i)), time.Duration(i)*time.Second
		s.Heard(at, o)
		last[o] = at
	}
	for len(last) > 0 {
		now, any := s.Next()
		require.True(t, any)
		_, end := s.Due(now)
		for _, o := range end {
			require.GreaterOrEqual(t, now-last[o], 25*time.Second)
			require.LessOrEqual(t, now-last[o], 33*time.Second)
			delete(last, o)
		}
	}
	_, any := s.Next()
	require.False(t, any)
}

// Whenever the last sign of life was, the end comes 25 to 28 s after it.
func TestSilenceEndsInTime(t *testing.T) {
	for last := time.Duration(0); last < 6*time.Second; last += 100 * time.Millisecond {
		s := registry.Silence{}
		s.Heard(0, "other")
		s.Heard(last, "dead")
		for {
			now, any := s.Next()
			require.True(t, any)
			s.Heard(now, "other")
			if _, end := s.Due(now); len(end) > 0 {
				require.Equal(t, []registry.Owner{"dead"}, end)
				require.GreaterOrEqual(t, now-last, 25*time.Second)
				require.LessOrEqual(t, now-last, 28*time.Second)
				break
			}
		}
	}
}
