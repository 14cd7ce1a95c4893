package kube

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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// several are load pods of this machine, as shards of one load.
func several(t *testing.T, n int) []*shard {
	t.Helper()
	var out []*shard
	for i := range n {
		c, _ := loadPodHere(t)
		out = append(out, &shard{Shard: traffic.Shard{Index: uint64(i), Of: uint64(n)}, pod: fmt.Sprintf("zeroloss-load-%d-x", i), client: c})
	}
	return out
}

// begun are the copiers of shards, at work.
func begun(t *testing.T, shards []*shard) (copiers, *rundir.Dir) {
	t.Helper()
	dir, err := rundir.Create(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	c := newCopiers(dir, shards)
	c.begin(t.Context(), func(record.Event) {}, func(error) {})
	return c, dir
}

func logOf(t *testing.T, path string) ([]record.Request, record.Tail) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	out, tail, err := record.ReadRequests(f)
	require.NoError(t, err)
	return out, tail
}

func TestShardsFromTheHarnessSide(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	shards := several(t, 3)
	shards[2].record = record.Offset{Ahead: 50, Within: 100} // cannot be told apart
	c, dir := begun(t, shards)
	p := &plan.Plan{Streams: []traffic.Stream{
		{Name: "base", Arm: "base", Rate: 100, Duration: 505 * time.Millisecond, Path: "/"},
		{Name: "gray", Arm: "gray", Rate: 50, Duration: 500 * time.Millisecond, Path: "/"},
	}}
	l := &load{plan: p, shards: shards, target: func() (string, error) { return target.URL, nil }}
	over := make(chan error, 1)
	zero := time.Now().Add(50 * time.Millisecond)
	l.Start(t.Context(), zero, func(err error) { over <- err })
	require.NoError(t, <-over)
	require.NoError(t, c.finish(t.Context()))

	counts := l.latest()
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

// A shard that does not begin, or is gone, ends the whole load: what the
// others send is not the plan's load.
func TestAShardThatFailsEndsAll(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 10, Duration: time.Hour, Path: "/"}}}
	shards := several(t, 3)
	shards[2].client = failing(shards[2].client, 0)
	l := &load{plan: p, shards: shards, target: func() (string, error) { return target.URL, nil }}
	over := make(chan error, 1)
	l.Start(t.Context(), time.Now(), func(err error) { over <- err })
	require.ErrorContains(t, <-over, "load pod zeroloss-load-2-x (3 of 3): asking the load pod: no such pod")
	for _, s := range shards[:2] {
		for st := (collect.State{}); !st.Over; {
			var err error
			st, err = s.client.State(t.Context())
			require.NoError(t, err)
		}
	}
}

// The logs of those that are left are whole; that of the one that is gone is
// torn, and told.
func TestAShardThatIsGoneIsTold(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 100, Duration: 300 * time.Millisecond, Path: "/"}}}
	shards := several(t, 2)
	sound := shards[1].client
	shards[1].client = &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		if method == http.MethodGet {
			return nil, errors.New("no such pod")
		}
		return sound.Do(ctx, method, path, body)
	}}
	c, dir := begun(t, shards)
	l := &load{plan: p, shards: shards, target: func() (string, error) { return target.URL, nil }}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	l.Start(ctx, time.Now(), func(err error) { over <- err })
	for st := (collect.State{}); !st.Over; {
		var err error
		st, err = shards[0].client.State(t.Context())
		require.NoError(t, err)
	}
	stop()
	require.Error(t, <-over)
	err := c.finish(t.Context())
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "load pod zeroloss-load-1-x (2 of 2)")
	_, tail := logOf(t, dir.RequestsPath(""))
	require.True(t, tail.Complete)
	require.NoFileExists(t, dir.RequestsPath("1"))
}

func TestClocksOfShards(t *testing.T) {
	collector := record.Offset{Ahead: 1000, Within: 40} // the harness's to it
	other := record.Offset{Ahead: 6000, Within: 60}
	s := &shard{Shard: traffic.Shard{Index: 1, Of: 3}, clock: other, record: other.To(collector)}
	require.Equal(t, record.Offset{Ahead: -5000, Within: 100}, s.record, "what is uncertain of both is uncertain of it")
	require.Equal(t, record.Micros(-5000), s.ahead())
	e := s.clockEvent()
	require.Equal(t, record.Instance{Pod: "load-1", Incarnation: 1}, e.Instance)
	require.Equal(t, record.KindClockOffset, e.Kind)
	require.EqualValues(t, -5000, e.N)
	require.JSONEq(t, `{"aheadMicros":-5000,"withinMicros":100}`, string(e.Data))
	require.Contains(t, e.Text, "load pod 2 of 3, within 100 µs")

	near := record.Offset{Ahead: 1050, Within: 60}
	require.Zero(t, (&shard{record: near.To(collector)}).ahead(), "not to be told apart")
}

func TestLoadPodsByTheirIndex(t *testing.T) {
	names, err := inOrder(map[string][]string{"1": {"b"}, "0": {"a"}, "2": {"c"}, "": {"x"}}, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, names)
	_, err = inOrder(map[string][]string{"0": {"a"}, "": {"b"}}, 2)
	require.ErrorContains(t, err, "job-completion-index=1, but 0 []")
	require.ErrorIs(t, err, run.ErrEnvironment)
	_, err = inOrder(map[string][]string{"0": {"a", "z"}, "1": {"b"}}, 2)
	require.ErrorContains(t, err, "but 2 [a z]", "no request may be sent by two")
}

// Jobs go before pods, or they would make them anew.
func TestNamespaceIsEmptiedOfJobs(t *testing.T) {
	kinds := map[schema.GroupVersionResource]string{pods: "PodList", jobs: "JobList", deployments: "DeploymentList", namespaces: "NamespaceList"}
	job := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": render.LoadPod, "namespace": "zeroloss-x"}}}
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "zeroloss-x"}}}
	c := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, job, ns)
	require.NoError(t, fakeAPI(c).removeNamespace(t.Context(), "zeroloss-x"))
	var order []string
	for _, a := range c.Actions() {
		if a.GetVerb() == "delete-collection" {
			order = append(order, a.GetResource().Resource)
		}
	}
	require.Equal(t, []string{"deployments", "jobs", "pods"}, order)
}
