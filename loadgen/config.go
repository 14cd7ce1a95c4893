// Package loadgen sends the load of a run and records the outcome of each
// request. [Run] does so in this process. [Main] is a whole generator process,
// which reads a [Job] from its standard input.
//
// The load is open-loop: each request is due at an instant that its stream
// determines ([traffic.Stream]), whether or not earlier ones were answered. A
// request that could not be sent in time is recorded as unsent, so that
// due = sent + unsent. vegeta sends the requests (only attack.go uses it); pacing,
// timeouts, observation and recording are implemented here.
//
// The package does not decide what a correct response is: the ledger decides
// from the records which version should have answered, and what caused a loss.
package loadgen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Defaults of a [Config] and of a stream.
const (
	DefaultMaxLateness  = 500 * time.Millisecond
	DefaultDrainTimeout = 500 * time.Millisecond
	DefaultTimeout      = 2500 * time.Millisecond
	dialTimeout         = 300 * time.Millisecond
	workerLimit         = 10_000
)

// Config configures [Run]. Streams, Target, Zero and Out are required.
type Config struct {
	Streams []traffic.Stream // names are unique
	Target  string           // base URL, for example http://127.0.0.1:20000
	Zero    time.Time        // time zero of the streams, by the record's clock; it may be in the future
	Out     io.Writer        // the request log; one Write per frame, every 200 ms

	// Shard is this generator's part of the streams if several share them. The
	// zero value is all of them.
	Shard traffic.Shard
	// ClockOffset is how far the record's clock is ahead of this machine's. Zero
	// and all recorded instants are by the record's clock.
	ClockOffset record.Micros

	// Events receives the generator's own events; nil: none are written.
	Events   *record.EventWriter
	Instance record.Instance // the instance that those events name

	// MaxLateness is how late a request may be sent; after that it is recorded as
	// unsent. 0 is DefaultMaxLateness.
	MaxLateness time.Duration
	// DrainTimeout is how long requests in flight may take once ctx is done; after
	// that they are cancelled. 0 is DefaultDrainTimeout.
	DrainTimeout time.Duration
	// MaxWorkers limits the requests in flight of each stream. 0 is enough for all
	// of them to time out.
	MaxWorkers int
	// Progress, if not nil, is called every 500 ms and at the end, by one
	// goroutine.
	Progress func(Progress)

	// Dial opens connections; nil dials TCP within 300 ms.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Divert, if not nil, returns another host:port for a request; "" keeps its
	// own. Tests use it to send one request of a keep-alive stream to an address
	// that refuses connections.
	Divert func(stream string, seq uint64) string
}

// withDefaults checks c and returns a copy with the defaults filled in.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.Streams) == 0 {
		errs = append(errs, errors.New("no streams"))
	}
	if c.Zero.IsZero() {
		errs = append(errs, errors.New("time zero is missing"))
	}
	if c.Out == nil {
		errs = append(errs, errors.New("request log is missing"))
	}
	if err := c.Shard.Check(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxLateness <= 0 {
		c.MaxLateness = DefaultMaxLateness
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = DefaultDrainTimeout
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	c.Target = strings.TrimRight(c.Target, "/")
	c.Streams = append([]traffic.Stream(nil), c.Streams...)
	names := map[string]bool{}
	for i := range c.Streams {
		s, err := c.stream(c.Streams[i])
		if err == nil && names[s.Name] {
			err = errors.New("another stream has the same name")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %q: %w", s.Name, err))
		}
		names[s.Name] = true
		c.Streams[i] = s
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("checking load: %w", err)
	}
	return c, nil
}

func (c Config) stream(s traffic.Stream) (traffic.Stream, error) {
	if s.Method == "" {
		s.Method = http.MethodGet
	}
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	if s.Connections == "" {
		s.Connections = traffic.KeepAlive
	}
	s.Target = strings.TrimRight(cmp.Or(s.Target, c.Target), "/")
	req, err := http.NewRequest(s.Method, s.Target+s.Path, nil) //nolint:noctx // it is not sent: this checks its parts
	switch {
	case s.Name == "":
		return s, errors.New("name is missing")
	case err != nil:
		return s, err
	case req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return s, fmt.Errorf("target must be a base URL such as http://127.0.0.1:20000, got %q", s.Target)
	case !(s.Rate > 0) || math.IsInf(s.Rate, 1):
		return s, fmt.Errorf("rate must be above 0, got %v/s", s.Rate)
	case s.Duration <= 0:
		return s, fmt.Errorf("duration must be above 0, got %v", s.Duration)
	case s.Timeout < 0:
		return s, fmt.Errorf("timeout must not be negative, got %v", s.Timeout)
	case s.Connections != traffic.KeepAlive && s.Connections != traffic.New:
		return s, fmt.Errorf("connections must be %q or %q, got %q", traffic.KeepAlive, traffic.New, s.Connections)
	}
	if _, err := s.Answer.Compile(); err != nil {
		return s, err
	}
	return s, nil
}

// workers is how many workers s starts with, and the maximum: the number of
// requests that may be in flight.
func (c Config) workers(s traffic.Stream) (initial, most uint64) {
	most = uint64(c.MaxWorkers) //nolint:gosec // replaced below unless it is above 0
	if c.MaxWorkers <= 0 {
		most = min(workerLimit, 16+uint64(math.Ceil(c.Shard.Rate(s.Rate)*(s.Timeout+c.MaxLateness).Seconds())))
	}
	return min(most, 8+uint64(c.Shard.Rate(s.Rate)/20)), most
}
