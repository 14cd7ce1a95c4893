// Package podspec is the part of a container's specification that a run acts
// on: its preStop hook and its probes, with Kubernetes' defaults filled in.
package podspec

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Hook is a preStop handler. Exactly one of the fields is set.
type Hook struct {
	Exec    []string
	HTTPGet *HTTPGet
	Sleep   time.Duration
}

// HTTPGet is a request to the pod's own address, unless Host is set.
type HTTPGet struct {
	Host   string
	Port   int
	Path   string
	Scheme string
}

// Probe is a container probe. Exactly one of Exec, HTTPGet and TCPPort is set.
type Probe struct {
	Exec    []string
	HTTPGet *HTTPGet
	TCPPort int

	InitialDelay     time.Duration
	Period           time.Duration
	Timeout          time.Duration
	SuccessThreshold int
	FailureThreshold int
}

// sleepCommand finds the sleeps of a shell command.
var sleepCommand = regexp.MustCompile(`\bsleep\s+(\d+(?:\.\d+)?)([smh]?)\b`)

// Slept is how long the hook sleeps in total, as far as its command tells.
func (h *Hook) Slept() time.Duration {
	if h == nil {
		return 0
	}
	total := h.Sleep
	for _, m := range sleepCommand.FindAllStringSubmatch(strings.Join(h.Exec, " "), -1) {
		unit := m[2]
		if unit == "" {
			unit = "s"
		}
		d, err := time.ParseDuration(m[1] + unit)
		if err == nil { // it can only fail because the number is too large
			total += d
		}
	}
	return total
}

// CallsOffline reports whether a hook calls /offline itself.
func (h *Hook) CallsOffline() bool {
	return h != nil && (strings.Contains(strings.Join(h.Exec, " "), "/offline") || h.HTTPGet != nil && strings.HasPrefix(h.HTTPGet.Path, "/offline"))
}

// String summarizes the hook for people.
func (h *Hook) String() string {
	switch {
	case h == nil:
		return "none"
	case h.HTTPGet != nil:
		return fmt.Sprintf("httpGet :%d%s", h.HTTPGet.Port, h.HTTPGet.Path)
	case h.Sleep > 0:
		return "sleep " + h.Sleep.String()
	case len(h.Exec) > 0:
		return h.Exec[len(h.Exec)-1]
	}
	return "none"
}
