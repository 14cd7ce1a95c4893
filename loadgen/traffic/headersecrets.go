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

// ResolveSecrets is streams as they are sent: ${NAME} in the value of a header is what
// lookup has for NAME. Who records streams records them as they were before, so
// that no secret is written down. The error names every variable that is not
// set.
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
					missing = append(missing, fmt.Errorf("header %s of stream %q wants the environment variable %s, which is not set", name, s.Name, key))
				}
				return got
			})
		}
	}
	return out, errors.Join(missing...)
}

// secretHeaders are the headers that carry what is nobody else's business.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"}

// InlineSecrets lists the headers of s that carry a secret by its value instead of by
// the name of a variable.
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
