// Package lane implements tag routing, which MSE calls lanes: a request wants a
// version (tag) of each service on its way. [Eligible] decides to which instances
// it may go. [ReadTag] and [WriteTag] carry the tag in HTTP headers.
//
// It may not know the registry, marks, weights or balancers.
package lane

// Reason is why a set of instances was chosen.
type Reason string

// The reasons. With the last two there is no instance.
const (
	Base     Reason = "base"      // no tag is wanted: untagged instances
	Own      Reason = "own"       // there are instances with the wanted tag
	Fallback Reason = "fallback"  // there are none: untagged instances; the tag is passed on
	NoBase   Reason = "no-base"   // there are neither untagged instances nor instances with the wanted tag
	NoTagged Reason = "no-tagged" // strict: there is no instance with the wanted tag
)

// Eligible returns the hosts to which a request with a wanted tag may go, in
// their order, and why. tag returns a host's tag; "" is the base version.
//
// A request with a tag goes to instances with that tag if there are any,
// otherwise to untagged ones, or nowhere if strict. A request without a tag goes
// to untagged instances only: it never reaches a version that it did not ask for.
func Eligible[H any](hosts []H, tag func(H) string, wanted string, strict bool) ([]H, Reason) {
	own := hostsTagged(hosts, tag, wanted)
	switch {
	case wanted == "" && len(own) > 0:
		return own, Base
	case wanted == "":
		return nil, NoBase
	case len(own) > 0:
		return own, Own
	case strict:
		return nil, NoTagged
	}
	if base := hostsTagged(hosts, tag, ""); len(base) > 0 {
		return base, Fallback
	}
	return nil, NoBase
}

func hostsTagged[H any](hosts []H, tag func(H) string, t string) []H {
	var out []H
	for _, h := range hosts {
		if tag(h) == t {
			out = append(out, h)
		}
	}
	return out
}

// Outgoing returns the tag of a call that an instance with the tag own makes on
// behalf of a request that wants a tag. With traceTag, the calls of a tagged
// instance have its own tag.
func Outgoing(wanted, own string, traceTag bool) string {
	if traceTag && own != "" {
		return own
	}
	return wanted
}
