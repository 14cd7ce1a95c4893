package input

import (
	"fmt"
	"net/url"
	"strings"
)

// CheckPath tells what is wrong with the path of a URL, and what is right; ""
// if nothing is. It is compared with the paths of requests, which have neither
// query nor fragment, nor anything escaped.
func CheckPath(path string) (text, hint string) {
	if !strings.HasPrefix(path, "/") {
		return fmt.Sprintf("%q does not begin with a slash", path), "write /" + path
	}
	if u, err := url.Parse(path); err != nil || u.Path != path {
		plain, _, _ := strings.Cut(path, "?")
		plain, _, _ = strings.Cut(plain, "#")
		if p, err := url.PathUnescape(plain); err == nil {
			plain = p
		}
		return fmt.Sprintf("%q is more than a path: no request would ever match it", path), "write " + plain
	}
	return "", ""
}
