package chain_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/chain"
	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// eventTimeout is how long a test waits for an event that must come.
const eventTimeout = 15 * time.Second

// pod is one service of a chain under test.
type pod struct {
	doc    settings.Document
	events string
	term   chan os.Signal
	done   chan struct{}
	code   int
	err    error
}

// testChain starts the pods of a chain, each on its own loopback address.
type testChain struct {
	t   testing.TB
	reg *embedded.Server
	net int
	dir string
	n   int
}

func newTestChain(t testing.TB) *testChain {
	reg, err := embedded.Start(embedded.Options{Timing: registry.Timing{PushDelay: 50 * time.Millisecond, Tick: 10 * time.Millisecond}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reg.Close()) })
	return &testChain{t: t, reg: reg, net: 192 + rand.IntN(63), dir: t.TempDir(), n: rand.IntN(60000)}
}

func (c *testChain) start(role, tag string, change func(*settings.Document)) *pod {
	c.n++
	next := map[string]string{"gateway": "spring-cloud-a", "a": "spring-cloud-b", "b": "spring-cloud-c"}
	service := map[string]string{"gateway": "spring-cloud-zuul"}[role]
	if service == "" {
		service = "spring-cloud-" + role
	}
	name := fmt.Sprintf("%s%s-%d", service, tag, c.n)
	d := settings.Document{
		Schema: settings.Schema, Role: role, Pod: name, Incarnation: 1, Workload: service + tag, Service: service, Tag: tag,
		IP: fmt.Sprintf("127.%d.%d.%d", c.net, c.n>>8&255, 1+c.n%250), Port: 20000, AdminPort: 20900,
		MSE:      settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199},
		Registry: settings.Registry{Host: c.reg.Host(), Port: c.reg.Port(), GRPCPort: c.reg.GRPCPort(), PushDelay: 50 * time.Millisecond},
		Offline:  settings.Offline{Mode: settings.Lossless, QuietPeriod: 50 * time.Millisecond, MinWait: 200 * time.Millisecond},
		Next:     next[role], Dir: c.dir, Events: filepath.Join(c.dir, name+".ndjson"),
	}
	if change != nil {
		change(&d)
	}
	p := &pod{doc: d, events: d.Events, term: make(chan os.Signal, 1), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		p.code, p.err = chain.Run(ctx, d, p.term)
	}()
	c.t.Cleanup(func() { cancel(); <-p.done })
	return p
}

func (p *pod) log(t testing.TB) []record.Event {
	f, err := os.Open(p.events)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	defer f.Close()
	events, _, err := record.ReadEvents(f)
	require.NoError(t, err)
	return events
}

// await polls the file of events, as another process would.
func (p *pod) await(t testing.TB, what string, is func(record.Event) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, e := range p.log(t) {
			if is(e) {
				return true
			}
		}
		return false
	}, eventTimeout, 5*time.Millisecond, "%s of %s", what, p.doc.Pod)
}

func (p *pod) ready(t testing.TB) {
	t.Helper()
	p.await(t, "ready", func(e record.Event) bool { return e.Kind() == record.KindReady })
}

func (p *pod) sees(t testing.TB, n int) {
	t.Helper()
	p.await(t, fmt.Sprintf("list of %d", n), func(e record.Event) bool { return listOf(e) == n })
}

// chainOf starts a chain from its end, so that each consumer gets the full list
// with its subscription.
func (c *testChain) chainOf(change func(*settings.Document), layers ...[]string) [][]*pod {
	out := make([][]*pod, len(layers))
	for i := len(layers) - 1; i >= 0; i-- {
		for _, who := range layers[i] {
			role, tag, _ := strings.Cut(who, "-")
			out[i] = append(out[i], c.start(role, tag, change))
		}
		for _, p := range out[i] {
			p.ready(c.t)
			if i+1 < len(layers) {
				p.sees(c.t, len(layers[i+1]))
			}
		}
	}
	return out
}

func (p *pod) end(t testing.TB) {
	t.Helper()
	p.term <- syscall.SIGTERM
	select {
	case <-p.done:
	case <-time.After(eventTimeout):
		require.FailNow(t, "it does not end", p.doc.Pod)
	}
	require.NoError(t, p.err)
	if p.doc.Offline.Mode == settings.Kill {
		require.Equal(t, 143, p.code, "as a process that does not handle TERM")
		return
	}
	require.Equal(t, 0, p.code)
}

func (p *pod) url(path string) string {
	return fmt.Sprintf("http://%s:%d%s", p.doc.IP, p.doc.Port, path)
}

func ask(t testing.TB, method, url, tag, body string) (int, string, record.Trail) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	if tag != "" {
		req.Header.Set(record.TagHeader, tag)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	tr, err := record.ParseTrail(resp.Header.Get(record.TrailHeader))
	require.NoError(t, err)
	return resp.StatusCode, string(b), tr
}

