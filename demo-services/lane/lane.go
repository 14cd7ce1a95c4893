// Package lane decides which instances of a service a request may go to by the
// version (tag) that it wants, and how the tag travels.
//
// It knows tags and HTTP headers ([ReadTag], [WriteTag]); it may not know the
// registry, marks, weights or balancers.
package lane

// Reason says why a set of instances is the one.
type Reason string

// The reasons. The last two come with no instance.
const (
	Base     Reason = "base"      // nothing wanted: untagged instances
	Own      Reason = "own"       // the wanted version has instances
	Fallback Reason = "fallback"  // it has none: untagged ones; the tag travels on
	NoBase   Reason = "no-base"   // there is no untagged instance, and none of the wanted tag
	NoTagged Reason = "no-tagged" // strict: there is no instance of the wanted tag
)

// Eligible returns those of hosts that a request which wants a tag may go to,
// in their order, and why. tag tells a host's tag, "" being base.
//
// A tag goes to instances of that tag if the service has any, else to untagged
// ones, or nowhere if strict. No tag goes to untagged ones only: a request
// never reaches a version that it did not ask for.
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

// Outgoing is the tag of a call that an instance of tag own makes on behalf of
// a request that wants tag wanted: with traceTag, what leaves a tagged
// instance carries its tag.
func Outgoing(wanted, own string, traceTag bool) string {
	if traceTag && own != "" {
		return own
	}
	return wanted
}
