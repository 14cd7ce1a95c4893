package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"zeroloss/loadgen/traffic"
)

// Probe sends one request of s, whose Target must be set, before the load starts.
// The error says why the response is not a successful one: its status and the
// beginning of its body, or why there is none.
func Probe(ctx context.Context, s traffic.Stream) error {
	if s.Timeout == 0 {
		s.Timeout = DefaultTimeout
	}
	rule, err := s.Answer.Compile()
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, s.Timeout)
	defer stop()
	url := strings.TrimRight(s.Target, "/") + s.Path
	req, err := http.NewRequestWithContext(ctx, s.Method, url, strings.NewReader(s.Body))
	if err != nil {
		return err
	}
	req.Header = header(s)
	if h := req.Header.Get("Host"); h != "" {
		req.Host = h
	}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJudgedBody))
	if err = errors.Join(err, resp.Body.Close()); err == nil && s.Answer.Accepts(resp.StatusCode) {
		err = rule.Check(body)
	} else if err == nil {
		err = errors.New("unexpected status")
	}
	if err != nil {
		const most = 200
		return fmt.Errorf("%s %s returned %s: %w; the body begins with %q", s.Method, url, resp.Status, err, truncate(string(body), most))
	}
	return nil
}
