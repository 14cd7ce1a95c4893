package hook

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// flag is an option of a tool.
type flag struct {
	value bool // whether it takes a value
	set   func(r *request, v string) error
}

// parseArgs parses options as getopt does: -q, -qO-, -T 5, --timeout=5,
// --timeout 5.
func parseArgs(r *request, args []string, flags map[string]flag) error {
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		var err error
		switch whole, ok := flags[a]; {
		case ok && !whole.value: // -nv is one option, not two
			err = whole.set(r, "")
		case strings.HasPrefix(a, "--"):
			args, err = longFlag(r, a[2:], args, flags)
		case len(a) > 1 && a[0] == '-':
			args, err = shortFlags(r, a[1:], args, flags)
		default:
			r.urls = append(r.urls, a)
		}
		if err != nil {
			return err
		}
	}
	return finish(r)
}

func longFlag(r *request, a string, rest []string, flags map[string]flag) ([]string, error) {
	name, value, given := strings.Cut(a, "=")
	f, ok := flags["--"+name]
	if !ok {
		return rest, optionError("--" + name)
	}
	if f.value && !given {
		if len(rest) == 0 {
			return rest, fmt.Errorf("option --%s requires a value", name)
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, f.set(r, value)
}

func shortFlags(r *request, a string, rest []string, flags map[string]flag) ([]string, error) {
	for a != "" {
		name := a[:1]
		f, ok := flags["-"+name]
		if !ok {
			return rest, optionError("-" + name)
		}
		a = a[1:]
		if !f.value {
			if err := f.set(r, ""); err != nil {
				return rest, err
			}
			continue
		}
		if a == "" {
			if len(rest) == 0 {
				return rest, fmt.Errorf("option -%s requires a value", name)
			}
			a, rest = rest[0], rest[1:]
		}
		return rest, f.set(r, a)
	}
	return rest, nil
}

var (
	ignored      = flag{set: func(*request, string) error { return nil }}
	ignoredValue = flag{value: true, set: func(*request, string) error { return nil }}

	setTimeout = duration(func(r *request) *time.Duration { return &r.timeout })
	setConnect = duration(func(r *request) *time.Duration { return &r.connect })

	setMethod = text(func(r *request) *string { return &r.method })
	setBody   = text(func(r *request) *string { return &r.body })
	setOutput = flag{value: true, set: func(r *request, v string) error { r.outputs = append(r.outputs, v); return nil }}
	setUser   = text(func(r *request) *string { return &r.user })

	setFail     = yes(func(r *request) *bool { return &r.failBad })
	setFollow   = yes(func(r *request) *bool { return &r.follow })
	setInsecure = yes(func(r *request) *bool { return &r.insecure })
	setHeaders  = yes(func(r *request) *bool { return &r.headers })

	setHead   = flag{set: func(r *request, _ string) error { r.head, r.headers = true, true; return nil }}
	setSpider = flag{set: func(r *request, _ string) error { r.head, r.spider = true, true; return nil }}
	setAgent  = flag{value: true, set: func(r *request, v string) error { r.header.Set("User-Agent", v); return nil }}
	setHeader = flag{value: true, set: func(r *request, v string) error {
		k, val, ok := strings.Cut(v, ":")
		if !ok {
			return fmt.Errorf("header must be NAME: VALUE, got %q", v)
		}
		r.header.Add(strings.TrimSpace(k), strings.TrimSpace(val))
		return nil
	}}
	addData = flag{value: true, set: func(r *request, v string) error {
		if strings.HasPrefix(v, "@") {
			return fmt.Errorf("data %q: reading a file is not supported; write the data itself", v)
		}
		if r.body != "" {
			r.body += "&"
		}
		r.body += v
		return nil
	}}
	setAfter = flag{value: true, set: func(r *request, v string) error {
		for _, name := range variables.FindAllString(v, -1) {
			if !slices.Contains(writeOutVariables, name) {
				return valueError{name, "unsupported variable " + name + " of -w"}
			}
		}
		r.after = v
		return nil
	}}
)

// writeOutVariables are the variables that -w can print.
var writeOutVariables = []string{"%{http_code}", "%{response_code}", "%{time_total}", "%{size_download}", "%{url}", "%{url_effective}", "%{method}"}

var (
	addURL = flag{value: true, set: func(r *request, v string) error { r.urls = append(r.urls, v); return nil }}
	setGet = yes(func(r *request) *bool { return &r.get })
	// setFailAfter saves the answer of a failure, too.
	setFailAfter = yes(func(r *request) *bool { return &r.failAfter })
	addEncoded   = flag{value: true, set: func(r *request, v string) error {
		name, value, named := strings.Cut(v, "=")
		switch {
		case !named && strings.Contains(v, "@"):
			return valueError{v, "reading a file is not supported"}
		case !named:
			return addData.set(r, url.QueryEscape(v))
		case name == "":
			return addData.set(r, url.QueryEscape(value))
		}
		return addData.set(r, name+"="+url.QueryEscape(value))
	}}
)

var variables = regexp.MustCompile(`%\{[^}]*\}`)

func text(field func(*request) *string) flag {
	return flag{value: true, set: func(r *request, v string) error { *field(r) = v; return nil }}
}

func yes(field func(*request) *bool) flag {
	return flag{set: func(r *request, _ string) error { *field(r) = true; return nil }}
}

func duration(field func(*request) *time.Duration) flag {
	return flag{value: true, set: func(r *request, v string) error {
		d, err := sleepTime(v)
		*field(r) = d
		return err
	}}
}

var wgetFlags = map[string]flag{
	"-q": ignored, "--quiet": ignored, "-nv": ignored, "--no-verbose": ignored,
	"-S": ignored, "--server-response": ignored, "--no-cache": ignored, "--no-proxy": ignored,
	"-t": ignoredValue, "--tries": ignoredValue, "--waitretry": ignoredValue, "-w": ignoredValue, "--wait": ignoredValue,
	"--retry-connrefused": ignored, "-4": ignored, "--inet4-only": ignored, "-nc": ignored,
	"-O": setOutput, "--output-document": setOutput,
	"-T": setTimeout, "--timeout": setTimeout, "--connect-timeout": setConnect,
	"--method": setMethod, "--post-data": setBody, "--body-data": setBody, "--header": setHeader,
	"-U": setAgent, "--user-agent": setAgent,
	"--spider": setSpider, "--no-check-certificate": setInsecure,
}

var curlFlags = map[string]flag{
	"-s": ignored, "--silent": ignored, "-S": ignored, "--show-error": ignored, "-v": ignored, "--verbose": ignored,
	"-N": ignored, "--no-buffer": ignored, "-4": ignored, "--ipv4": ignored,
	"--retry": ignoredValue, "--retry-delay": ignoredValue, "--retry-max-time": ignoredValue, "--retry-connrefused": ignored,
	"--noproxy": ignoredValue, "-#": ignored, "--progress-bar": ignored, "--http1.1": ignored, "-0": ignored, "--http1.0": ignored,
	"--retry-all-errors": ignored, "--no-progress-meter": ignored, "--no-keepalive": ignored, "-g": ignored, "--globoff": ignored,
	"--compressed": ignored, "--url": addURL, "-G": setGet, "--get": setGet, "--data-urlencode": addEncoded,
	"--data-ascii": addData, "--data-binary": addData, "--fail-with-body": setFailAfter,
	"-k": setInsecure, "--insecure": setInsecure, "-L": setFollow, "--location": setFollow,
	"-i": setHeaders, "--include": setHeaders, "-f": setFail, "--fail": setFail, "-I": setHead, "--head": setHead,
	"-X": setMethod, "--request": setMethod, "-H": setHeader, "--header": setHeader,
	"-d": addData, "--data": addData, "--data-raw": addData, "-u": setUser, "--user": setUser,
	"-A": setAgent, "--user-agent": setAgent,
	"-o": setOutput, "--output": setOutput, "-w": setAfter, "--write-out": setAfter,
	"-m": setTimeout, "--max-time": setTimeout, "--connect-timeout": setConnect,
}
