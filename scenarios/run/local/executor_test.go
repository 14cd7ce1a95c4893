package local

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

func TestResolve(t *testing.T) {
	pods := newPodTable(t.TempDir())
	s := &services{
		addresses: &addressPool{octet: 99}, pods: pods,
		registry: settings.Registry{Host: "127.99.0.2", Port: 8848},
		plan: &plan.Plan{
			Registry:  plan.Registry{Workload: "nacos-server"},
			Workloads: []plan.Workload{{Name: "zuul", Labels: map[string]string{"app": "zuul"}}},
			Services: []plan.Service{
				{Name: "slb", Port: 80, Target: 20000, Selector: map[string]string{"app": "zuul"}},
				{Name: "empty", Port: 80, Target: 80, Selector: map[string]string{"app": "none"}},
			},
		},
	}
	pods.add("zuul-1", "zuul", podAddr{ip: "127.99.0.3"})
	pods.add("zuul-2", "zuul", podAddr{ip: "127.99.0.4"})
	tests := []struct {
		host string
		port int
		want string
	}{
		{"slb", 80, "127.99.0.3:20000"},
		{"slb.default.svc.cluster.local", 80, "127.99.0.3:20000"},
		{"slb", 81, ""},
		{"empty", 80, ""},
		{"nacos-server", 8848, "127.99.0.2:8848"},
		{"127.99.0.4", 20000, "127.99.0.4:20000"},
		{"example.com", 80, ""},
		{"10.0.0.1", 80, ""},
	}
	for _, tt := range tests {
		got, ok := s.resolve(tt.host, tt.port)
		require.Equal(t, tt.want != "", ok, tt.host)
		if ok {
			require.Equal(t, tt.want, got)
		}
	}
	require.NoError(t, pods.remove("zuul-1"))
	got, _ := s.resolve("slb", 80)
	require.Equal(t, "127.99.0.4:20000", got, "the next one takes over")
}

func TestProbe(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/bad", http.StatusFound)
		case "/bad":
			w.WriteHeader(http.StatusInternalServerError)
		case "/slow":
			<-r.Context().Done()
		}
	}))
	defer srv.Close()
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	self := record.Instance{Pod: "b-1", Incarnation: 1}
	x := newExecutor(&plan.Plan{Speed: 1}, &resources{addresses: &addressPool{}, tmp: t.TempDir()}, settings.Registry{}, nil)
	x.pods.add(self.Pod, "b", podAddr{ip: "127.0.0.1", mapped: map[int]int{80: port}})
	get := func(path string) *control.Probe {
		return &control.Probe{HTTPGet: &control.HTTPGet{Port: 80, Path: path}, Timeout: time.Minute}
	}
	slow := get("/slow")
	slow.Timeout = time.Millisecond
	tests := []struct {
		name  string
		probe *control.Probe
		want  string
	}{
		{"2xx", get("/good"), ""},
		{"no slash", get("good"), ""},
		{"3xx is success, and not followed", get("/moved"), ""},
		{"5xx", get("/bad"), "answered 500"},
		{"too slow", slow, "deadline exceeded"},
		{"tcp", &control.Probe{TCPPort: 80}, ""},
		{"tcp, closed", &control.Probe{TCPPort: 1}, "refused"},
		{"exec", &control.Probe{Exec: []string{"sh", "-c", "wget -qO- http://localhost:80/good"}}, ""},
		{"exec fails", &control.Probe{Exec: []string{"false"}}, "exit status 1"},
		{"nothing", nil, "the probe is empty"},
	}
	at := control.PodAction{Pod: self}
	for _, tt := range tests {
		err := x.probes.run(t.Context(), control.RunProbe{PodAction: at, Probe: tt.probe})
		if tt.want == "" {
			require.NoError(t, err, tt.name)
		} else {
			require.ErrorContains(t, err, tt.want, tt.name)
		}
	}
	require.ErrorContains(t, x.hooks.run(t.Context(), control.RunHook{PodAction: at}), "the hook is empty")
	require.NoError(t, x.hooks.run(t.Context(), control.RunHook{PodAction: at, Hook: &control.Hook{Sleep: 1}}))
	gone, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, x.hooks.run(gone, control.RunHook{PodAction: at, Hook: &control.Hook{Sleep: time.Hour}}), context.Canceled)
}

func TestTailReadsCompleteLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.ndjson")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	var heard []record.Kind
	tl := &eventTail{onEvent: func(e record.Event) { heard = append(heard, e.Kind()) }}
	require.NoError(t, tl.follow(path))
	buf := make([]byte, 8) // smaller than a line
	for _, piece := range []struct {
		text string
		want []record.Kind
	}{
		{`{"at":1,"kind":"list`, nil},
		{"ening\"}\n{\"at\":2,\"kind\":\"machine-input\",\"machine\":\"m\",\"data\":{}}\nnonsense\n", []record.Kind{record.KindListening}},
		{`{"at":3,"kind":"ready"}` + "\n", []record.Kind{record.KindListening, record.KindReady}},
	} {
		_, err := f.WriteString(piece.text)
		require.NoError(t, err)
		require.NoError(t, tl.read(buf))
		require.Equal(t, piece.want, heard)
	}
	// What was written before the end is heard.
	over, end := context.WithCancel(t.Context())
	end()
	_, err = f.WriteString(`{"at":4,"kind":"end"}` + "\n")
	require.NoError(t, err)
	require.NoError(t, tl.run(over))
	require.Equal(t, record.KindEnd, heard[len(heard)-1])
	require.Error(t, tl.follow(filepath.Join(t.TempDir(), "none")))
}

func TestStatusOfAChild(t *testing.T) {
	n, err := newSupervisor(os.Args[0], nil)
	require.NoError(t, err)
	null := func() *os.File {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		require.NoError(t, err)
		return f
	}
	told := make(chan struct{})
	c, err := n.start(childSpec{name: "x", args: []string{"-test.run=^$"}, events: null(), log: null()}, func(*child) { close(told) })
	require.NoError(t, err)
	<-c.done
	<-told
	code, text := c.status()
	require.Zero(t, code, text)
	require.NoError(t, c.signal(9), "that it has gone is no error")
	require.NoError(t, n.close())
	require.Error(t, errors.Join(n.write.Close()), "closed once")
}
