package loadpods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// localPods are load pods on this machine that share one load.
func localPods(t *testing.T, n int) Pods {
	t.Helper()
	var out Pods
	for i := range n {
		c, _ := localPod(t)
		out = append(out, &Pod{Shard: traffic.Shard{Index: uint64(i), Count: uint64(n)}, name: fmt.Sprintf("zeroloss-load-%d-x", i), client: c})
	}
	return out
}

// mirroring are the running mirrors of pods.
func mirroring(t *testing.T, pods Pods) (Mirrors, *rundir.Dir) {
	t.Helper()
	dir, err := rundir.Create(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	c := NewMirrors(dir, pods)
	c.Start(t.Context(), func(record.Event) {}, func(error) {})
	return c, dir
}

func logOf(t *testing.T, path string) ([]record.Request, record.RequestTail) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	out, tail, err := record.ReadRequests(f)
	require.NoError(t, err)
	return out, tail
}

func TestSharedLoad(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	pods := localPods(t, 3)
	pods[2].toRecord = record.Offset{Ahead: 50, Within: 100} // cannot be told apart
	c, dir := mirroring(t, pods)
	p := &plan.Plan{Streams: []traffic.Stream{
		{Name: "base", Arm: "base", Rate: 100, Duration: 505 * time.Millisecond, Path: "/"},
		{Name: "gray", Arm: "gray", Rate: 50, Duration: 500 * time.Millisecond, Path: "/"},
	}}
	l := NewLoad(p, pods, func() (string, error) { return target.URL, nil }, nil)
	over := make(chan error, 1)
	zero := time.Now().Add(50 * time.Millisecond)
	l.Start(t.Context(), zero, func(err error) { over <- err })
	require.NoError(t, <-over)
	require.NoError(t, c.Finish(t.Context()))

	counts := l.Progress()
	require.Len(t, counts, 2)
	require.EqualValues(t, 51, counts[0].Due)
	require.EqualValues(t, 51, counts[0].Sent+counts[0].Unsent, "summed over the pods")
	require.EqualValues(t, 25, counts[1].Due)
	seen := map[string]map[uint64]int{"base": {}, "gray": {}}
	for i, name := range []string{"requests.log", "requests-1.log", "requests-2.log"} {
		reqs, tail := logOf(t, dir.Join(name))
		require.True(t, tail.Complete)
		for _, r := range reqs {
			require.EqualValues(t, i, r.Seq%3)
			seen[r.Stream][r.Seq]++
			require.Equal(t, record.At(zero).Add(stream(p, r.Stream).Due(r.Seq)), r.Due, "all have one time zero")
		}
	}
	for _, s := range p.Streams {
		require.Len(t, seen[s.Name], int(s.Count()), s.Name)
		for seq, n := range seen[s.Name] {
			require.Equal(t, 1, n, "%s %d", s.Name, seq)
		}
	}
	for _, name := range []string{"load", "load-1", "load-2"} {
		text, err := os.ReadFile(dir.EventsPath(name))
		require.NoError(t, err)
		require.Contains(t, string(text), `"instance":"`+name+`/1"`)
		require.Contains(t, string(text), `"kind":"load-end"`)
	}
}

func stream(p *plan.Plan, name string) traffic.Stream {
	for _, s := range p.Streams {
		if s.Name == name {
			return s
		}
	}
	return traffic.Stream{}
}

// failing is a load pod that cannot be reached any more from the n-th question
// about its state on.
func failing(c *collect.Client, n int32) *collect.Client {
	var asked atomic.Int32
	return &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		if path == "/load" && n == 0 || path == "/state" && asked.Add(1) > n && n > 0 {
			return nil, errors.New("no such pod")
		}
		return c.Do(ctx, method, path, body)
	}}
}

