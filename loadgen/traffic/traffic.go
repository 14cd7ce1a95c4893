// Package traffic describes load without sending any: a [Stream] is a target,
// a rate and the shape of the answer that is due. [Stream.Due] says when the
// n-th request is due, as a pure function, so that a plan can be printed, a
// generator paced and a ledger checked by the same arithmetic.
//
// It knows nothing of vegeta, sockets or clocks.
package traffic

import "time"

// Connections of a stream.
const (
	KeepAlive = "keep-alive"
	New       = "new" // a connection for each request
)

// Stream is one open-loop flow of requests.
type Stream struct {
	Name        string            `json:"name"`
	Arm         string            `json:"arm"`
	Tag         string            `json:"tag"`  // version it asks for; "" is base
	Rate        float64           `json:"rate"` // requests a second
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Header      map[string]string `json:"header,omitempty"`
	Body        string            `json:"body,omitempty"`
	Connections string            `json:"connections"`
	Timeout     time.Duration     `json:"timeout"`  // 2.5 s by default
	Start       time.Duration     `json:"start"`    // offset from zero
	Duration    time.Duration     `json:"duration"` // of the stream
	// Expect maps a service (registry name) to the version that must answer
	// for it, for those services where the plan declares the stream's
	// version ("" is base); services that have no such version are absent.
	Expect map[string]string `json:"expect,omitempty"`
	// Chain lists the services a complete trail has, in order.
	Chain []string `json:"chain,omitempty"`

	// Of a service that is none of ours:

	// Workload is the Deployment that answers; "" is the plan's chain.
	Workload string `json:"workload,omitempty"`
	// Service is the Kubernetes Service that it goes to, which the runtime
	// resolves into a Target.
	Service string `json:"service,omitempty"`
	// Target is the base URL; "" is that of the load as a whole.
	Target string `json:"target,omitempty"`
	// Answer is what a good answer is; nil is 2xx.
	Answer *Answer `json:"answer,omitempty"`
	// InstanceHeader is the header in which an answer names who gave it, a
	// pod or its address; "" if none does.
	InstanceHeader string `json:"instanceHeader,omitempty"`
}

// External reports whether the service that answers is none of ours: it tells
// no trail, and what it calls in its turn cannot be seen.
func (s Stream) External() bool { return s.Workload != "" }

// Count is how many requests are due in all.
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

// Due is when the n-th request (from 0) is due, as an offset from zero:
// Start + n/Rate, computed from n each time so that no error adds up.
func (s Stream) Due(n uint64) time.Duration {
	whole, frac := n/1e6, n%1e6
	perMillion := float64(time.Second) * 1e6 / s.Rate
	return s.Start + time.Duration(float64(whole)*perMillion) + time.Duration(float64(frac)*float64(time.Second)/s.Rate)
}

// DueBy is how many requests are due at or before t: the inverse of Due.
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
