package plain

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestItGoesTheNaiveWay: it answers with its name, and cuts what it has in
// hand when it is told to go.
func TestItGoesTheNaiveWay(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inHand := make(chan struct{}, 1)
	slow := handler("pod-1", time.Minute)
	mux := http.NewServeMux()
	mux.Handle("/quick", handler("pod-1", time.Millisecond))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		inHand <- struct{}{}
		slow.ServeHTTP(w, r)
	})
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, mux) }()
	url := "http://" + l.Addr().String()

	got, err := http.Get(url + "/quick")
	require.NoError(t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, "pod-1", got.Header.Get(InstanceHeader))
	require.JSONEq(t, `{"status":"done","by":"pod-1"}`, string(body))

	cut := make(chan error, 1)
	go func() {
		r, err := http.Get(url + "/")
		if err == nil {
			r.Body.Close()
		}
		cut <- err
	}()
	<-inHand
	stop()
	require.Error(t, <-cut)
	require.NoError(t, <-served)
}
