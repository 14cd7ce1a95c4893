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

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// Client is the harness's side of a load pod.
type Client struct {
	// Do sends a request, whose body may be empty, and returns the answer's
	// body, which the caller closes; an answer other than 2xx is an error.
	// path begins with a slash and may have a query.
	Do func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error)
}

// HTTP is a Client of a server that can be reached directly.
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
			return fmt.Errorf("asking the load pod: %w", err)
		}
		body = b
	}
	r, err := c.Do(ctx, method, path, body)
	if err != nil {
		return fmt.Errorf("asking the load pod: %w", err)
	}
	defer r.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, r)
	} else {
		err = json.NewDecoder(r).Decode(out)
	}
	if err != nil {
		return fmt.Errorf("reading the load pod's answer to %s: %w", path, err)
	}
	return nil
}

// State asks how it goes.
func (c *Client) State(ctx context.Context) (s State, err error) {
	return s, c.call(ctx, http.MethodGet, "/state", nil, &s)
}

// Probe has one request of s sent; its error says why the answer is no good one.
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

// Load hands over the job, which begins at once.
func (c *Client) Load(ctx context.Context, job loadgen.Job) error {
	return c.call(ctx, http.MethodPost, "/load", job, nil)
}

// Stop tells the load to end.
func (c *Client) Stop(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/stop", nil, nil)
}

// SendCommand tells a service a word and returns when it has hung up.
func (c *Client) SendCommand(ctx context.Context, to record.Instance, w record.Command) error {
	return c.call(ctx, http.MethodPost, "/command", CommandRequest{To: to, Command: w}, nil)
}

// Close ends the events: nothing more is taken.
func (c *Client) Close(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/close", nil, nil)
}

// ClockOffset is how far the pod's clock is from this machine's: the quickest of n
// exchanges counts.
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

// retryInterval is the pause before a log that broke off is taken up again.
const retryInterval = 200 * time.Millisecond

// Follow copies a log ("events" or "requests") to out as it grows, and returns
// when all of it is there. A connection that breaks is taken up where it
// broke; ctx ends the trying. out gets whole pieces as they come; an error of
// its ends it too.
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
		t := time.NewTimer(retryInterval)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return errors.Join(fmt.Errorf("following %s: %w", log, context.Cause(ctx)), err)
		}
	}
}

// writeError is one of the follower's own output.
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

// EventSplitter takes the events' log as it comes, and hands each line on with the
// name before it: "pod.incarnation", or [LoadLogName].
type EventSplitter struct {
	// Line gets a line with its end.
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
			return 0, fmt.Errorf("sorting events: a line without a name: %.80q", line)
		}
		if err := s.Line(name, []byte(event)); err != nil {
			return 0, err
		}
	}
}
