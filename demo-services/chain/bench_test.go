package chain_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkChain measures the overhead of package service: four services against
// a chain of bare net/http servers of the same length, one request at a time. The
// target is p50-µs of services ≤ 1.3 × bare.
func BenchmarkChain(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		var next string
		for range 4 {
			to := next
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { bare(w, r, to) }))
			b.Cleanup(srv.Close)
			next = srv.URL
		}
		measure(b, next+"/A/a")
	})
	b.Run("services", func(b *testing.B) {
		c := newTestChain(b)
		gw := c.chainOf(nil, []string{"gateway"}, []string{"a"}, []string{"b"}, []string{"c"})[0][0]
		measure(b, gw.url("/A/a"))
	})
}

// bare is a hop of plain net/http.
func bare(w http.ResponseWriter, r *http.Request, to string) {
	if to == "" {
		io.WriteString(w, "C")
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, to+r.URL.Path, nil)
	if err != nil {
		panic(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	io.WriteString(w, "X -> "+string(body))
}

func measure(b *testing.B, url string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		resp, err := client.Get(url)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, http.StatusOK, resp.StatusCode, resp.Header)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
}
