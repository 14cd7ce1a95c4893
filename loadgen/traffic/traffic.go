// Package traffic describes load without sending any. A [Stream] is a target, a
// rate and the expected answer. [Stream.Due] computes when the n-th request is
// due. It is a pure function, so that the printed plan, the generator and the
// ledger use the same schedule.
//
// The package knows nothing about vegeta, sockets or clocks.
package traffic

import "time"

// Connections of a stream.
const (
	KeepAlive = "keep-alive"
	New       = "new" // a new connection for each request
)

// Stream is one open-loop flow of requests.
type Stream struct {
	Name        string            `json:"name"`
	Arm         string            `json:"arm"`
	Tag         string            `json:"tag"`  // version that it asks for; "" is base
	Rate        float64           `json:"rate"` // requests a second
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Header      map[string]string `json:"header,omitempty"`
	Body        string            `json:"body,omitempty"`
	Connections string            `json:"connections"`
	Timeout     time.Duration     `json:"timeout"`  // 2.5 s by default
	Start       time.Duration     `json:"start"`    // offset from zero
	Duration    time.Duration     `json:"duration"` // length of the stream
	// Expect maps the registry name of a service to the version that must
	// answer ("" is base). It contains only the services of which the plan
	// declares the stream's version.
	Expect map[string]string `json:"expect,omitempty"`
	// Chain lists the services a complete trail has, in order.
	Chain []string `json:"chain,omitempty"`

	// The following fields are for external services.

	// Workload is the Deployment that answers; "" means the plan's chain.
	Workload string `json:"workload,omitempty"`
	// Service is the Kubernetes Service to send to; the runtime resolves it
	// to Target.
	Service string `json:"service,omitempty"`
	// Target is the base URL; "" means the base URL of the whole load.
	Target string `json:"target,omitempty"`
	// Answer defines a successful answer; nil means 2xx.
	Answer *Answer `json:"answer,omitempty"`
	// InstanceHeader is the header of an answer that contains the name or the
	// IP address of the pod that gave it; "" if there is none.
	InstanceHeader string `json:"instanceHeader,omitempty"`
}

// External reports whether the stream calls an external service, which sends
// no trail, so that the calls behind it are not visible.
func (s Stream) External() bool { return s.Workload != "" }

// Count returns the total number of requests.
func (s Stream) Count() uint64 {
	if s.Rate <= 0 || s.Duration <= 0 {
		return 0
	}
	n := uint64(s.Duration.Seconds() * s.Rate)
	for n > 0 && s.Due(n-1) >= s.Start+s.Duration {
		n--
	}
	for s.Due(n) < s.Start+s.Duration {
		n++
	}
	return n
}

// Due returns when the n-th request (from 0) is due, as an offset from time
// zero: Start + n/Rate. It is computed from n, so that errors do not accumulate.
func (s Stream) Due(n uint64) time.Duration {
	whole, frac := n/1e6, n%1e6
	perMillion := float64(time.Second) * 1e6 / s.Rate
	return s.Start + time.Duration(float64(whole)*perMillion) + time.Duration(float64(frac)*float64(time.Second)/s.Rate)
}

// DueBy returns how many requests are due at or before t: the inverse of Due.
func (s Stream) DueBy(t time.Duration) uint64 {
	if t < s.Start || s.Rate <= 0 {
		return 0
	}
	n := uint64((t - s.Start).Seconds() * s.Rate)
	for n > 0 && s.Due(n-1) > t {
		n--
	}
	for n < s.Count() && s.Due(n) <= t {
		n++
	}
	return min(n, s.Count())
}
