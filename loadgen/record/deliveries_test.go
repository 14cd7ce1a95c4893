package record

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// deadly answers the first request of each connection and ends every
// connection at its second, in the way of end, until it has ended `ends`
// connections.
func deadly(t *testing.T, ends int, end func(*net.TCPConn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			br := bufio.NewReader(c)
			for n := 0; ; n++ {
				req, err := http.ReadRequest(br)
				if err != nil {
					break
				}
				io.Copy(io.Discard, req.Body)
				if n > 0 && ends > 0 {
					ends--
					end(c.(*net.TCPConn))
					break
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
			c.Close()
		}
	}()
	return ln.Addr().String()
}

func watchedClient() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return WatchConn(c), nil
	}}
}

func call(t *testing.T, tr *http.Transport, method, addr string, body io.Reader) (DeliveryResult, error) {
	d := NewDeliveries(addr)
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), d.Trace()), method, "http://"+addr, body)
	require.NoError(t, err)
	resp, err := tr.RoundTrip(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return d.Seal(), err
}

func fin(c *net.TCPConn) { c.Close() }

func rst(c *net.TCPConn) { c.SetLinger(0); c.Close() }

func TestDeliveriesSeeMaskedOnes(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*net.TCPConn)
		want Class
	}{{"fin", fin, EOF}, {"rst", rst, ResetBeforeByte}} {
		t.Run(c.name, func(t *testing.T) {
			addr := deadly(t, 1, c.end)
			tr := watchedClient()
			defer tr.CloseIdleConnections()
			first, err := call(t, tr, "GET", addr, nil)
			require.NoError(t, err)
			require.Equal(t, 1, first.Count)
			require.Empty(t, first.Masked)
			require.Equal(t, FirstByteIn, first.Progress)

			second, err := call(t, tr, "GET", addr, nil)
			require.NoError(t, err, "the transport hides the loss")
			require.Equal(t, 2, second.Count)
			require.Len(t, second.Masked, 1)
			require.Equal(t, c.want, second.Masked[0].Class)
			require.Equal(t, addr, second.Masked[0].Addr)
			require.GreaterOrEqual(t, second.At, second.Masked[0].At)
		})
	}
}

func TestDeliveriesOfWhatCannotBeReplayed(t *testing.T) {
	addr := deadly(t, 1, fin)
	tr := watchedClient()
	defer tr.CloseIdleConnections()
	// A body of unknown type has no GetBody, so the transport must not resend.
	body := func() io.Reader { return io.MultiReader(strings.NewReader("x")) }
	_, err := call(t, tr, "POST", addr, body())
	require.NoError(t, err)
	seen, err := call(t, tr, "POST", addr, body())
	require.Error(t, err)
	require.Equal(t, 1, seen.Count)
	require.Empty(t, seen.Masked)
	require.Equal(t, EOF, Classify(err, seen.Progress))
}

func TestDeliveriesOfARefusedDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	ln.Close()
	seen, err := call(t, watchedClient(), "GET", addr, nil)
	require.Equal(t, Refused, Classify(err, seen.Progress))
	require.Equal(t, 1, seen.Count)
	require.NotZero(t, seen.At)
}

func TestDeliveriesMaskedBeforeARefusedDial(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	served := make(chan error, 1)
	go func() { // answers once, then is gone at the second request
		c, err := ln.Accept()
		if err == nil {
			br := bufio.NewReader(c)
			_, err = http.ReadRequest(br)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			_, err2 := http.ReadRequest(br)
			ln.Close()
			c.Close()
			err = errors.Join(err, err2)
		}
		served <- err
	}()
	tr := watchedClient()
	_, err = call(t, tr, "GET", addr, nil)
	require.NoError(t, err)
	seen, err := call(t, tr, "GET", addr, nil)
	require.NoError(t, <-served)
	require.Equal(t, Refused, Classify(err, seen.Progress))
	require.Equal(t, NoConnection, seen.Progress)
	require.Equal(t, 2, seen.Count)
	require.Len(t, seen.Masked, 1)
	require.Equal(t, EOF, seen.Masked[0].Class)
}

func TestDeliveriesReportedLateAreDropped(t *testing.T) {
	d := NewDeliveries("x:1")
	d.Trace().GotConn(httptrace.GotConnInfo{})
	sealed := d.Seal()
	d.Trace().GotConn(httptrace.GotConnInfo{})
	d.Trace().GotFirstResponseByte()
	require.Equal(t, sealed, d.Seal())
}
