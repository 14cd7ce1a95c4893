package lane

import (
	"net/http"
	"net/url"
	"strings"
)

// The headers that carry a tag. The first one wins.
const (
	Header  = "X-Mse-Tag" // x-mse-tag, in its canonical form
	Baggage = "Baggage"   // W3C baggage
	Member  = "mse-tag"   // the baggage member that carries the tag
)

// maxTag is the maximum length of a tag, which is that of a Kubernetes label
// value.
const maxTag = 63

// RequestTag is the tag in a request's headers.
type RequestTag struct {
	Tag string // "": the base version
	// Conflict says for people how the two headers disagree, or which of them is
	// not a valid tag; "" if neither.
	Conflict string
}

// ReadTag reads the tag from a request's headers: from x-mse-tag if it is there,
// otherwise from baggage. An invalid tag (one that could not be a label value) is
// reported and ignored.
func ReadTag(h http.Header) RequestTag {
	header := strings.TrimSpace(first(h[Header]))
	lines := h[Baggage]
	if len(lines) == 0 {
		if header != "" && !valid(header) {
			return RequestTag{Conflict: "x-mse-tag is not a valid tag"}
		}
		return RequestTag{Tag: header}
	}
	baggage, ok := fromBaggage(lines)
	switch {
	case header != "" && !valid(header):
		return RequestTag{Tag: baggage, Conflict: "x-mse-tag is not a valid tag"}
	case !ok:
		return RequestTag{Tag: header, Conflict: "mse-tag in baggage is not a valid tag"}
	case header == "":
		return RequestTag{Tag: baggage}
	case baggage != "" && baggage != header:
		return RequestTag{Tag: header, Conflict: "x-mse-tag says " + header + ", baggage says " + baggage}
	}
	return RequestTag{Tag: header}
}

// WriteTag writes tag to both headers of out, and copies the other members of
// in's baggage. With tag "" neither header has a tag.
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
	// The tag comes first, so that an intermediary that truncates baggage keeps it.
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

// fromBaggage returns the tag in the first member for it. ok is false if that is
// not a valid tag.
func fromBaggage(lines []string) (tag string, ok bool) {
	for member := range members(lines) {
		key, value := split(member)
		if key != Member {
			continue
		}
		// PathUnescape, because in baggage a plus is a plus.
		tag, err := url.PathUnescape(value)
		if err != nil || tag != "" && !valid(tag) {
			return "", false
		}
		return tag, true
	}
	return "", true
}

// withoutMember returns the baggage without the tag. The other members are
// unchanged.
func withoutMember(lines []string) string {
	var out []string
	for member := range members(lines) {
		if key, _ := split(member); key != Member {
			out = append(out, member)
		}
	}
	return strings.Join(out, ",")
}

// members yields the members of all lines, trimmed and without empty ones.
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

// split returns the key and value of a member, without its properties.
func split(member string) (key, value string) {
	member, _, _ = strings.Cut(member, ";")
	key, value, _ = strings.Cut(member, "=")
	return strings.Trim(key, " \t"), strings.Trim(value, " \t")
}

// valid reports whether t is a valid tag: a Kubernetes label value.
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
