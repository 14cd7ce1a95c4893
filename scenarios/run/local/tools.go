package local

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
)

// tools are a pod's commands. Its sleeps are divided by speed.
func tools(speed float64, client *http.Client) map[string]tool {
	return map[string]tool{
		"sleep": func(ctx context.Context, c call) error { return sleep(ctx, c, speed) },
		"wget":  func(ctx context.Context, c call) error { return fetch(ctx, c, client, "wget", wgetFlags) },
		"curl":  func(ctx context.Context, c call) error { return fetch(ctx, c, client, "curl", curlFlags) },
	}
}

// newClient calls from p, where 127.0.0.1 and localhost are p itself. Other
// names are looked up by resolve; the world outside does not exist.
func newClient(p place, resolve func(host string, port int) (string, bool)) *http.Client {
	dialer := &net.Dialer{LocalAddr: p.source()}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // each use is a program of its own
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, text, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				return nil, err
			}
			to, ok := resolve(host, port)
			if host == "localhost" || host == "127.0.0.1" || host == "::1" || host == p.ip {
				to, ok = p.addr(port), true
			}
			if !ok {
				return nil, &net.DNSError{Err: "no such host in this cluster", Name: host, IsNotFound: true}
			}
			return dialer.DialContext(ctx, network, to)
		},
	}}
}

func status(c call, code uint8, format string, args ...any) error {
	fmt.Fprintf(c.err, format+"\n", args...)
	return interp.ExitStatus(code)
}

// sleep waits for the sum of its arguments: seconds, or with s, m, h, d.
func sleep(ctx context.Context, c call, speed float64) error {
	if len(c.args) == 0 {
		return status(c, 1, "sleep: how long?")
	}
	var total time.Duration
	for _, a := range c.args {
		d, err := sleepTime(a)
		if err != nil {
			return status(c, 1, "sleep: invalid time interval %q", a)
		}
		total += d
	}
	if speed > 0 {
		total = time.Duration(float64(total) / speed)
	}
	t := time.NewTimer(total)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// longest keeps a sum of infinities from overflowing.
const longest = 1000 * time.Hour

func sleepTime(a string) (time.Duration, error) {
	if a == "infinity" || a == "inf" {
		return longest, nil
	}
	unit := time.Second
	for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
		if strings.HasSuffix(a, suffix) {
			a, unit = strings.TrimSuffix(a, suffix), u
			break
		}
	}
	n, err := strconv.ParseFloat(a, 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return 0, fmt.Errorf("parsing time %q: a number of seconds is needed", a)
	}
	return time.Duration(min(n*float64(unit), float64(longest))), nil
}

// request is what wget's or curl's arguments come to.
type request struct {
	url      string
	method   string
	body     string
	header   http.Header
	timeout  time.Duration
	output   string // file; "-" is standard output; "" is the command's own way
	failBad  bool   // an answer of 400 or more is an error
	badCode  uint8  // its status
	failCode uint8  // of no answer at all
}

// flag takes an option; value is nil for one without.
type flag struct {
	value bool
	set   func(r *request, v string) error
}

func fetch(ctx context.Context, c call, client *http.Client, name string, flags map[string]flag) error {
	r := request{header: http.Header{"User-Agent": {name}}, badCode: 22, failCode: 7}
	if name == "wget" {
		r.failBad, r.badCode, r.failCode = true, 8, 4
	}
	if err := parseArgs(&r, c.args, flags); err != nil {
		return status(c, 2, "%s: %v", name, err)
	}
	if r.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, r.timeout)
		defer stop()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return status(c, 2, "%s: %v", name, err)
	}
	req.Header = r.header
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil && r.timeout == 0 {
			return ctx.Err()
		}
		return status(c, r.failCode, "%s: %v", name, err)
	}
	defer resp.Body.Close()
	if r.failBad && resp.StatusCode >= http.StatusBadRequest {
		return status(c, r.badCode, "%s: %s answered %s", name, r.url, resp.Status)
	}
	return save(c, name, r, resp)
}

