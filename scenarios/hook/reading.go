package hook

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reading is what a command does, as far as its text says.
type Reading struct {
	Effects  []Effect  // in order
	Problems []Problem // what no runtime of zeroloss can run
	Failures []Problem // what fails in any shell
}

// Effect is a request or a sleep of a command.
type Effect struct {
	Request *Request      // nil for a sleep
	Sleep   time.Duration // 0 if Unknown
	// Unknown: the URL, or how long it sleeps, is decided in the run.
	Unknown bool
	// Uncertain: whether it happens, or delays what follows, is decided in the run.
	Uncertain bool
}

// Request is an HTTP request. Of an unknown URL, it is empty.
type Request struct {
	Method, Host string
	Port         int
	Path         string
}

// Problem is a word of a command that does not work.
type Problem struct {
	Line int // of the script
	Word string
	Text string
	Hint string // what can be written instead
}

// String is "GET host:port/path", "sleep 5s", with "?" before an uncertain one.
func (e Effect) String() string {
	text := "sleep " + e.Sleep.String()
	switch {
	case e.Request != nil && e.Unknown:
		text = "request unknown"
	case e.Request != nil:
		text = fmt.Sprintf("%s %s:%d%s", e.Request.Method, e.Request.Host, e.Request.Port, e.Request.Path)
	case e.Unknown:
		text = "sleep unknown"
	}
	if e.Uncertain {
		return "?" + text
	}
	return text
}

// Slept is how long the command certainly sleeps.
func (r Reading) Slept() time.Duration { return slept(r.Effects) }

// SleptAfter is how long the command certainly sleeps after its first certain
// request that matches; false if there is none.
func (r Reading) SleptAfter(match func(Request) bool) (time.Duration, bool) {
	i := slices.IndexFunc(r.Effects, func(e Effect) bool {
		return e.Request != nil && !e.Unknown && !e.Uncertain && match(*e.Request)
	})
	if i < 0 {
		return 0, false
	}
	return slept(r.Effects[i+1:]), true
}

// Unknown reports whether a request or a sleep is decided in the run only.
func (r Reading) Unknown() bool {
	return slices.ContainsFunc(r.Effects, func(e Effect) bool { return e.Unknown || e.Uncertain })
}

func slept(effects []Effect) time.Duration {
	var total time.Duration
	for _, e := range effects {
		if !e.Uncertain {
			total = min(total+e.Sleep, longest)
		}
	}
	return total
}

// unknownText stands for text that is decided in the run.
const unknownText = "\uE000"

func isUnknown(s string) bool { return strings.Contains(s, unknownText) }

// requestOf is the request to a URL, and whether its parts are known.
func requestOf(method, address string) (Request, bool) {
	u, err := url.Parse(address)
	if err != nil || isUnknown(u.Host) || isUnknown(u.Path) || isUnknown(method) {
		return Request{}, false
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	return Request{Method: method, Host: u.Hostname(), Port: port, Path: path.Clean("/" + u.Path)}, true
}

// instead says what can be written for commands that people use in hooks.
func instead(name string) string {
	switch base := path.Base(name); {
	case slices.Contains([]string{"nginx", "pkill", "killall", "pidof", "pgrep", "ps", "httpd", "apachectl"}, base):
		return "kill -TERM 1 stops the service"
	case slices.Contains([]string{"consul", "nacos-cli"}, base):
		return "curl -s http://127.0.0.1:54199/offline deregisters the instance"
	case slices.Contains([]string{"python", "python3", "perl", "node", "ruby", "java"}, base):
		return "send the request with curl or wget"
	case strings.HasSuffix(base, ".sh"), strings.Contains(name, "/"):
		return `write its commands into the hook: ["/bin/sh", "-c", "…"]`
	}
	return "hooks have the shell's builtins and " + strings.Join(Programs(), ", ")
}
