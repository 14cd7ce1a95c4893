package record

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// Progress is how far a delivery came before it failed: what tells a refused
// dial from a cut answer where the error's text alone does not.
type Progress int

// Stages of a delivery, in order.
const (
	NoConnection Progress = iota // still dialling, or waiting for a connection
	Connected                    // a connection was got; the request may be written
	FirstByteIn                  // the answer has begun
)

// Classify names what ended a delivery that got as far as p. A nil error is
// "". It looks at causes, not at texts, but for the one error that net/http
// keeps to itself.
func Classify(err error, p Progress) Class {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return NoDescriptor
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return NoLocalPort
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EHOSTDOWN), errors.Is(err, syscall.ENETDOWN):
		return Unreachable
	case isDNS(err):
		return DNS
	case isTimeout(err):
		return [...]Class{TimeoutConnect, TimeoutFirstByte, TimeoutBody}[p]
	case isTLS(err):
		return TLS
	case isReset(err):
		return [...]Class{ResetBeforeByte, ResetBeforeByte, ResetMidBody}[p]
	case isEnd(err):
		return [...]Class{EOF, EOF, Truncated}[p]
	}
	return Other
}

// ClassifyStatus names an answer that is not 2xx, and "" for one that is.
func ClassifyStatus(status int) Class {
	switch status / 100 {
	case 2:
		return ""
	case 5:
		return Status5xx
	}
	return StatusOther
}

func isDNS(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e)
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		return true
	}
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func isTLS(err error) bool {
	var (
		header tls.RecordHeaderError
		alert  tls.AlertError
		verify *tls.CertificateVerificationError
		name   x509.HostnameError
		issuer x509.UnknownAuthorityError
	)
	return errors.As(err, &header) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &name) || errors.As(err, &issuer) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// isEnd covers the peer's FIN. What net/http says of a kept-alive connection
// that ended between two requests is an unexported value, hence the text.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "server closed idle connection")
}
