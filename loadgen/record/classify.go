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

// Progress is how far a delivery came before it failed. It distinguishes a
// refused dial from a cut answer if the error alone does not.
type Progress int

// Stages of a delivery, in order.
const (
	NoConnection Progress = iota // dialling, or waiting for a connection
	Connected                    // has a connection; the request may have been written
	FirstByteIn                  // received the answer's first byte
)

// Classify returns the class of the error that ended a delivery with progress
// p, or "" for nil. It inspects error values, except for one unexported error of
// net/http (see isEnd).
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

// ClassifyStatus returns the class of a status code, or "" for 2xx.
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

// isEnd reports whether err means that the peer closed the connection. For an
// idle connection that the server closed, net/http returns an unexported error,
// so its text is compared.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "server closed idle connection")
}
