package record

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	dial := func(err error) error {
		return &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}}
	}
	for _, c := range []struct {
		name string
		err  error
		at   Progress
		want Class
	}{
		{"none", nil, FirstByteIn, ""},
		{"refused", dial(syscall.ECONNREFUSED), NoConnection, Refused},
		{"no route", dial(syscall.EHOSTUNREACH), NoConnection, Unreachable},
		{"no network", dial(syscall.ENETUNREACH), NoConnection, Unreachable},
		{"ports", dial(syscall.EADDRNOTAVAIL), NoConnection, NoLocalPort},
		{"descriptors", dial(syscall.EMFILE), NoConnection, NoDescriptor},
		{"name", dial(&net.DNSError{Err: "no such host", IsNotFound: true}), NoConnection, DNS},
		{"name timed out is the name's fault", dial(&net.DNSError{IsTimeout: true}), NoConnection, DNS},
		{"kernel gave up dialling", dial(syscall.ETIMEDOUT), NoConnection, TimeoutConnect},
		{"deadline while dialling", context.DeadlineExceeded, NoConnection, TimeoutConnect},
		{"deadline while waiting", context.DeadlineExceeded, Connected, TimeoutFirstByte},
		{"deadline within body", fmt.Errorf("reading: %w", os.ErrDeadlineExceeded), FirstByteIn, TimeoutBody},
		{"given up", context.Canceled, Connected, Cancelled},
		{"reset before", syscall.ECONNRESET, Connected, ResetBeforeByte},
		{"write to a closed peer", syscall.EPIPE, Connected, ResetBeforeByte},
		{"reset within", syscall.ECONNRESET, FirstByteIn, ResetMidBody},
		{"fin before", io.EOF, Connected, EOF},
		{"fin within", io.ErrUnexpectedEOF, FirstByteIn, Truncated},
		{"idle close", errors.New("http: server closed idle connection"), Connected, EOF},
		{"tls header", tls.RecordHeaderError{Msg: "x"}, Connected, TLS},
		{"tls alert", fmt.Errorf("remote error: %w", tls.AlertError(42)), Connected, TLS},
		{"scheme", http.ErrSchemeMismatch, Connected, TLS},
		{"unheard of", errors.New("boom"), Connected, Other},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, Classify(c.err, c.at))
		})
	}
}

func TestClassifyStatus(t *testing.T) {
	for status, want := range map[int]Class{200: "", 204: "", 302: StatusOther, 404: StatusOther, 500: Status5xx, 503: Status5xx} {
		require.Equal(t, want, ClassifyStatus(status), status)
	}
}
