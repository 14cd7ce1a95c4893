package service_test

import (
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/service"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

func hello(x *service.Request) { x.Reply("hello from " + x.IP()) }

// forward calls the next service and returns its answer.
func forward(x *service.Request) {
	if body, ok := x.CallNext(x.Path(), x.Query()); ok {
		x.Reply(body)
	}
}

func TestComingUpAndGoing(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	r := w.start(d, hello)
	r.log.await(t, record.KindReady)
	resp := get(t, "http://"+r.addr()+"/x")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "hello from "+d.IP, text(t, resp))
	hops := trail(t, resp)
	require.Len(t, hops, 1)
	require.Equal(t, record.Instance{Pod: "b-1", Incarnation: 1}, hops[0].Instance)
	require.Empty(t, resp.Header.Get(lossless.MarkerHeader))

	r.term <- syscall.SIGTERM
	require.Equal(t, 0, r.wait())
	require.NoError(t, r.err)
	inOrder(t, r.log.kinds(), record.KindStarting, record.KindListening, record.KindRegistered, record.KindReady, record.KindTermReceived,
		record.KindOffline, record.KindClosing, record.KindDeregistering, record.KindDeregistered, record.KindListenerClosed, record.KindDrained, record.KindEnd)
	require.Equal(t, record.KindEnd, r.log.kinds()[len(r.log.kinds())-1])
	_, err := request(t, "GET", "http://"+r.addr(), nil)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// inOrder asserts that want is a subsequence of got.
func inOrder(t *testing.T, got []record.Kind, want ...record.Kind) {
	t.Helper()
	i := 0
	for _, k := range got {
		if i < len(want) && k == want[i] {
			i++
		}
	}
	require.Equal(t, len(want), i, "%v does not come in order in %v", want[min(i, len(want)-1)], got)
}

func TestOffArmsOrder(t *testing.T) {
	for _, c := range []struct {
		mode  string
		want  []record.Kind
		never record.Kind
		code  int
	}{
		{settings.DeregisterFirst, []record.Kind{record.KindTermReceived, record.KindDeregistering, record.KindDeregistered, record.KindListenerClosed, record.KindDrained, record.KindEnd}, record.KindClosing, 0},
		{"", []record.Kind{record.KindTermReceived, record.KindDeregistered, record.KindListenerClosed, record.KindEnd}, record.KindClosing, 0},
		{settings.CloseFirst, []record.Kind{record.KindTermReceived, record.KindListenerClosed, record.KindDeregistering, record.KindDeregistered, record.KindDrained, record.KindEnd}, record.KindClosing, 0},
		{settings.Kill, []record.Kind{record.KindTermReceived, record.KindEnd}, record.KindDeregistering, 143},
	} {
		t.Run("mode "+c.mode, func(t *testing.T) {
			w := newTestEnv(t)
			d := w.settings("b")
			d.Offline.Mode = c.mode
			r := w.start(d, hello)
			r.log.await(t, record.KindReady)
			r.term <- syscall.SIGTERM
			require.Equal(t, c.code, r.wait())
			require.NoError(t, r.err)
			inOrder(t, r.log.kinds(), c.want...)
			require.NotContains(t, r.log.kinds(), c.never)
		})
	}
}

// gatedHandler returns a handler that waits until the test closes open.
func gatedHandler() (h service.Handler, entered chan struct{}, open chan struct{}) {
	entered, open = make(chan struct{}, 100), make(chan struct{})
	return func(x *service.Request) {
		entered <- struct{}{}
		<-open
		x.Reply("done")
	}, entered, open
}

func TestMarkerOnTheAnswerThatWasInFlight(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.MSE = settings.MSE{On: true, OfflinePort: 54199}
	h, entered, open := gatedHandler()
	r := w.start(d, h)
	r.log.await(t, record.KindReady)
	answer := make(chan *http.Response, 1)
	go func() { answer <- get(t, "http://"+r.addr()+"/") }()
	<-entered
	require.Equal(t, 200, offline(t, d, "GET", ":54199").StatusCode)
	r.log.await(t, record.KindDeregistered)
	close(open)
	resp := <-answer
	id, err := lossless.ParseIdentity(resp.Header.Get(lossless.MarkerHeader))
	require.NoError(t, err)
	require.Equal(t, record.Instance{Pod: "b-1", Incarnation: 1}, id.Instance)
	require.NotZero(t, id.Start)
	require.Equal(t, 200, resp.StatusCode, "the request was served all the same")

	// It serves until TERM. A second call has no effect.
	again := get(t, "http://"+r.addr()+"/")
	require.NotEmpty(t, again.Header.Get(lossless.MarkerHeader))
	first := slices.Clone(r.log.kinds())
	require.Contains(t, text(t, offline(t, d, "PUT", ":54199")), `"phase":"closing"`)
	require.Equal(t, count(first, record.KindDeregistering), count(r.log.kinds(), record.KindDeregistering))
	r.term <- syscall.SIGTERM
	require.Equal(t, 0, r.wait())
}

func count(kinds []record.Kind, k record.Kind) (n int) {
	for _, x := range kinds {
		if x == k {
			n++
		}
	}
	return n
}

// offline calls /offline from the pod's own address, like a preStop hook.
func offline(t *testing.T, d settings.Document, method, port string) *http.Response {
	t.Helper()
	resp, err := from(d.IP, method, "http://"+d.IP+port+"/offline")
	require.NoError(t, err)
	return resp
}

// from makes a request from a source address.
func from(ip, method, url string) (*http.Response, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	tr := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	return tr.RoundTrip(req)
}

func TestOfflineIsThePodsAlone(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
	d.Polaris = settings.Polaris{On: true, AdminPort: 28080}
	r := w.start(d, hello)
	r.log.await(t, record.KindReady)
	for _, port := range []string{":54199", ":28080"} {
		for _, stranger := range []string{"127.0.0.1", w.ip()} { // here 127.0.0.1 is the node or another pod
			resp, err := from(stranger, "GET", "http://"+d.IP+port+"/offline")
			require.NoError(t, err)
			require.Equal(t, 403, resp.StatusCode, "from %s at %s", stranger, port)
		}
	}
	require.NotContains(t, r.log.kinds(), record.KindOffline)
	require.Equal(t, 405, offline(t, d, "DELETE", ":54199").StatusCode)
	require.Equal(t, 200, offline(t, d, "DELETE", ":28080").StatusCode, "Polaris never looks at the method")
	require.Equal(t, record.Offline{Trigger: record.TriggerHook}, r.log.await(t, record.KindOffline).Payload)
}

func TestReadiness(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
	d.Polaris = settings.Polaris{On: true, AdminPort: 28080}
	d.Online.StartUp = time.Hour // it listens in an hour: its ports open now
	r := w.start(d, hello)
	eventually(t, func() bool {
		resp, err := request(t, "GET", "http://"+d.IP+":28080/readiness", nil)
		return err == nil && resp.StatusCode == 503
	})
	require.Equal(t, 503, get(t, "http://"+d.IP+":28080/online").StatusCode)
	require.Equal(t, 500, get(t, "http://"+d.IP+":55199/readiness").StatusCode)
	require.Equal(t, 500, get(t, "http://"+d.IP+":55199/health").StatusCode)
	require.NotContains(t, r.log.kinds(), record.KindListening)

	d2 := w.settings("b")
	d2.Pod, d2.MSE, d2.Polaris = "b-2", d.MSE, d.Polaris
	r2 := w.start(d2, hello)
	r2.log.await(t, record.KindReady)
	eventually(t, func() bool { return get(t, "http://"+d2.IP+":55199/readiness").StatusCode == 200 })
	require.Equal(t, 200, get(t, "http://"+d2.IP+":28080/readiness").StatusCode)
	require.Equal(t, 200, offline(t, d2, "GET", ":54199").StatusCode)
	require.Equal(t, 500, get(t, "http://"+d2.IP+":55199/readiness").StatusCode, "going means not ready, as soon as /offline has answered")

	d3 := w.settings("b")
	d3.Pod, d3.Polaris = "b-3", settings.Polaris{On: true, AdminPort: 28080, NoReadiness: true}
	r3 := w.start(d3, hello)
	r3.log.await(t, record.KindReady)
	require.Equal(t, 404, get(t, "http://"+d3.IP+":28080/readiness").StatusCode, "a rule has switched it off")
	require.Equal(t, 404, get(t, "http://"+d3.IP+":28080/online").StatusCode)
	require.Equal(t, 200, offline(t, d3, "GET", ":28080").StatusCode)
}

// eventually polls a condition for which there is no event.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	require.Eventually(t, is, eventTimeout, 5*time.Millisecond)
}

