package record

// Class is a kind of failure. The set is closed: see [Classes].
type Class string

// The classes, as design/measurement names them. A class at a hop is the root
// cause seen from the caller; what the client saw is told beside it.
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
	TimeoutConnect   Class = "timeout-connect"    // dial ran out of time
	TimeoutFirstByte Class = "timeout-first-byte" // connected, no first byte in time
	TimeoutBody      Class = "timeout-body"       // head came, body did not end in time
	Cancelled        Class = "cancelled"          // given up by the caller
	Status5xx        Class = "status-5xx"         // answered 5xx, and its trail tells no deeper cause
	Overload         Class = "overload"           // 503 of a full queue
	Rejected         Class = "rejected"           // 503 after going offline (mode reject)
	StatusOther      Class = "status-other"       // neither 2xx nor 5xx
	Truncated        Class = "truncated"          // FIN before the declared end of the body
	WrongLane        Class = "wrong-lane"         // answered by a version that was not asked for
	WrongBody        Class = "wrong-body"         // 2xx, but not the body or the trail that was due
	NoInstance       Class = "no-instance"        // the caller's list had nobody to call
	Other            Class = "other"              // none of these: a failure of the harness's own check
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
