package faultserver

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func get(t *testing.T, url, seq string) (int, string, error) {
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	require.NoError(t, err)
	if seq != "" {
		req.Header.Set("X-Vegeta-Seq", seq)
	}
	resp, err := new(http.Transport).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestRefusing(t *testing.T) {
	addr, release, err := RefusingAddr()
	require.NoError(t, err)
	_, err = net.Dial("tcp", addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = net.Listen("tcp", addr)
	require.ErrorIs(t, err, syscall.EADDRINUSE, "nobody else can take it")
	require.NoError(t, release())
}

func TestFaultsAsAClientSeesThem(t *testing.T) {
	faults := []Fault{None, FIN, RST, Truncated, RSTMidBody, Status503}
	s, err := Start(func(a Arrival) Fault { return faults[a.Seq] }, func(a Arrival) Answer {
		return Answer{Body: a.Path, Header: http.Header{"X-A": {"b"}}}
	})
	require.NoError(t, err)
	for i, want := range []error{nil, io.EOF, syscall.ECONNRESET, io.ErrUnexpectedEOF, syscall.ECONNRESET, nil} {
		status, body, err := get(t, s.URL()+"/x", string(rune('0'+i)))
		require.ErrorIs(t, err, want, faults[i])
		switch faults[i] {
		case None:
			require.Equal(t, "/x", body)
		case Truncated, RSTMidBody:
			require.Equal(t, "ten bytes.", body)
		case Status503:
			require.Equal(t, 503, status)
		}
	}
	require.Len(t, s.Lost(), len(faults)-1)
	require.NoError(t, s.Close())
}

func TestExactlySparesWhatIsSentAgain(t *testing.T) {
	choose := LoseFirst(2, FIN, func(a Arrival) bool { return a.Seq > 0 })
	for _, c := range []struct {
		a    Arrival
		want Fault
	}{
		{Arrival{Seq: 0, Delivery: 1}, None},
		{Arrival{Seq: 1, Delivery: 1}, FIN},
		{Arrival{Seq: 1, Delivery: 2}, None},
		{Arrival{Seq: 2, Delivery: 1}, FIN},
		{Arrival{Seq: 3, Delivery: 1}, None},
	} {
		require.Equal(t, c.want, choose(c.a), "%+v", c.a)
	}
}

func TestCloseTellsOfWhatWentWrong(t *testing.T) {
	s, err := Start(func(Arrival) Fault { return None }, nil)
	require.NoError(t, err)
	_, _, err = get(t, s.URL(), "")
	require.Error(t, err)
	require.ErrorContains(t, s.Close(), "number from X-Vegeta-Seq")

	s, err = Start(func(Arrival) Fault { return "nonsense" }, nil)
	require.NoError(t, err)
	_, _, err = get(t, s.URL(), "1")
	require.Error(t, err)
	require.ErrorContains(t, s.Close(), "unknown fault")
}