func TestDoorsStayShut(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.MSE = settings.MSE{On: false, OfflinePort: 54199, ReadinessPort: 55199}
	d.Polaris = settings.Polaris{On: true}
	r := w.start(d, hello)
	r.log.await(t, record.KindReady)
	for _, port := range []string{":54199", ":55199", ":28080"} {
		_, err := request(t, "GET", "http://"+d.IP+port+"/readiness", nil)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, port)
	}
}

func TestQueueOverflow(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.Work = settings.Work{Workers: 1, Queue: 1}
	h, entered, open := gatedHandler()
	r := w.start(d, h)
	addr := r.addr()
	served := make(chan int, 2)
	for range 2 {
		go func() { served <- get(t, "http://"+addr+"/").StatusCode }()
	}
	<-entered // one request is worked on; the other one waits, or is about to
	// A third request finds the queue full once the second one is in it.
	var resp *http.Response
	eventually(t, func() bool {
		if strings.Contains(text(t, get(t, "http://"+d.IP+":20900/state")), `"inFlight":2`) {
			resp = get(t, "http://"+addr+"/")
			return true
		}
		return false
	})
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, record.Overload, trail(t, resp)[0].Class)
	close(open)
	require.Equal(t, 200, <-served)
	require.Equal(t, 200, <-served)
}

