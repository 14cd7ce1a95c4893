// Package plain is a plain HTTP server, as anybody's service may be: it knows
// nothing of registries, drains, trails or of this project, and imports the
// standard library only. It is what `own-service` releases, to show what can be
// said of a service that does not help.
//
// It takes a while for each request, answers with its host's name (a pod's, in
// a cluster) in the header X-Pod, and goes the naive way: on TERM it closes all
// at once, what it has in hand too.
package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// InstanceHeader is where an answer names who gave it.
const InstanceHeader = "X-Pod"

// Port is what it listens on by default.
const Port = 8080

// Options of [Run].
type Options struct {
	Port int           // 0 is Port
	Work time.Duration // what each request takes
}

// Run serves until ctx ends, and then no moment longer.
func Run(ctx context.Context, o Options) error {
	if o.Port == 0 {
		o.Port = Port
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", o.Port))
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return errors.Join(fmt.Errorf("finding this host's name: %w", err), l.Close())
	}
	return serve(ctx, l, handler(name, o.Work))
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })() // cuts what it has in hand
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

func handler(name string, work time.Duration) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t := time.NewTimer(work)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		}
		w.Header().Set(InstanceHeader, name)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"status\":\"done\",\"by\":%q}\n", name)
	})
	return mux
}
