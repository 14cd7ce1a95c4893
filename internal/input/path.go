package input

import (
	"fmt"
	"net/url"
	"strings"
)

// CheckPath returns what is wrong with the path of a URL, and a hint; "" if it is
// valid. It is compared with the paths of requests, which have no query, no
// fragment and no escapes.
func CheckPath(path string) (text, hint string) {
	if !strings.HasPrefix(path, "/") {
		return fmt.Sprintf("must start with a slash, got %q", path), "write /" + path
	}
	if u, err := url.Parse(path); err != nil || u.Path != path {
		plain, _, _ := strings.Cut(path, "?")
		plain, _, _ = strings.Cut(plain, "#")
		if p, err := url.PathUnescape(plain); err == nil {
			plain = p
		}
		return fmt.Sprintf("must be a plain path, without query, fragment or escapes, got %q", path), "write " + plain
	}
	return "", ""
}
