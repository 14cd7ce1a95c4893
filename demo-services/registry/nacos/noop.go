package nacos

import (
	"errors"
	"net/http"
)

// errNoHTTP is the SDK's result of each HTTP request.
var errNoHTTP = errors.New("the SDK may not use HTTP")

// noopHTTP is an HTTP agent for the SDK that sends nothing. HTTP is not needed:
// ephemeral instances are published over gRPC, and Pull has a client of its own.
type noopHTTP struct{}

func (noopHTTP) Get(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noopHTTP) Post(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noopHTTP) Delete(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noopHTTP) Put(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noopHTTP) RequestOnlyResult(string, string, http.Header, uint64, map[string]string) string {
	return ""
}

func (noopHTTP) Request(string, string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

// noopLogger is a Logger for the SDK that writes nothing.
type noopLogger struct{}

func (noopLogger) Info(...any)           {}
func (noopLogger) Warn(...any)           {}
func (noopLogger) Error(...any)          {}
func (noopLogger) Debug(...any)          {}
func (noopLogger) Infof(string, ...any)  {}
func (noopLogger) Warnf(string, ...any)  {}
func (noopLogger) Errorf(string, ...any) {}
func (noopLogger) Debugf(string, ...any) {}
func (noopLogger) Close() error          { return nil }
