package loadgen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/traffic"
)

func TestPacerKeepsToTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := traffic.Stream{Name: "s", Rate: 300, Start: time.Second, Duration: 10 * time.Second}
		p := newPacer(newSchedule(s, traffic.Shard{}, time.Second), time.Now(), func(seq uint64) { t.Errorf("%d is unsent", seq) })
		timer := time.NewTimer(time.Hour)
		hit := uint64(0)
		for ; p.pace(t.Context(), timer, hit); hit++ {
			seq, ok := p.claim(hit)
			require.True(t, ok)
			require.Equal(t, hit, seq)
			require.Equal(t, s.Due(seq), time.Since(p.zero), "virtual time: to the nanosecond")
		}
		require.Equal(t, s.Count(), hit)
		p.finish(time.Now(), false)
	})
}

// A generator that is held up for 300 ms sends what is at most 100 ms late,
// and says of the rest that it is unsent.
func TestPacerSkipsWhatIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := traffic.Stream{Name: "s", Rate: 100, Duration: time.Second}
		var unsent []uint64
		p := newPacer(newSchedule(s, traffic.Shard{}, 100*time.Millisecond), time.Now(), func(seq uint64) { unsent = append(unsent, seq) })
		timer := time.NewTimer(time.Hour)
		var sent []uint64
		for hit := uint64(0); p.pace(t.Context(), timer, hit); hit++ {
			seq, ok := p.claim(hit)
			require.True(t, ok)
			sent = append(sent, seq)
			if hit == 10 { // at 100 ms; the next to be paced is at 400 ms
				time.Sleep(300 * time.Millisecond)
			}
		}
		p.finish(time.Now(), false)
		var want []uint64
		for seq := uint64(11); seq < 30; seq++ { // due at 110 to 290 ms
			want = append(want, seq)
		}
		require.Equal(t, want, unsent)
		require.Equal(t, s.Count(), uint64(len(sent)+len(unsent)))
		require.Equal(t, uint64(30), sent[11])
	})
}

// What is paced in time and picked up too late, no worker having been free, is
// not sent either.
func TestWhatIsPickedUpTooLateIsUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := traffic.Stream{Name: "s", Rate: 100, Duration: time.Second}
		c := Config{Zero: time.Now(), MaxLateness: 100 * time.Millisecond}
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Error("it was sent")
			return nil, errors.New("no connection here")
		}
		k, err := newSink(io.Discard, 0)
		require.NoError(t, err)
		g := newStreamSender(t.Context(), c, s, k, newTally(s, c.Shard))
		require.True(t, g.pacer.pace(t.Context(), time.NewTimer(time.Hour), 0))
		time.Sleep(101 * time.Millisecond)
		r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)
		require.NoError(t, err)
		r.Header[seqHeader] = []string{"0"}
		_, err = g.RoundTrip(r)
		require.ErrorIs(t, err, errTooLate)
		batch := k.take()
		require.Len(t, batch, 1)
		require.True(t, batch[0].req.Unsent)
	})
}

func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := traffic.Stream{Name: "s", Rate: 10, Duration: time.Minute}
		var unsent []uint64
		p := newPacer(newSchedule(s, traffic.Shard{}, time.Second), time.Now(), func(seq uint64) { unsent = append(unsent, seq) })
		timer := time.NewTimer(time.Hour)
		require.True(t, p.pace(ctx, timer, 0))
		require.True(t, p.pace(ctx, timer, 1))
		_, ok := p.claim(0)
		require.True(t, ok)
		_, ok = p.claim(0)
		require.False(t, ok, "a hit is claimed once")
		time.AfterFunc(50*time.Millisecond, cancel)
		require.False(t, p.pace(ctx, timer, 2))
		require.Equal(t, 150*time.Millisecond, time.Since(p.zero), "it does not wait for the next")

		time.Sleep(300 * time.Millisecond)
		p.finish(time.Now(), false) // 1 was never claimed; 2, 3 and 4 were due since
		require.Equal(t, []uint64{1, 2, 3, 4}, unsent)
	})
}

func TestZeroInThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := traffic.Stream{Name: "s", Rate: 10, Duration: time.Second}
		unsent := 0
		p := newPacer(newSchedule(s, traffic.Shard{}, time.Second), time.Now().Add(-time.Minute), func(uint64) { unsent++ })
		require.False(t, p.pace(t.Context(), time.NewTimer(time.Hour), 0))
		require.Equal(t, 10, unsent)
	})
}

// A load that is stopped ends there: what was handed out in its last moment and
// not taken any more is not due, and neither is what would have come while the
// last answers are waited for. What had waited longer is unsent.
func TestPacerStopped(t *testing.T) {
	for name, c := range map[string]struct {
		claimed uint64 // of the 50 that were handed out by 490 ms
		unsent  []uint64
	}{
		"all were taken":         {50, nil},
		"the last was not":       {49, nil},
		"nor was one in between": {48, nil},
		"and many had waited":    {30, []uint64{39, 38, 37, 36, 35, 34, 33, 32, 31, 30}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				s := traffic.Stream{Name: "s", Rate: 100, Duration: time.Second}
				var unsent []uint64
				p := newPacer(newSchedule(s, traffic.Shard{}, time.Second), time.Now(), func(seq uint64) { unsent = append(unsent, seq) })
				timer := time.NewTimer(time.Hour)
				time.AfterFunc(495*time.Millisecond, stop)
				for hit := uint64(0); p.pace(ctx, timer, hit); hit++ {
					if hit < c.claimed {
						_, ok := p.claim(hit)
						require.True(t, ok)
					}
				}
				stopped := time.Now()
				time.Sleep(200 * time.Millisecond) // for the last answers
				p.finish(stopped, true)
				require.Equal(t, c.unsent, unsent)
			})
		})
	}
}
