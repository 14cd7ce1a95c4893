package nacos

import (
	"errors"
	"net/http"
)

// errNoHTTP is what the SDK gets for each HTTP request.
var errNoHTTP = errors.New("the SDK is given no HTTP here")

// noopHTTP is the SDK's HTTP agent that sends nothing. We have no need of it:
// ephemeral instances are published over gRPC, and Pull has its own client.
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

// noopLogger is the SDK's Logger that writes nothing.
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
