package lossless

import (
	"fmt"
	"strconv"
	"strings"

	"zeroloss/loadgen/record"
)

// Names of our own: those of the vendors are not published.
const (
	// MarkerHeader is on every answer of an instance that is closing. Its value is
	// the instance's Identity.
	MarkerHeader = "Zeroloss-Offline"
	// ConsumerHeader is on every call. Its value is host:port of the caller's admin
	// port, where a provider notifies it (POST NotifyPath).
	ConsumerHeader = "Zeroloss-Consumer"
	// NotifyPath takes notices that a provider is closing. The body is the
	// provider's Identity.
	NotifyPath = "/notify"
)

// Identity identifies one incarnation of an instance. A pod that restarts at the
// same address has another one.
type Identity struct {
	Instance record.Instance `json:"instance"`
	Start    int64           `json:"start"` // milliseconds since the Unix epoch, as in the registry's metadata
}

// String returns "pod/incarnation/start".
func (i Identity) String() string {
	return i.Instance.String() + "/" + strconv.FormatInt(i.Start, 10)
}

// ParseIdentity parses the result of [Identity.String].
func ParseIdentity(s string) (Identity, error) {
	bad := func() (Identity, error) {
		return Identity{}, fmt.Errorf("parsing identity %q: must be pod/incarnation/start", s)
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

// maxIdentity bounds the length of an identity in a header. The name of a pod has
// at most 253 characters.
const maxIdentity = 320
