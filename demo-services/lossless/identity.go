package lossless

import (
	"fmt"
	"strconv"
	"strings"

	"zeroloss/loadgen/record"
)

// Names of the project's own: the vendors' are unpublished.
const (
	// MarkerHeader is on every response of an instance that is closing; its
	// value is the instance's Identity.
	MarkerHeader = "Zeroloss-Offline"
	// ConsumerHeader is on every call: host:port of the caller's admin port,
	// where a provider notifies it (POST NotifyPath).
	ConsumerHeader = "Zeroloss-Consumer"
	// NotifyPath takes a notice; its body is the provider's Identity.
	NotifyPath = "/notify"
)

// Identity is one incarnation of an instance, so that a pod restarted at the
// same address is somebody else.
type Identity struct {
	Instance record.Instance `json:"instance"`
	Start    int64           `json:"start"` // milliseconds since the Unix epoch, as in the registry's metadata
}

// String is "pod/incarnation/start".
func (i Identity) String() string {
	return i.Instance.String() + "/" + strconv.FormatInt(i.Start, 10)
}

// ParseIdentity reads what [Identity.String] wrote.
func ParseIdentity(s string) (Identity, error) {
	bad := func() (Identity, error) {
		return Identity{}, fmt.Errorf("parsing identity %q: want pod/incarnation/start", s)
	}
	cut := strings.LastIndexByte(s, '/')
	if cut < 0 || len(s) > maxIdentity {
		return bad()
	}
	instance, err := record.ParseInstance(s[:cut])
	if err != nil || instance == (record.Instance{}) {
		return bad()
	}
	start, err := strconv.ParseInt(s[cut+1:], 10, 64)
	if err != nil || start < 0 {
		return bad()
	}
	return Identity{Instance: instance, Start: start}, nil
}

// maxIdentity bounds what a header may make us keep: a pod's name has 253
// characters at most.
const maxIdentity = 320
