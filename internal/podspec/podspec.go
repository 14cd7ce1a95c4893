// Package podspec is the part of a container's specification that a run acts
// on: its preStop hook and its probes, with Kubernetes' defaults filled in.
package podspec

import (
	"fmt"
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
