package service

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

func TestFromSamePod(t *testing.T) {
	for _, c := range []struct {
		ip, remote string
		want       bool
	}{
		{"127.9.0.5", "127.9.0.5:4000", true},
		{"127.9.0.5", "127.0.0.1:4000", false}, // shared by all pods
		{"127.9.0.5", "127.9.0.6:4000", false},
		{"127.0.0.1", "127.0.0.1:4000", true},
		{"10.0.0.7", "127.0.0.1:4000", true}, // in a pod of its own
		{"10.0.0.7", "[::1]:4000", true},
		{"10.0.0.7", "[::ffff:10.0.0.7]:4000", true},
		{"10.0.0.7", "10.0.0.7:4000", true},
		{"10.0.0.7", "10.0.0.1:4000", false},
		{"10.0.0.7", "nonsense", false},
	} {
		require.Equal(t, c.want, fromSamePod(c.ip, c.remote), "%s from %s", c.ip, c.remote)
	}
}

func TestAdminAddresses(t *testing.T) {
	require.Equal(t, []string{"127.9.0.5"}, adminAddresses("127.9.0.5"))
	require.Equal(t, []string{"127.0.0.1"}, adminAddresses("127.0.0.1"))
	require.Equal(t, []string{"10.0.0.7", "127.0.0.1"}, adminAddresses("10.0.0.7"))
}

// Requests take picks that were computed in advance without the lock that keeps
// the journal's lines in order, whatever the kind of the cache.
func TestPicksTakeNoLock(t *testing.T) {
	for _, cache := range []string{settings.CachePush, settings.CachePoll30, settings.CacheTTL35} {
		d := settings.Document{Next: "spring-cloud-b", Consumer: settings.Consumer{Cache: cache}}
		v := newDiscovery(d, newEventLog(d, io.Discard), clock{time.Now().Add(-time.Minute)})
		host := consumer.Host{Identity: lossless.Identity{Instance: record.Instance{Pod: "b", Incarnation: 1}}, Addr: "127.0.0.2:20002", Weight: 1}
		v.Step(time.Minute, consumer.Event{Kind: consumer.Pushed, Hosts: []consumer.Host{host}})
		v.Step(2*time.Minute, consumer.Event{}) // a poll's time
		got, err := v.pick("")
		require.NoError(t, err, cache)
		require.Equal(t, "b", got.instance.Pod)

		v.mu.Lock() // a step is being written down
		got, err = v.pick("")
		v.mu.Unlock()
		require.NoError(t, err, cache)
		require.Equal(t, "b", got.instance.Pod)
	}
}

func TestWorkDuration(t *testing.T) {
	w := settings.Work{Duration: 2 * time.Millisecond, ColdStartCost: 100 * time.Millisecond, ColdStartRequests: 4}
	var got []time.Duration
	for n := range int64(6) {
		got = append(got, workDuration(w, n))
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{102 * ms, 77 * ms, 52 * ms, 27 * ms, 2 * ms, 2 * ms}, got)
	require.Zero(t, workDuration(settings.Work{ColdStartCost: time.Second}, 0), "no count, no cost")
}

func TestWorkerPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorkerPool(settings.Document{Work: settings.Work{Workers: 2, Queue: 1, Duration: time.Second}})
		begin := time.Now()
		var done, full int
		ended := make(chan bool)
		for range 5 {
			go func() {
				if !p.acquire(t.Context()) {
					ended <- false
					return
				}
				defer p.release()
				p.simulateWork(t.Context().Done())
				ended <- true
			}()
		}
		for range 5 {
			if <-ended {
				done++
			} else {
				full++
			}
		}
		require.Equal(t, []int{3, 2}, []int{done, full})
		require.Equal(t, 2*time.Second, time.Since(begin), "the third waits for a worker")
		synctest.Wait()
		require.Zero(t, p.inside.Load())

		require.True(t, p.acquire(t.Context()))
		require.True(t, p.acquire(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.False(t, p.acquire(ctx), "who gives up leaves the queue")
		require.EqualValues(t, 2, p.inside.Load())
	})
}

// TestWorkGoesOnWithoutItsCaller: only the end of the service ends it early.
func TestWorkGoesOnWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWorkerPool(settings.Document{Work: settings.Work{Workers: 1, Duration: time.Second}})
		begin := time.Now()
		p.simulateWork(nil)
		require.Equal(t, time.Second, time.Since(begin))
		gone := make(chan struct{})
		close(gone)
		p.simulateWork(gone)
		require.Equal(t, time.Second, time.Since(begin))
	})
}

func TestPrewarmedPoolHasNoColdStart(t *testing.T) {
	d := settings.Document{Work: settings.Work{ColdStartCost: time.Second, ColdStartRequests: 10}}
	require.Equal(t, time.Second, workDuration(newWorkerPool(d).work, 0))
	d.Online.Prewarmed = true
	require.Zero(t, workDuration(newWorkerPool(d).work, 0))
}

func TestCallTimeoutsAreNested(t *testing.T) {
	const client = 2500 * time.Millisecond
	last := client
	for _, role := range []string{"gateway", "a", "b"} {
		d := settings.DefaultCallTimeout(role)
		require.Less(t, d+settings.DefaultDialTimeout, last, role)
		last = d
	}
	require.Equal(t, time.Second, settings.Call{Timeout: time.Second}.WithDefaults("a").Timeout)
}

func TestRetryable(t *testing.T) {
	for _, c := range []struct {
		method string
		class  record.Class
		want   bool
	}{
		{"GET", record.Refused, true}, {"POST", record.Refused, true},
		{"GET", record.EOF, true}, {"POST", record.EOF, false},
		{"GET", record.Status5xx, true}, {"POST", record.TimeoutFirstByte, false},
		{"GET", "", false}, {"GET", record.NoInstance, false}, {"GET", record.Cancelled, false},
	} {
		require.Equal(t, c.want, retryable(c.method, c.class), "%s after %s", c.method, c.class)
	}
}

// brokenWriter fails at its n-th write.
type brokenWriter struct{ n int }

var errDisk = errors.New("disk full")

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.n--; b.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestEventLogThatCannotBeWritten(t *testing.T) {
	j := newEventLog(settings.Document{Pod: "b-1", Incarnation: 1}, &brokenWriter{n: 1})
	j.note(record.Event{Payload: record.Starting{}})
	require.NoError(t, j.err)
	j.note(record.Event{Payload: record.Listening{}})
	require.ErrorIs(t, j.end(""), errDisk, "an incomplete stream is not ended")
}

func TestOpenEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b-1.ndjson")
	for range 2 { // appending, so that an incarnation does not wipe out the one before
		f, err := openEvents(path)
		require.NoError(t, err)
		j := newEventLog(settings.Document{Pod: "b-1", Incarnation: 1}, f)
		j.note(record.Event{Payload: record.Starting{}})
		require.NoError(t, j.end("why"))
		j.note(record.Event{Payload: record.Listening{}})
		require.NoError(t, f.Close())
	}
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	events, tail, err := record.ReadEvents(f)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.Len(t, events, 4, "nothing comes after the end")
	require.Equal(t, record.Instance{Pod: "b-1", Incarnation: 1}, events[0].Instance)

	for _, bad := range []string{"fd:x", "fd:-1", "fd:987", filepath.Join(path, "no", "such")} {
		_, err := openEvents(bad)
		require.Error(t, err, bad)
	}
}
