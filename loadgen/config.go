// Package loadgen sends the load of a run and writes down what became of each
// request. [Run] does it in this process; [Main] is the whole of a generator
// process, told by a [Job] on its standard input.
//
// The load is open: each request is due at an instant of its stream's own
// clock ([traffic.Stream]), whatever the answers do. What could not be sent in
// time is written down as unsent, so due = sent + unsent, to the last request.
// vegeta does the sending (attack.go is the one file that knows it); pacing,
// time-outs, observation and records are done here.
//
// The package may not know what a good answer is: which version should have
// answered, and whose fault a failure is, the ledger decides from the records.
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

// Config is what [Run] is told. Streams, Target, Zero and Out are needed.
type Config struct {
	Streams []traffic.Stream // names are unique
	Target  string           // base URL, as http://127.0.0.1:20000
	Zero    time.Time        // the streams' time zero, by the record's clock; it may lie ahead
	Out     io.Writer        // the request log; one Write a frame, each 200 ms

	// Shard is this generator's part of the streams, where several share them.
	// The zero value is the whole.
	Shard traffic.Shard
	// Ahead is what to add to an instant of this machine's clock to have it by
	// the record's: Zero is told, and all is written down, by that one.
	ClockOffset record.Micros

	// Events gets what the generator has to tell of itself; nil: nobody.
	Events   *record.EventWriter
	Instance record.Instance // whom those events are about

	// Late is how long after it was due a request is still sent; what is
	// later is unsent. 0 is DefaultLate.
	MaxLateness time.Duration
	// Linger is how long requests in flight may go on once ctx is done; what
	// is not answered then is cancelled. 0 is DefaultLinger.
	DrainTimeout time.Duration
	// MaxWorkers bounds the requests in flight of a stream. 0 is enough for
	// every one of them to run into its time-out.
	MaxWorkers int
	// Progress, if not nil, is called every half second, and at the end, by
	// one goroutine.
	Progress func(Progress)

	// Dial opens connections; nil dials TCP within 300 ms.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Divert, if not nil, names another host:port for a request, "" for none.
	// It is how the instrument is tested: a request of a kept-alive stream
	// can be sent to where a connection is refused.
	Divert func(stream string, seq uint64) string
}

// withDefaults checks c and fills in what is missing, in a copy.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.Streams) == 0 {
		errs = append(errs, errors.New("there is no stream"))
	}
	if c.Zero.IsZero() {
		errs = append(errs, errors.New("the time zero is missing"))
	}
	if c.Out == nil {
		errs = append(errs, errors.New("the request log is missing"))
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
			err = errors.New("another has the same name")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("stream %q: %w", s.Name, err))
		}
		names[s.Name] = true
		c.Streams[i] = s
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("checking the load: %w", err)
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
	req, err := http.NewRequest(s.Method, s.Target+s.Path, nil)
	switch {
	case s.Name == "":
		return s, errors.New("it has no name")
	case err != nil:
		return s, err
	case req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return s, fmt.Errorf("target %q is no base URL such as http://127.0.0.1:20000", s.Target)
	case !(s.Rate > 0) || math.IsInf(s.Rate, 1):
		return s, fmt.Errorf("rate %v/s is not above 0", s.Rate)
	case s.Duration <= 0:
		return s, fmt.Errorf("duration %v is not above 0", s.Duration)
	case s.Timeout < 0:
		return s, fmt.Errorf("timeout %v is below 0", s.Timeout)
	case s.Connections != traffic.KeepAlive && s.Connections != traffic.New:
		return s, fmt.Errorf("connections %q: want %q or %q", s.Connections, traffic.KeepAlive, traffic.New)
	}
	if _, err := s.Answer.Compile(); err != nil {
		return s, err
	}
	return s, nil
}

// workers is how many requests of s may be in flight, and how many are
// prepared for from the start.
func (c Config) workers(s traffic.Stream) (initial, most uint64) {
	most = uint64(c.MaxWorkers)
	if c.MaxWorkers <= 0 {
		most = min(workerLimit, 16+uint64(math.Ceil(c.Shard.Rate(s.Rate)*(s.Timeout+c.MaxLateness).Seconds())))
	}
	return min(most, 8+uint64(c.Shard.Rate(s.Rate)/20)), most
}
