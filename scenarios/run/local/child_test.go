package local_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
)

// roleEnv makes this test's binary a child, or a harness to be killed.
const roleEnv = "ZEROLOSS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "harness":
		os.Exit(harness(os.Args[1]))
	default:
		os.Exit(child(os.Args[1:]))
	}
}

// childEnv is a child's. With coverage on, children would complain of having
// nowhere to write it.
func childEnv(coverage string) []string {
	return []string{roleEnv + "=child", "HOSTS=2", "GOCOVERDIR=" + coverage}
}

// child stands in for the program's own roles: real sockets, real events, and
// the real load generator; no registry behind them.
func child(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	switch args[0] {
	case "load":
		if err := loadgen.Main(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	case "registry":
		return serveRegistry(ctx, args[1:])
	default:
		return serve(ctx)
	}
}

func serveRegistry(ctx context.Context, args []string) int {
	arg := func(name string) string { return args[slices.Index(args, name)+1] }
	for _, port := range []string{arg("--port"), arg("--grpc-port")} {
		if _, err := net.Listen("tcp", net.JoinHostPort(arg("--bind"), port)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	events := record.NewEventWriter(os.NewFile(3, "events"))
	orphaned := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.NewFile(4, "parent")); close(orphaned) }()
	select {
	case <-ctx.Done():
		return tell(events, record.Event{Payload: record.End{}})
	case <-orphaned:
		return 1
	}
}

func tell(w *record.EventWriter, e record.Event) int {
	e.At = record.At(time.Now())
	if err := w.Write(e); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serve(ctx context.Context) int {
	d, err := settings.Parse([]byte(os.Getenv(settings.Env)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	self := record.Instance{Pod: d.Pod, Incarnation: d.Incarnation}
	w := record.NewEventWriter(os.NewFile(3, "events"))
	say := func(e record.Event) {
		e.Instance, e.Workload, e.Tag = self, d.Workload, d.Tag
		if tell(w, e) != 0 {
			os.Exit(1)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, os.NewFile(uintptr(d.ParentFD), "parent")); os.Exit(1) }()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)

	say(record.Event{Payload: record.Starting{}, Text: strconv.Itoa(os.Getpid())})
	business, err := net.Listen("tcp", net.JoinHostPort(d.IP, strconv.Itoa(d.Port)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	admin, err := net.Listen("tcp", net.JoinHostPort(d.IP, strconv.Itoa(d.MSE.OfflinePort)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = http.Serve(business, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) }()
	go func() {
		_ = http.Serve(admin, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			if host != d.IP {
				http.Error(rw, "no", http.StatusForbidden)
				return
			}
			say(record.Event{Payload: record.Offline{Trigger: record.TriggerHook}, Text: host})
		}))
	}()
	say(record.Event{Payload: record.Listening{}})
	say(record.Event{Payload: record.Registered{}})
	if d.Next != "" {
		n, _ := strconv.Atoi(os.Getenv("HOSTS"))
		say(record.Event{Service: d.Next, Payload: record.ListChanged{Hosts: make([]record.ListedHost, n)}})
	}
	select {
	case <-ctx.Done():
	case <-term:
		say(record.Event{Payload: record.TermReceived{}})
	}
	say(record.Event{Payload: record.End{}})
	return 0
}