func save(c call, name string, r request, resp *http.Response) error {
	var w io.Writer = c.out
	file := r.output
	if file == "" && name == "wget" {
		if file = path.Base(resp.Request.URL.Path); file == "/" || file == "." {
			file = "index.html"
		}
	}
	if file != "" && file != "-" {
		f, err := c.open(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
		if err != nil {
			return status(c, 3, "%s: %v", name, err)
		}
		defer f.Close()
		w = f
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return status(c, r.failCode, "%s: %v", name, err)
	}
	return nil
}

// parseArgs reads options as getopt does: -q, -qO-, -T 5, --timeout=5,
// --timeout 5.
func parseArgs(r *request, args []string, flags map[string]flag) error {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		var err error
		switch whole, ok := flags[a]; {
		case ok && !whole.value: // -nv is one option, not two
			err = whole.set(r, "")
		case strings.HasPrefix(a, "--"):
			args, err = longFlag(r, a[2:], args, flags)
		case len(a) > 1 && a[0] == '-':
			args, err = shortFlags(r, a[1:], args, flags)
		case r.url != "":
			err = fmt.Errorf("one address is enough: %q and %q", r.url, a)
		default:
			r.url = a
		}
		if err != nil {
			return err
		}
	}
	return finish(r)
}

func finish(r *request) error {
	if r.url == "" {
		return fmt.Errorf("the address is missing")
	}
	if !strings.Contains(r.url, "://") {
		r.url = "http://" + r.url
	}
	if u, err := url.Parse(r.url); err != nil || u.Host == "" {
		return fmt.Errorf("the address %q is none", r.url)
	}
	switch {
	case r.method != "":
	case r.body != "":
		r.method = http.MethodPost
		if r.header.Get("Content-Type") == "" {
			r.header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	default:
		r.method = http.MethodGet
	}
	return nil
}

func longFlag(r *request, a string, rest []string, flags map[string]flag) ([]string, error) {
	name, value, given := strings.Cut(a, "=")
	f, ok := flags["--"+name]
	if !ok {
		return rest, fmt.Errorf("option --%s is not understood here", name)
	}
	if f.value && !given {
		if len(rest) == 0 {
			return rest, fmt.Errorf("option --%s needs a value", name)
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, f.set(r, value)
}

func shortFlags(r *request, a string, rest []string, flags map[string]flag) ([]string, error) {
	for a != "" {
		name := a[:1]
		f, ok := flags["-"+name]
		if !ok {
			return rest, fmt.Errorf("option -%s is not understood here", name)
		}
		a = a[1:]
		if !f.value {
			if err := f.set(r, ""); err != nil {
				return rest, err
			}
			continue
		}
		if a == "" {
			if len(rest) == 0 {
				return rest, fmt.Errorf("option -%s needs a value", name)
			}
			a, rest = rest[0], rest[1:]
		}
		return rest, f.set(r, a)
	}
	return rest, nil
}

var (
	ignored      = flag{set: func(*request, string) error { return nil }}
	ignoredValue = flag{value: true, set: func(*request, string) error { return nil }}
	setTimeout   = flag{value: true, set: func(r *request, v string) error {
		d, err := sleepTime(v)
		r.timeout = d
		return err
	}}
	setMethod = flag{value: true, set: func(r *request, v string) error { r.method = v; return nil }}
	setBody   = flag{value: true, set: func(r *request, v string) error { r.body = v; return nil }}
	setOutput = flag{value: true, set: func(r *request, v string) error { r.output = v; return nil }}
	setHeader = flag{value: true, set: func(r *request, v string) error {
		k, val, ok := strings.Cut(v, ":")
		if !ok {
			return fmt.Errorf("header %q: want name: value", v)
		}
		r.header.Add(strings.TrimSpace(k), strings.TrimSpace(val))
		return nil
	}}
	setFail = flag{set: func(r *request, _ string) error { r.failBad = true; return nil }}
	setHead = flag{set: func(r *request, _ string) error { r.method = http.MethodHead; return nil }}
)

var wgetFlags = map[string]flag{
	"-q": ignored, "--quiet": ignored, "-S": ignored, "--server-response": ignored, "-nv": ignored,
	"-O": setOutput, "--output-document": setOutput,
	"-T": setTimeout, "--timeout": setTimeout, "-t": ignoredValue, "--tries": ignoredValue,
	"--method": setMethod, "--post-data": setBody, "--body-data": setBody, "--header": setHeader,
	"--spider": setHead, "--no-check-certificate": ignored,
}

var curlFlags = map[string]flag{
	"-s": ignored, "--silent": ignored, "-S": ignored, "--show-error": ignored, "-v": ignored, "--verbose": ignored,
	"-k": ignored, "-L": ignored, "--location": ignored, "-i": ignored,
	"-f": setFail, "--fail": setFail, "-I": setHead, "--head": setHead,
	"-X": setMethod, "--request": setMethod, "-d": setBody, "--data": setBody, "-H": setHeader, "--header": setHeader,
	"-o": setOutput, "--output": setOutput, "-m": setTimeout, "--max-time": setTimeout,
	"--connect-timeout": ignoredValue, "--retry": ignoredValue, "-w": ignoredValue,
}
