// Package plain is a plain HTTP server, like a service that knows nothing about
// registries, drains, trails or this project. It imports only the standard
// library. The scenario own-service releases it, to show what can be measured
// without any help of the service.
//
// It takes some time for each request, and answers with its host name (in a
// cluster, the name of the pod) in the header X-Pod. It shuts down without care:
// on TERM it closes all connections at once, even those with requests in flight.
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

// InstanceHeader is the header of an answer that names the instance.
const InstanceHeader = "X-Pod"

// Port is the default port.
const Port = 8080

// Options configures [Run].
type Options struct {
	Port int           // 0 is Port
	Work time.Duration // how long each request takes
}

// Run serves until ctx ends. Then it returns at once, and cuts requests in flight.
func Run(ctx context.Context, o Options) error {
	if o.Port == 0 {
		o.Port = Port
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", o.Port))
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
	defer context.AfterFunc(ctx, func() { _ = s.Close() })() // cuts requests in flight
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
