package traffic

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// reference matches a reference to an environment variable in a header's value.
var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// ResolveSecrets returns a copy of streams in which each ${NAME} in a header's
// value is replaced by lookup(NAME). Record the original streams, not the copy,
// so that no secret is written to disk. The error names every variable that is
// not set.
func ResolveSecrets(streams []Stream, lookup func(string) (string, bool)) ([]Stream, error) {
	out := slices.Clone(streams)
	var missing []error
	for i, s := range out {
		out[i].Header = maps.Clone(s.Header)
		for name, v := range s.Header {
			out[i].Header[name] = reference.ReplaceAllStringFunc(v, func(r string) string {
				key := reference.FindStringSubmatch(r)[1]
				got, ok := lookup(key)
				if !ok {
					missing = append(missing, fmt.Errorf("header %s of stream %q needs the environment variable %s, which is not set", name, s.Name, key))
				}
				return got
			})
		}
	}
	return out, errors.Join(missing...)
}

// secretHeaders are the headers that usually contain secrets.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"}

// InlineSecrets lists the headers of s that contain a secret itself instead of
// a reference to an environment variable.
func (s Stream) InlineSecrets() []string {
	var out []string
	for name, v := range s.Header {
		if slices.Contains(secretHeaders, http.CanonicalHeaderKey(name)) && !reference.MatchString(v) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
