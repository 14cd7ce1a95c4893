package hook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// fetcher is what wget and curl do not share.
type fetcher struct {
	name    string
	flags   map[string]flag
	failBad bool  // an answer of 400 or more is an error
	badCode uint8 // its exit code
	follow  bool  // redirects
	save    bool  // into a file named as the address ends
	// code is the exit code of a request without a whole answer.
	code func(error) uint8
}

var (
	wget = fetcher{name: "wget", flags: wgetFlags, failBad: true, badCode: 8, follow: true, save: true, code: wgetCode}
	curl = fetcher{name: "curl", flags: curlFlags, badCode: 22, code: curlCode}
)

// badUsage is the exit code for arguments that are not understood, of both.
const badUsage = 2

// noFile is the exit code of a file that cannot be written: wget's, curl's.
func (f fetcher) noFile() uint8 {
	if f.save {
		return 3
	}
	return 23
}

// wgetCode is GNU wget's.
func wgetCode(err error) uint8 {
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return 5
	}
	return 4
}

// curlCode is curl's, of those that hooks may test for.
func curlCode(err error) uint8 {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return 6
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return 28
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return 7
	case errors.As(err, &cert):
		return 60
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 18
	case errors.Is(err, io.EOF):
		return 52
	default:
		return 56
	}
}

// request is what wget's or curl's arguments come to.
type request struct {
	urls    []string
	outputs []string // files of the answers, in the order of the URLs
	get     bool     // the body is part of the URL
	url     string   // of those, the one that is requested
	method  string
	body    string
	header  http.Header
	user    string // name:password
	timeout time.Duration
	connect time.Duration
	output  string // file; "-" is standard output; "" is the command's own way
	failBad bool
	// failAfter: as failBad, but the answer is written
	failAfter bool
	follow    bool
	insecure  bool
	headers   bool   // are part of the output
	head      bool   // a HEAD, unless a method is given
	spider    bool   // nothing is saved
	after     string // what to write when it is over, with %{http_code}
}

// run is one use of wget or curl. Each URL is tried once: retries are ignored, and
// what is not quiet is not shown.
func (f fetcher) run(ctx context.Context, p *programs, c call) error {
	r, err := f.parse(c.args)
	if err != nil {
		return status(c, badUsage, "%s: %v", f.name, err)
	}
	var last error
	for i, u := range r.urls {
		one := *r
		one.url, one.output, one.header = u, "", r.header.Clone()
		if i < len(r.outputs) {
			one.output = r.outputs[i]
		} else if f.save && len(r.outputs) > 0 {
			one.output = r.outputs[0] // of wget, all answers go to one file
		}
		if err := one.fetch(ctx, p.transport, c, f); err != nil || !f.save {
			last = err // curl's exit code is that of its last URL
		}
	}
	return last
}

// parse reads the arguments.
func (f fetcher) parse(args []string) (*request, error) {
	r := &request{header: http.Header{"User-Agent": {f.name}}, failBad: f.failBad, follow: f.follow}
	return r, parseArgs(r, args, f.flags)
}

// read is what the arguments request.
func (f fetcher) read(r *reader, args []string) outcome {
	q, err := f.parse(args)
	if err != nil {
		if isUnknown(strings.Join(args, "")) {
			r.effect(Effect{Request: &Request{}, Unknown: true})
			return undecided
		}
		r.badArgument(args, err, "leave it out: "+f.name+" URL is enough to send a request")
		return fails
	}
	for _, name := range q.outputs {
		if name != "-" {
			r.writes(name)
		}
	}
	for _, u := range q.urls {
		one, known := requestOf(q.method, u)
		r.effect(Effect{Request: &one, Unknown: !known})
	}
	return succeeds
}

// fetch sends one request.
func (r *request) fetch(ctx context.Context, t *http.Transport, c call, f fetcher) error {
	began := time.Now()
	outer := ctx
	if r.timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, r.timeout)
		defer stop()
	}
	req, err := r.http(ctx)
	if err != nil {
		return status(c, badUsage, "%s: %v", f.name, err)
	}
	client := r.client(t)
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		if outer.Err() != nil {
			return outer.Err()
		}
		r.tell(c, 0, time.Since(began), 0)
		return status(c, f.code(err), "%s: %v", f.name, err)
	}
	defer resp.Body.Close()
	body := &countedBody{ReadCloser: resp.Body}
	resp.Body = body
	err = r.answered(c, f, resp)
	r.tell(c, resp.StatusCode, time.Since(began), body.n)
	return err
}

