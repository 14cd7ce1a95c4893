package lane

import (
	"net/http"
	"net/url"
	"strings"
)

// The headers that carry a tag. The first wins.
const (
	Header  = "X-Mse-Tag" // x-mse-tag, in its canonical form
	Baggage = "Baggage"   // W3C baggage
	Member  = "mse-tag"   // the baggage member that carries the tag
)

// maxTag is the longest tag: that of a Kubernetes label's value.
const maxTag = 63

// RequestTag is what a request's headers say.
type RequestTag struct {
	Tag string // "" is base
	// Conflict, if not "", tells for people how the two carriers disagree, or
	// what in them is no tag.
	Conflict string
}

// ReadTag takes the tag out of a request's headers: x-mse-tag's if there is one,
// else baggage's. What is no tag (characters that a label's value cannot have)
// is reported and left out.
func ReadTag(h http.Header) RequestTag {
	header := strings.TrimSpace(first(h[Header]))
	lines := h[Baggage]
	if len(lines) == 0 {
		if header != "" && !valid(header) {
			return RequestTag{Conflict: "x-mse-tag is no tag"}
		}
		return RequestTag{Tag: header}
	}
	baggage, ok := fromBaggage(lines)
	switch {
	case header != "" && !valid(header):
		return RequestTag{Tag: baggage, Conflict: "x-mse-tag is no tag"}
	case !ok:
		return RequestTag{Tag: header, Conflict: "baggage's mse-tag is no tag"}
	case header == "":
		return RequestTag{Tag: baggage}
	case baggage != "" && baggage != header:
		return RequestTag{Tag: header, Conflict: "x-mse-tag says " + header + ", baggage says " + baggage}
	}
	return RequestTag{Tag: header}
}

// WriteTag writes tag into both carriers of out, and takes over what else in's
// baggage has. With tag "" neither carrier has it.
func WriteTag(out, in http.Header, tag string) {
	others := withoutMember(in[Baggage])
	if tag == "" {
		out.Del(Header)
		setOrDelete(out, Baggage, others)
		return
	}
	out[Header] = []string{tag}
	if others != "" {
		others = "," + others
	}
	// First, so that an intermediary that cuts long baggage keeps it.
	out[Baggage] = []string{Member + "=" + tag + others}
}

func setOrDelete(h http.Header, key, value string) {
	if value == "" {
		delete(h, key)
		return
	}
	h[key] = []string{value}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// fromBaggage finds the tag's member; the first one counts. ok is false where
// its value is no tag.
func fromBaggage(lines []string) (tag string, ok bool) {
	for member := range members(lines) {
		key, value := split(member)
		if key != Member {
			continue
		}
		// PathUnescape, as a plus is a plus in baggage.
		tag, err := url.PathUnescape(value)
		if err != nil || tag != "" && !valid(tag) {
			return "", false
		}
		return tag, true
	}
	return "", true
}

// withoutMember is the baggage without the tag's member, the others as they
// were.
func withoutMember(lines []string) string {
	var out []string
	for member := range members(lines) {
		if key, _ := split(member); key != Member {
			out = append(out, member)
		}
	}
	return strings.Join(out, ",")
}

// members yields the list members of all lines, trimmed, empty ones left out.
func members(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for m := range strings.SplitSeq(line, ",") {
				if m = strings.Trim(m, " \t"); m != "" && !yield(m) {
					return
				}
			}
		}
	}
}

// split takes a member's key and value apart, leaving its properties out.
func split(member string) (key, value string) {
	member, _, _ = strings.Cut(member, ";")
	key, value, _ = strings.Cut(member, "=")
	return strings.Trim(key, " \t"), strings.Trim(value, " \t")
}

// valid tells whether t could be a label's value, which is what tags are.
func valid(t string) bool {
	if t == "" || len(t) > maxTag {
		return false
	}
	for _, c := range []byte(t) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}
