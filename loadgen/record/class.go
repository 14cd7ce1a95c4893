package record

// Class is a kind of failure. The set is closed: see [Classes].
type Class string

// The failure classes. The class at a hop is the root cause as its caller saw
// it; the class that the client saw is recorded separately.
const (
	Refused          Class = "refused"            // dial refused
	Unreachable      Class = "unreachable"        // no route to host or network
	DNS              Class = "dns"                // name not resolved
	TLS              Class = "tls"                // handshake failed
	NoLocalPort      Class = "no-local-port"      // caller ran out of ports
	NoDescriptor     Class = "no-descriptor"      // caller ran out of file descriptors
	ResetBeforeByte  Class = "reset-before-byte"  // RST before the answer's first byte
	ResetMidBody     Class = "reset-mid-body"     // RST within the answer
	EOF              Class = "eof"                // FIN before the answer's first byte
	TimeoutConnect   Class = "timeout-connect"    // dial timed out
	TimeoutFirstByte Class = "timeout-first-byte" // connected, no first byte in time
	TimeoutBody      Class = "timeout-body"       // got the response header, but not the whole body in time
	Cancelled        Class = "cancelled"          // given up by the caller
	Status5xx        Class = "status-5xx"         // answered 5xx, and the trail shows no deeper cause
	Overload         Class = "overload"           // 503 of a full queue
	Rejected         Class = "rejected"           // 503 after going offline (mode reject)
	StatusOther      Class = "status-other"       // neither 2xx nor 5xx
	Truncated        Class = "truncated"          // FIN before the declared end of the body
	WrongLane        Class = "wrong-lane"         // answered by a version other than the requested one
	WrongBody        Class = "wrong-body"         // 2xx, but not the expected body or trail
	NoInstance       Class = "no-instance"        // the caller's list had no instance to call
	Other            Class = "other"              // none of the above: the harness could not classify it
)

// Classes lists every class but [Other], in the order in which reports show
// them.
func Classes() []Class {
	return []Class{
		Refused, Unreachable, DNS, TLS, NoLocalPort, NoDescriptor,
		ResetBeforeByte, ResetMidBody, EOF, TimeoutConnect, TimeoutFirstByte,
		TimeoutBody, Cancelled, Status5xx, Overload, Rejected, StatusOther,
		Truncated, WrongLane, WrongBody, NoInstance,
	}
}
