// Package collect implements the load pod: a load generator and a collector of
// events. Services that cannot write events to the run directory send them to
// the pod over TCP (the protocol is in loadgen/record/collector.go). The harness
// starts the load and copies both logs over HTTP. Several load pods can share a
// load (traffic.Shard); services send their events to one of them.
//
// [Server] is the pod, [Client] the harness's side. Neither knows Kubernetes:
// the transport of the client decides how a request reaches the server.
//
// The ports need no authentication. They are for a namespace that exists for
// one run.
package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Ports of a load pod.
const (
	HTTPPort   = 7070 // for the harness
	EventsPort = 7071 // for services
)

// State is the response of GET /state.
type State struct {
	Load     *loadgen.Progress `json:"load,omitempty"` // nil: it has not started
	Over     bool              `json:"over"`           // the load has ended
	Err      string            `json:"err,omitempty"`  // why it failed
	Events   LogSize           `json:"events"`
	Requests LogSize           `json:"requests"`
	Streams  map[string]int    `json:"streams"` // lines by "pod/incarnation"
}

// LogSize is the size of a log.
type LogSize struct {
	Bytes  int64 `json:"bytes"`
	Closed bool  `json:"closed"` // the log is complete
}

// CommandRequest is the body of POST /command.
type CommandRequest struct {
	To      record.Instance `json:"to"`
	Command record.Command  `json:"word"`
}

// ClockTimes is the response of GET /clock.
type ClockTimes struct {
	T2 record.Micros `json:"t2"` // when the request arrived
	T3 record.Micros `json:"t3"` // when the response was sent
}

// ProbeResult is the response of POST /probe, whose body is a stream.
type ProbeResult struct {
	Err string `json:"err,omitempty"` // why the response was not a successful one
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// LoadLogName is the name of the generator's own events in the log.
const LoadLogName = "load"

// Server is a load pod.
type Server struct {
	events      *appendLog // lines "<name> <event>"
	requests    *appendLog
	eventServer *eventServer

	mu   sync.Mutex
	stop context.CancelFunc // of the load; nil: it has not started
	last *loadgen.Progress
	over bool
	err  error
}

// NewServer returns a server that writes its logs to dir, which must exist.
func NewServer(dir string) (*Server, error) {
	events, err := newAppendLog(filepath.Join(dir, "events.log"))
	if err != nil {
		return nil, err
	}
	requests, err := newAppendLog(filepath.Join(dir, "requests.log"))
	if err != nil {
		return nil, errors.Join(err, events.file.Close())
	}
	s := &Server{events: events, requests: requests}
	s.eventServer = newEventServer(events)
	return s, nil
}

// Serve serves both ports until ctx is done. The end of ctx stops the load, too.
func (s *Server) Serve(ctx context.Context, forHarness, forServices net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	web := &http.Server{Handler: s.handler(ctx), ReadHeaderTimeout: 5 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := web.Serve(forHarness); !errors.Is(err, http.ErrServerClosed) {
			stop(fmt.Errorf("serving the harness: %w", err))
		}
	})
	wg.Go(func() {
		if err := s.eventServer.serve(ctx, forServices); err != nil {
			stop(fmt.Errorf("serving events: %w", err))
		}
	})
	<-ctx.Done()
	why := context.Cause(ctx)
	// Both are about to end: an error changes nothing.
	_, _ = web.Close(), forServices.Close()
	wg.Wait()
	if errors.Is(why, context.Canceled) {
		why = nil
	}
	return errors.Join(why, s.events.close(), s.requests.close())
}

func (s *Server) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) {
		t2 := record.At(time.Now())
		writeJSON(w, ClockTimes{T2: t2, T3: record.At(time.Now())})
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.state()) })
	mux.HandleFunc("POST /load", func(w http.ResponseWriter, r *http.Request) {
		job, err := loadgen.ReadJob(r.Body)
		if err == nil {
			err = s.load(ctx, job)
		}
		writeResult(w, err)
	})
	mux.HandleFunc("POST /probe", func(w http.ResponseWriter, r *http.Request) {
		var s traffic.Stream
		err := json.NewDecoder(r.Body).Decode(&s)
		if err == nil {
			err = loadgen.Probe(r.Context(), s)
		}
		writeJSON(w, ProbeResult{Err: errorText(err)})
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) { s.stopLoad(); writeResult(w, nil) })
	mux.HandleFunc("POST /command", func(w http.ResponseWriter, r *http.Request) {
		var say CommandRequest
		err := json.NewDecoder(r.Body).Decode(&say)
		if err == nil {
			err = s.eventServer.send(r.Context(), say.To, say.Command)
		}
		writeResult(w, err)
	})
	mux.HandleFunc("POST /close", func(w http.ResponseWriter, _ *http.Request) {
		s.eventServer.close()
		writeResult(w, s.events.finish())
	})
	mux.Handle("GET /follow/events", s.events)
	mux.Handle("GET /follow/requests", s.requests)
	return mux
}

func (s *Server) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := State{Load: s.last, Over: s.over, Events: s.events.size(), Requests: s.requests.size(), Streams: s.eventServer.lineCounts()}
	if s.err != nil {
		st.Err = s.err.Error()
	}
	return st
}

// load starts the load of a job. It ignores the job's paths.
func (s *Server) load(ctx context.Context, job loadgen.Job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		return errors.New("the load has already been started; a load pod runs one load")
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.eventServer.startLoad()
	c := job.Config()
	c.Out, c.Progress, c.Events = s.requests, s.progress, record.NewEventWriter(lines{s.events, LoadLogName})
	go func() {
		_, err := loadgen.Run(ctx, c)
		err = errors.Join(err, s.requests.finish())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.over, s.err = true, err
	}()
	return nil
}

func (s *Server) progress(p loadgen.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = &p
}

func (s *Server) stopLoad() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// The client has gone; it will ask again.
	_ = json.NewEncoder(w).Encode(v)
}

func writeResult(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	writeJSON(w, struct{}{})
}

// Main runs a load pod until ctx is done: it listens on all addresses and writes
// its logs to dir.
func Main(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("creating the load pod's directory: %w", err)
	}
	s, err := NewServer(dir)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	web, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", HTTPPort))
	if err != nil {
		return fmt.Errorf("listening for the harness: %w", err)
	}
	services, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", EventsPort))
	if err != nil {
		return errors.Join(fmt.Errorf("listening for services: %w", err), web.Close())
	}
	defer loadgen.Tune()()
	return s.Serve(ctx, web, services)
}