// countedBody counts the bytes of an answer.
type countedBody struct {
	io.ReadCloser
	n int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += n
	return n, err
}

func (r *request) http(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header
	if host := r.header.Get("Host"); host != "" {
		req.Host = host
	}
	if name, password, _ := strings.Cut(r.user, ":"); name != "" {
		req.SetBasicAuth(name, password)
	}
	return req, nil
}

func (r *request) client(t *http.Transport) *http.Client {
	t = t.Clone()
	t.DisableKeepAlives = true // each use is a program of its own
	if r.insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the hook asks for it: curl's -k
	}
	if dial := t.DialContext; r.connect > 0 && dial != nil {
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, stop := context.WithTimeout(ctx, r.connect)
			defer stop()
			return dial(ctx, network, addr)
		}
	}
	client := &http.Client{Transport: t}
	if !r.follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return client
}

// tell writes what -w asks for; no answer is 000.
func (r *request) tell(c call, code int, took time.Duration, size int) {
	text := fmt.Sprintf("%03d", code)
	fmt.Fprint(c.out, strings.NewReplacer(
		"%{http_code}", text, "%{response_code}", text, "%{time_total}", fmt.Sprintf("%.6f", took.Seconds()),
		"%{size_download}", strconv.Itoa(size), "%{url}", r.url, "%{url_effective}", r.url, "%{method}", r.method,
		`\n`, "\n", `\t`, "\t", `\r`, "\r").Replace(r.after))
}

// answered judges and saves an answer.
func (r *request) answered(c call, f fetcher, resp *http.Response) error {
	if r.failBad && resp.StatusCode >= http.StatusBadRequest {
		return status(c, f.badCode, "%s: %s answered %s", f.name, r.url, resp.Status)
	}
	w, done, err := r.sink(c, f, resp)
	if err != nil {
		return status(c, f.noFile(), "%s: %v", f.name, err)
	}
	from := io.Reader(resp.Body)
	if r.headers {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s\r\n", resp.Proto, resp.Status)
		if err := resp.Header.Write(&b); err != nil {
			return status(c, f.noFile(), "%s: %v", f.name, err)
		}
		from = io.MultiReader(&b, strings.NewReader("\r\n"), resp.Body)
	}
	_, err = io.Copy(w, from)
	if err != nil {
		return status(c, f.code(err), "%s: %v", f.name, errors.Join(err, done()))
	}
	if err := done(); err != nil {
		return status(c, f.noFile(), "%s: %v", f.name, err)
	}
	if r.failAfter && resp.StatusCode >= http.StatusBadRequest {
		return status(c, f.badCode, "%s: %s answered %s", f.name, r.url, resp.Status)
	}
	return nil
}

// sink is where an answer goes, and how to close it.
func (r *request) sink(c call, f fetcher, resp *http.Response) (io.Writer, func() error, error) {
	none := func() error { return nil }
	file := r.output
	switch {
	case r.spider:
		return io.Discard, none, nil
	case file == "" && f.save:
		if file = path.Base(resp.Request.URL.Path); file == "/" || file == "." {
			file = "index.html"
		}
	case file == "" || file == "-":
		return c.out, none, nil
	}
	if file == "-" {
		return c.out, none, nil
	}
	w, err := c.open(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return nil, nil, err
	}
	return w, w.Close, nil
}

// finish fills in what the arguments left open.
func finish(r *request) error {
	if len(r.urls) == 0 {
		return fmt.Errorf("the URL is missing")
	}
	for i, u := range r.urls {
		if !strings.Contains(u, "://") {
			u = "http://" + u
		}
		parsed, err := url.Parse(u)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
			return valueError{r.urls[i], fmt.Sprintf("invalid URL %q", u)}
		}
		if r.get && r.body != "" {
			if parsed.RawQuery != "" {
				parsed.RawQuery += "&"
			}
			parsed.RawQuery += r.body
			u = parsed.String()
		}
		r.urls[i] = u
	}
	if r.get {
		r.body = ""
	}
	if r.body != "" && r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	switch {
	case r.method != "":
	case r.head:
		r.method = http.MethodHead
	case r.body != "":
		r.method = http.MethodPost
	default:
		r.method = http.MethodGet
	}
	return nil
}
