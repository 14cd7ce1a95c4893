package client

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection that stands still ends no watch: that nothing is answered on it
// shows it.
func TestHeartbeatReportsASilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		began := time.Now()
		var gaps []gap
		asked := 0
		go Heartbeat(ctx, NewGapTracker(func(since time.Time, lasted time.Duration) {
			gaps = append(gaps, gap{since.Sub(began), lasted})
		}), func(ctx context.Context) error {
			asked++
			if since := time.Since(began); since < 5*time.Second || since > 25*time.Second {
				time.Sleep(100 * time.Millisecond)
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(25*time.Second - time.Since(began)): // it comes back
				return nil
			}
		})
		time.Sleep(8 * time.Second)
		synctest.Wait()
		require.Len(t, gaps, 1, "while it goes on")
		require.Zero(t, gaps[0].lasted)
		time.Sleep(time.Minute)
		synctest.Wait()
		end()
		require.Len(t, gaps, 2)
		require.Equal(t, gaps[0].since, gaps[1].since)
		require.InDelta(t, 20, gaps[1].lasted.Seconds(), 1.2)
		require.Greater(t, asked, 40)
		synctest.Wait()
	})
}
