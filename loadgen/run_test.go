package loadgen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// seen keeps what a server was sent.
type seen struct {
	header http.Header
	body   string
	method string
	uri    string
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func one(s traffic.Stream) traffic.Stream {
	s.Name, s.Rate, s.Duration = "s", 1000, time.Millisecond
	return s
}

func runLog(t *testing.T, c Config) (Stats, []record.Request) {
	var log bytes.Buffer
	c.Out, c.Zero = &log, time.Now()
	stats, err := Run(t.Context(), c)
	require.NoError(t, err)
	reqs, tail, err := record.ReadRequests(&log)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	return stats, reqs
}

func TestRequestIsAsTheStreamSays(t *testing.T) {
	got := make(chan seen, 1)
	trail := record.Trail{{Service: "gateway", Instance: record.Instance{Pod: "g", Incarnation: 1}}}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			b = []byte(err.Error())
		}
		got <- seen{r.Header, string(b), r.Method, r.RequestURI}
		w.Header().Set(record.TrailHeader, trail.String())
		io.WriteString(w, strings.Repeat("x", 2*record.MaxBody))
	})
	s := one(traffic.Stream{Tag: "gray", Method: "POST", Path: "/A/a?name=xiaoming", Body: "hello",
		Header: map[string]string{"user-id": "120"}, Connections: traffic.New})
	_, reqs := runLog(t, Config{Streams: []traffic.Stream{s}, Target: url + "/"})
	was := <-got
	require.Equal(t, "POST", was.method)
	require.Equal(t, "/A/a?name=xiaoming", was.uri)
	require.Equal(t, "hello", was.body)
	require.Equal(t, "gray", was.header.Get("x-mse-tag"))
	require.Equal(t, "120", was.header.Get("User-Id"))
	require.Equal(t, "close", was.header.Get("Connection"))
	require.Equal(t, "0", was.header.Get(seqHeader))

	require.Len(t, reqs, 1)
	r := reqs[0]
	require.Empty(t, r.Class, r.Error)
	require.Equal(t, 200, r.Status)
	require.Equal(t, int64(2*record.MaxBody), r.Bytes)
	require.Equal(t, strings.Repeat("x", record.MaxBody), r.Body)
	require.Equal(t, trail, r.Trail)
	require.LessOrEqual(t, r.Due, r.Sent)
	require.LessOrEqual(t, r.Sent, r.FirstByte)
	require.LessOrEqual(t, r.FirstByte, r.Done)
}

func TestTrailThatCannotBeReadIsTold(t *testing.T) {
	for header, want := range map[string]string{"nonsense": "want version", "1;" + strings.Repeat("a", 2*maxTrailHeader): "more than"} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(record.TrailHeader, header) })
		_, reqs := runLog(t, Config{Streams: []traffic.Stream{one(traffic.Stream{})}, Target: url})
		require.Contains(t, reqs[0].TrailError, want)
		require.Nil(t, reqs[0].Trail)
		require.Less(t, len(reqs[0].TrailError), 1000)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	_, reqs := runLog(t, Config{Streams: []traffic.Stream{one(traffic.Stream{})}, Target: url})
	require.Equal(t, 302, reqs[0].Status)
	require.Equal(t, record.StatusOther, reqs[0].Class)
	require.Equal(t, record.StatusOther, reqs[0].Attempts[0].Class)
}

// TestWorkersExhausted: with two workers and answers that never come, a few
// requests time out and the others are unsent; none is missing.
func TestWorkersExhausted(t *testing.T) {
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s := traffic.Stream{Name: "s", Rate: 200, Duration: 500 * time.Millisecond, Timeout: 300 * time.Millisecond}
	stats, reqs := runLog(t, Config{Streams: []traffic.Stream{s}, Target: url, MaxWorkers: 2, MaxLateness: 20 * time.Millisecond})
	got := stats.Streams[0]
	require.Equal(t, uint64(100), got.Due)
	require.Equal(t, got.Due, got.Sent+got.Unsent)
	require.Positive(t, got.Unsent)
	require.Equal(t, map[record.Class]uint64{record.TimeoutFirstByte: got.Sent}, got.Failed)
	seqs := map[uint64]bool{}
	for _, r := range reqs {
		seqs[r.Seq] = true
		if r.Unsent {
			require.Equal(t, record.Request{Stream: "s", Seq: r.Seq, Due: r.Due, Unsent: true}, r)
		}
	}
	require.Len(t, seqs, 100, "each number once")
}

func TestEndOfContextCancelsWhatIsInFlight(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	var log, lines bytes.Buffer
	s := traffic.Stream{Name: "s", Rate: 1, Duration: time.Hour, Timeout: time.Hour}
	stats, err := Run(ctx, Config{Streams: []traffic.Stream{s}, Target: url, Zero: time.Now(), Out: &log,
		Events: record.NewEventWriter(&lines), Instance: record.Instance{Pod: "load", Incarnation: 1}, DrainTimeout: time.Millisecond})
	require.NoError(t, err)
	require.True(t, stats.Interrupted)
	reqs, tail, err := record.ReadRequests(&log)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.NotEmpty(t, reqs)
	require.Equal(t, record.Cancelled, reqs[0].Class, reqs[0].Error)

	events, etail, err := record.ReadEvents(&lines)
	require.NoError(t, err)
	require.True(t, etail.Complete)
	var kinds []record.Kind
	for _, e := range events {
		kinds = append(kinds, e.Kind())
		require.Equal(t, "load/1", e.Instance.String())
	}
	require.Equal(t, []record.Kind{record.KindStarting, record.KindInterrupted, record.KindLoadEnd, record.KindHostStats, record.KindEnd}, kinds)
}

