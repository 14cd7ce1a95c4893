package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Client controls a load pod from the harness.
type Client struct {
	// Do sends a request, whose body may be empty, and returns the body of the
	// response, which the caller closes. A status other than 2xx is an error.
	// path begins with a slash and may have a query.
	Do func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error)
}

// HTTP returns a Client of a server at a base URL that this process can reach.
func HTTP(base string) *Client {
	return &Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 != 2 {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // what can be read of it
			return nil, errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(text)), resp.Body.Close())
		}
		return resp.Body, nil
	}}
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("calling the load pod: %w", err)
		}
		body = b
	}
	r, err := c.Do(ctx, method, path, body)
	if err != nil {
		return fmt.Errorf("calling the load pod: %w", err)
	}
	defer r.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, r)
	} else {
		err = json.NewDecoder(r).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("decoding the load pod's response to %s: %w", path, err)
	}
	return nil
}

// State returns the state of the load and of the logs.
func (c *Client) State(ctx context.Context) (s State, err error) {
	return s, c.call(ctx, http.MethodGet, "/state", nil, &s)
}

// Probe has the pod send one request of s. The error says why the response is
// not a successful one.
func (c *Client) Probe(ctx context.Context, s traffic.Stream) error {
	var p ProbeResult
	if err := c.call(ctx, http.MethodPost, "/probe", s, &p); err != nil {
		return err
	}
	if p.Err != "" {
		return errors.New(p.Err)
	}
	return nil
}

// Load starts the load of a job.
func (c *Client) Load(ctx context.Context, job loadgen.Job) error {
	return c.call(ctx, http.MethodPost, "/load", job, nil)
}

// Stop ends the load.
func (c *Client) Stop(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/stop", nil, nil)
}

// SendCommand sends a service a command and returns once the service has closed
// its connection.
func (c *Client) SendCommand(ctx context.Context, to record.Instance, w record.Command) error {
	return c.call(ctx, http.MethodPost, "/command", CommandRequest{To: to, Command: w}, nil)
}

// Close makes the pod accept no more events.
func (c *Client) Close(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/close", nil, nil)
}

// ClockOffset measures how far the pod's clock is ahead of this machine's: of n
// exchanges, the one with the shortest round trip counts.
func (c *Client) ClockOffset(ctx context.Context, n int) (best record.Offset, err error) {
	for i := range n {
		var t ClockTimes
		t1 := record.At(time.Now())
		if err := c.call(ctx, http.MethodGet, "/clock", nil, &t); err != nil {
			return best, err
		}
		o := record.OffsetOf(t1, t.T2, t.T3, record.At(time.Now()))
		if i == 0 || o.Within < best.Within {
			best = o
		}
	}
	return best, nil
}

// retryInterval is the pause before Follow connects again.
const retryInterval = 200 * time.Millisecond

// Follow copies a log ("events" or "requests") to out while it is written, and
// returns once the log is closed and copied. After a broken connection it
// continues where it was. It fails if ctx ends or a write to out fails.
func (c *Client) Follow(ctx context.Context, log string, out io.Writer) error {
	var got int64
	for {
		n, err := c.follow(ctx, log, got, out)
		got += n
		var own *writeError
		if errors.As(err, &own) {
			return fmt.Errorf("keeping %s: %w", log, own.err)
		}
		if s, serr := c.State(ctx); serr == nil {
			size := s.Events
			if log == "requests" {
				size = s.Requests
			}
			if size.Closed && got == size.Bytes {
				return nil
			}
		} else {
			err = errors.Join(err, serr)
		}
		if why := ctxtime.Sleep(ctx, retryInterval); why != nil {
			return errors.Join(fmt.Errorf("following %s: %w", log, why), err)
		}
	}
}

// writeError is an error of the writer that Follow copies to.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

func (c *Client) follow(ctx context.Context, log string, from int64, out io.Writer) (int64, error) {
	r, err := c.Do(ctx, http.MethodGet, "/follow/"+log+"?from="+strconv.FormatInt(from, 10), nil)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var n int64
	buf := make([]byte, 64<<10)
	for {
		k, err := r.Read(buf)
		if k > 0 {
			if _, werr := out.Write(buf[:k]); werr != nil {
				return n, &writeError{werr}
			}
			n += int64(k)
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// EventSplitter splits the log of events, as Follow writes it, into lines, each
// with the name that precedes it: "pod.incarnation", or [LoadLogName].
type EventSplitter struct {
	// Line is called with each line, including its newline.
	Line func(name string, line []byte) error
	rest []byte
}

// Write implements io.Writer.
func (s *EventSplitter) Write(b []byte) (int, error) {
	s.rest = append(s.rest, b...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			return len(b), nil
		}
		line := s.rest[:i+1]
		s.rest = s.rest[i+1:]
		name, event, ok := strings.Cut(string(line), " ")
		if !ok {
			return 0, fmt.Errorf("splitting events: line without a name: %.80q", line)
		}
		if err := s.Line(name, []byte(event)); err != nil {
			return 0, err
		}
	}
}