// A pod that does not begin, or is gone, ends the whole load: what the
// others send is not the plan's load.
func TestAPodThatFailsEndsTheLoad(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 10, Duration: time.Hour, Path: "/"}}}
	pods := localPods(t, 3)
	pods[2].client = failing(pods[2].client, 0)
	l := NewLoad(p, pods, func() (string, error) { return target.URL, nil }, nil)
	over := make(chan error, 1)
	l.Start(t.Context(), time.Now(), func(err error) { over <- err })
	require.ErrorContains(t, <-over, "load pod zeroloss-load-2-x (3 of 3): calling the load pod: no such pod")
	for _, s := range pods[:2] {
		for st := (collect.State{}); !st.Over; {
			var err error
			st, err = s.client.State(t.Context())
			require.NoError(t, err)
		}
	}
}

// The logs of those that are left are whole; that of the one that is gone is
// torn, and reported.
func TestAPodThatIsGoneIsReported(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 100, Duration: 300 * time.Millisecond, Path: "/"}}}
	pods := localPods(t, 2)
	sound := pods[1].client
	pods[1].client = &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		if method == http.MethodGet {
			return nil, errors.New("no such pod")
		}
		return sound.Do(ctx, method, path, body)
	}}
	c, dir := mirroring(t, pods)
	l := NewLoad(p, pods, func() (string, error) { return target.URL, nil }, nil)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	l.Start(ctx, time.Now(), func(err error) { over <- err })
	for st := (collect.State{}); !st.Over; {
		var err error
		st, err = pods[0].client.State(t.Context())
		require.NoError(t, err)
	}
	stop()
	require.Error(t, <-over)
	err := c.Finish(t.Context())
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "load pod zeroloss-load-1-x (2 of 2)")
	_, tail := logOf(t, dir.RequestsPath(""))
	require.True(t, tail.Complete)
	require.NoFileExists(t, dir.RequestsPath("1"))
}

func TestClocksOfPods(t *testing.T) {
	collector := record.Offset{Ahead: 1000, Within: 40} // the harness's to it
	other := record.Offset{Ahead: 6000, Within: 60}
	p := &Pod{Shard: traffic.Shard{Index: 1, Count: 3}, clock: other, toRecord: other.To(collector)}
	require.Equal(t, record.Offset{Ahead: -5000, Within: 100}, p.toRecord, "what is uncertain of both is uncertain of it")
	require.Equal(t, record.Micros(-5000), p.ahead())
	e := p.clockEvent()
	require.Equal(t, record.Instance{Pod: "load-1", Incarnation: 1}, e.Instance)
	require.Equal(t, record.ClockOffset{Ahead: -5000, Within: 100}, e.Payload)
	require.Contains(t, e.Text, "load pod 2 of 3, within 100 µs")

	near := record.Offset{Ahead: 1050, Within: 60}
	require.Zero(t, (&Pod{toRecord: near.To(collector)}).ahead(), "not to be told apart")
}

func TestByCompletionIndex(t *testing.T) {
	names, err := byCompletionIndex(map[string][]string{"1": {"b"}, "0": {"a"}, "2": {"c"}, "": {"x"}}, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, names)
	_, err = byCompletionIndex(map[string][]string{"0": {"a"}, "": {"b"}}, 2)
	require.ErrorContains(t, err, "0 load pods instead of one have the label batch.kubernetes.io/job-completion-index=1: []")
	require.ErrorIs(t, err, run.ErrEnvironment)
	_, err = byCompletionIndex(map[string][]string{"0": {"a", "z"}, "1": {"b"}}, 2)
	require.ErrorContains(t, err, "2 load pods instead of one have the label batch.kubernetes.io/job-completion-index=0: [a z]", "no request may be sent by two")
}

func TestStreamsFindTheirServices(t *testing.T) {
	urls := map[string]string{"a": "http://10.96.0.7:80"}
	got, err := resolveServices([]traffic.Stream{{Name: "x", Service: "a"}, {Name: "y"}, {Name: "z", Service: "a", Target: "http://t"}}, urls)
	require.NoError(t, err)
	require.Equal(t, []string{"http://10.96.0.7:80", "", "http://t"}, []string{got[0].Target, got[1].Target, got[2].Target})
	_, err = resolveServices([]traffic.Stream{{Name: "x", Service: "headless"}}, urls)
	require.ErrorContains(t, err, `Service "headless" of stream "x" has no address of its own`)
}