func TestChain(t *testing.T) {
	c := newTestChain(t)
	pods := c.chainOf(nil, []string{"gateway"}, []string{"a", "a-gray"}, []string{"b", "b-gray"}, []string{"c"})
	gw, a, agray, b, bgray, cc := pods[0][0], pods[1][0], pods[1][1], pods[2][0], pods[2][1], pods[3][0]
	base := fmt.Sprintf("A[%s] -> B[%s] -> C[%s]", a.doc.IP, b.doc.IP, cc.doc.IP)
	gray := fmt.Sprintf("Agray[%s] -> Bgray[%s] -> C[%s]", agray.doc.IP, bgray.doc.IP, cc.doc.IP)
	for _, q := range []struct{ method, path, tag, body, want string }{
		{"GET", "/A/a", "", "", base},
		{"GET", "/A/a", "gray", "", gray},
		{"GET", "/A/a", "blue", "", base},
		{"GET", "/A/a?name=xiaoming", "", "", base},
		{"GET", "/A/a?group=gray", "gray", "", gray},
		{"GET", "/A/a2bc", "", "", base},
		{"POST", "/A/a", "gray", "some body", gray},
	} {
		status, body, trail := ask(t, q.method, gw.url(q.path), q.tag, q.body)
		require.Equal(t, 200, status, "%s %s", q.method, q.path)
		require.Equal(t, q.want, body)
		require.Len(t, trail, 4)
		require.Equal(t, "spring-cloud-zuul", trail[0].Service)
		for i, hop := range trail[:3] {
			require.Equal(t, trail[i+1].Instance, hop.Call.Callee)
			require.Equal(t, 200, hop.Call.Status)
			require.Equal(t, q.tag, hop.Call.Wanted)
			require.GreaterOrEqual(t, hop.Took, trail[i+1].Took)
		}
		require.Nil(t, trail[3].Call)
	}
	status, _, trail := ask(t, "GET", gw.url("/elsewhere"), "", "")
	require.Equal(t, 404, status)
	require.Len(t, trail, 1)
}

// A release of one of two instances of B under traffic: mode lossless loses no
// request, each other mode loses some, with the class of a closed port or
// connection. The steps of the instances can be replayed from their events.
func TestReleaseUnderTraffic(t *testing.T) {
	for _, mode := range []string{settings.Lossless, settings.DeregisterFirst, settings.CloseFirst, settings.Kill} {
		t.Run(mode, func(t *testing.T) {
			c := newTestChain(t)
			change := func(d *settings.Document) { d.Offline.Mode = mode }
			pods := c.chainOf(change, []string{"a"}, []string{"b", "b"}, []string{"c"})
			a, b1, b2, cc := pods[0][0], pods[1][0], pods[1][1], pods[2][0]
			stop, lost := make(chan struct{}), make(chan map[record.Class]int)
			go func() { lost <- traffic(t, a.url("/a"), stop) }()
			b1.end(t)
			require.Eventually(t, func() bool { return shrank(a.log(t)) }, eventTimeout, 5*time.Millisecond)
			close(stop)
			got := <-lost
			if mode == settings.Lossless {
				require.Empty(t, got)
			} else {
				require.NotEmpty(t, got)
				for class := range got {
					require.Contains(t, []record.Class{record.Refused, record.EOF, record.ResetBeforeByte, record.Truncated}, class)
				}
			}
			for _, p := range []*pod{a, b2, cc} {
				p.end(t)
			}
			for _, p := range []*pod{a, b1, b2, cc} {
				replay(t, p)
			}
		})
	}
}

// shrank reports whether a consumer's list went from two hosts to one.
func shrank(events []record.Event) bool {
	two := false
	for _, e := range events {
		if n := listOf(e); n >= 0 {
			if two && n == 1 {
				return true
			}
			two = two || n == 2
		}
	}
	return false
}

// listOf is how many hosts a changed list has; -1 for any other event.
func listOf(e record.Event) int {
	if list, ok := e.Payload.(record.ListChanged); ok {
		return len(list.Hosts)
	}
	return -1
}

// traffic sends requests until stop, and counts lost ones by root cause.
func traffic(t testing.TB, url string, stop <-chan struct{}) map[record.Class]int {
	lost := map[record.Class]int{}
	for {
		select {
		case <-stop:
			return lost
		default:
		}
		if status, _, trail := ask(t, "GET", url, "", ""); status != 200 {
			_, class, _ := trail.Root()
			lost[class]++
		}
	}
}

func replay(t *testing.T, p *pod) {
	t.Helper()
	machines := map[string]func([]machine.Line) error{"lossless": lossless.Replay, "consumer": consumer.Replay}
	lines := map[string][]machine.Line{}
	events := p.log(t)
	for _, e := range events {
		switch p := e.Payload.(type) {
		case record.MachineInput:
			lines[p.Machine] = append(lines[p.Machine], machine.Line{Data: p.Data})
		case record.MachineOutput:
			lines[p.Machine] = append(lines[p.Machine], machine.Line{Output: true, Data: p.Data})
		}
	}
	require.Equal(t, record.KindEnd, events[len(events)-1].Kind())
	require.NotEmpty(t, lines["lossless"])
	for name, l := range lines {
		require.NoError(t, machines[name](l), "%s of %s", name, p.doc.Pod)
	}
}

func TestUnknownRole(t *testing.T) {
	code, err := chain.Run(t.Context(), settings.Document{Role: "d"}, nil)
	require.Equal(t, 2, code)
	require.ErrorContains(t, err, `"d"`)
}