type brokenWriter struct{ after int }

var errBroken = errors.New("disk is full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.after--; w.after < 0 {
		return 0, errBroken
	}
	return len(b), nil
}

func TestLogThatCannotBeWrittenEndsTheLoad(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	s := traffic.Stream{Name: "s", Rate: 100, Duration: time.Hour}
	_, err := Run(t.Context(), Config{Streams: []traffic.Stream{s}, Target: url, Zero: time.Now(), Out: &brokenWriter{after: 1}})
	require.ErrorIs(t, err, errBroken)
	_, err = Run(t.Context(), Config{Streams: []traffic.Stream{s}, Target: url, Zero: time.Now(), Out: &brokenWriter{}})
	require.ErrorIs(t, err, errBroken)
	_, err = Run(t.Context(), Config{Streams: []traffic.Stream{s}, Target: url, Zero: time.Now(), Out: io.Discard,
		Events: record.NewEventWriter(&brokenWriter{})})
	require.ErrorIs(t, err, errBroken)
}

func TestConfigIsChecked(t *testing.T) {
	good := traffic.Stream{Name: "s", Rate: 1, Duration: time.Second}
	for want, spoil := range map[string]func(*Config, *traffic.Stream){
		"no stream":                             func(c *Config, _ *traffic.Stream) { c.Streams = nil },
		"time zero":                             func(c *Config, _ *traffic.Stream) { c.Zero = time.Time{} },
		"request log":                           func(c *Config, _ *traffic.Stream) { c.Out = nil },
		"name is missing":                       func(_ *Config, s *traffic.Stream) { s.Name = "" },
		"same name":                             func(c *Config, _ *traffic.Stream) { c.Streams = append(c.Streams, c.Streams[0]) },
		"got 0/s":                               func(_ *Config, s *traffic.Stream) { s.Rate = 0 },
		"duration must be above 0, got -1s":     func(_ *Config, s *traffic.Stream) { s.Duration = -time.Second },
		"timeout must not be negative, got -1s": func(_ *Config, s *traffic.Stream) { s.Timeout = -time.Second },
		`"new", got "x"`:                        func(_ *Config, s *traffic.Stream) { s.Connections = "x" },
		"must be a base URL":                    func(c *Config, _ *traffic.Stream) { c.Target = "127.0.0.1" },
		"invalid method":                        func(_ *Config, s *traffic.Stream) { s.Method = "G T" },
		"base URL such as":                      func(c *Config, _ *traffic.Stream) { c.Target = "ftp://127.0.0.1" },
	} {
		c := Config{Streams: []traffic.Stream{good}, Target: "http://127.0.0.1:1", Zero: time.Now(), Out: io.Discard}
		spoil(&c, &c.Streams[:1][0])
		_, err := Run(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
}

func TestMainDoesItsJob(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	dir := t.TempDir()
	job := Job{Schema: JobSchema, Target: url, Requests: filepath.Join(dir, "requests.log"), Events: filepath.Join(dir, "load.ndjson"),
		Instance: record.Instance{Pod: "load", Incarnation: 1}, Zero: record.At(time.Now()),
		Streams: []traffic.Stream{{Name: "s", Arm: "base", Rate: 100, Duration: 100 * time.Millisecond}}}
	out, err := mainWith(t, job, false)
	require.NoError(t, err)
	last := out[len(out)-1]
	require.NotNil(t, last.Stats)
	require.Equal(t, uint64(10), last.OK)
	require.Equal(t, StreamProgress{Name: "s", Arm: "base", Due: 10, Sent: 10, OK: 10}, last.Streams[0])

	f, err := os.Open(job.Requests)
	require.NoError(t, err)
	defer f.Close()
	reqs, tail, err := record.ReadRequests(f)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.Len(t, reqs, 10)

	_, err = mainWith(t, job, false)
	require.ErrorIs(t, err, os.ErrExist, "a log is never written over")
}

func TestMainEndsWithItsParent(t *testing.T) {
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	job := Job{Schema: JobSchema, Target: url, Requests: filepath.Join(t.TempDir(), "requests.log"),
		Streams: []traffic.Stream{{Name: "s", Rate: 1, Duration: time.Hour}}}
	out, err := mainWith(t, job, true)
	require.NoError(t, err)
	require.True(t, out[len(out)-1].Stats.Interrupted)
}

func TestReadJobIsStrict(t *testing.T) {
	for in, want := range map[string]string{
		``:                             "EOF",
		`[]`:                           "decoding load job",
		`{"schema":"zeroloss.job/v9"}`: `schema "zeroloss.job/v9"`,
		`{"schema":"zeroloss.job/v1","streems":[]}`: `unknown field "streems"`,
	} {
		_, err := ReadJob(strings.NewReader(in))
		require.ErrorContains(t, err, want)
	}
}
