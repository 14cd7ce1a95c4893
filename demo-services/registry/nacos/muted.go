package nacos

import (
	"errors"
	"net/http"
)

// errNoHTTP is what the SDK gets for each HTTP request.
var errNoHTTP = errors.New("the SDK is given no HTTP here")

// noHTTP is the SDK's HTTP agent that sends nothing. We have no need of it:
// ephemeral instances are published over gRPC, and Pull has its own client.
type noHTTP struct{}

func (noHTTP) Get(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noHTTP) Post(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noHTTP) Delete(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noHTTP) Put(string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

func (noHTTP) RequestOnlyResult(string, string, http.Header, uint64, map[string]string) string {
	return ""
}

func (noHTTP) Request(string, string, http.Header, uint64, map[string]string) (*http.Response, error) {
	return nil, errNoHTTP
}

// silent is the SDK's Logger that writes nothing.
type silent struct{}

func (silent) Info(...any)           {}
func (silent) Warn(...any)           {}
func (silent) Error(...any)          {}
func (silent) Debug(...any)          {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Debugf(string, ...any) {}
func (silent) Close() error          { return nil }