func TestReject(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	d.Offline.Mode = settings.Reject
	d.Polaris = settings.Polaris{On: true, AdminPort: 28080}
	r := w.start(d, hello)
	r.log.await(t, record.KindReady)
	require.Equal(t, 200, offline(t, d, "PUT", ":28080").StatusCode)
	r.log.await(t, record.KindDeregistered)
	eventually(t, func() bool {
		resp := get(t, "http://"+r.addr()+"/")
		return resp.StatusCode == 503 && trail(t, resp)[0].Class == record.Rejected
	})
	require.NotEmpty(t, get(t, "http://"+r.addr()+"/").Header.Get(lossless.MarkerHeader))
}

func TestTakenPort(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("b")
	ln, err := net.Listen("tcp", d.IP+":0")
	require.NoError(t, err)
	defer ln.Close()
	d.Port = ln.Addr().(*net.TCPAddr).Port
	r := w.start(d, hello)
	r.wait()
	require.ErrorIs(t, r.err, syscall.EADDRINUSE)
	require.ErrorContains(t, r.err, "business port of b")

	d = w.settings("b")
	d.AdminPort = ln.Addr().(*net.TCPAddr).Port
	d.IP = ln.Addr().(*net.TCPAddr).IP.String()
	r = w.start(d, hello)
	r.wait()
	require.ErrorIs(t, r.err, syscall.EADDRINUSE)
	require.ErrorContains(t, r.err, "admin port")
}

func TestToldToGoAtOnce(t *testing.T) {
	w := newTestEnv(t)
	h, entered, open := gatedHandler()
	r := w.start(w.settings("b"), h)
	r.log.await(t, record.KindReady)
	failed := make(chan error, 1)
	go func() {
		_, err := request(t, "GET", "http://"+r.addr()+"/", nil)
		failed <- err
	}()
	<-entered
	r.kill()
	require.Equal(t, 0, r.wait())
	require.NoError(t, r.err)
	require.Error(t, <-failed)
	close(open)
	require.Equal(t, record.RequestsCut{Requests: 1}, r.log.await(t, record.KindRequestsCut).Payload)
	require.Equal(t, record.KindEnd, r.log.kinds()[len(r.log.kinds())-1])
}

func TestOrphanGoesAtOnce(t *testing.T) {
	w := newTestEnv(t)
	pr, pw, err := os.Pipe()
	require.NoError(t, err)
	d := w.settings("b")
	// The service owns the descriptor, like a child process.
	fd, err := syscall.Dup(int(pr.Fd()))
	require.NoError(t, err)
	require.NoError(t, pr.Close())
	d.ParentFD = fd
	r := w.start(d, hello)
	r.log.await(t, record.KindReady)
	require.NoError(t, pw.Close())
	r.wait()
	require.ErrorIs(t, r.err, service.ErrParentExited)
	require.Equal(t, service.ErrParentExited.Error(), r.log.await(t, record.KindEnd).Text)
}
