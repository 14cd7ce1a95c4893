package record

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// HTTP headers of the generator and the demo services.
const (
	// TrailHeader is the header of an answer that holds its [Trail].
	TrailHeader = "Zeroloss-Trail"
	// TagHeader is the header with the version that a request asks for.
	TagHeader = "X-Mse-Tag"
)

// ErrNewer tells that something was written by a newer version than this one
// can read.
var ErrNewer = errors.New("written by a newer version of zeroloss")

// The header value of a trail, in ABNF. Numbers are in base 36, instants in µs
// since the epoch, durations in µs. Bytes other than A–Z a–z 0–9 . _ : / [ ] -
// are written as %XX. "~" at the start of an instance stands for the name of the
// service.
//
//	trail  = "1" *( ";" hop )
//	hop    = service "," instance "," tag "," took "," class [ "," call ]
//	call   = service "," callee "," addr "," tag "," wanted "," at ","
//	         status "," class "," attempts *( "," at "," addr "," class )
//
// To keep the usual case short, an empty status is 200, empty attempts is 1,
// and "=" as wanted is the callee's tag.
const (
	trailVersion = "1"
	hopFields    = 5
	callFields   = 9
	maskedFields = 3
)

// maxTook is the longest time.Duration, in µs.
const maxTook = int64(math.MaxInt64 / time.Microsecond)

// String returns the header value, about 100 bytes per hop, or "" for no hops.
func (t Trail) String() string {
	if len(t) == 0 {
		return ""
	}
	b := make([]byte, 0, 128*len(t))
	b = append(b, trailVersion...)
	for i := range t {
		b = appendHop(b, &t[i])
	}
	return string(b)
}

// PrependHop returns the value of [TrailHeader] for an answer of hop h. rest is
// the value in the answer of the callee, or "". PrependHop does not parse rest,
// so that an invalid rest is reported by the reader of the whole trail.
func PrependHop(h Hop, rest string) string {
	b := make([]byte, 0, 160+len(rest))
	b = append(b, trailVersion...)
	b = appendHop(b, &h)
	switch {
	case rest == "":
	case strings.HasPrefix(rest, trailVersion+";"):
		b = append(b, rest[len(trailVersion):]...)
	default:
		b = append(append(b, ';'), rest...)
	}
	return string(b)
}

func appendHop(b []byte, h *Hop) []byte {
	b = appendEscaped(append(b, ';'), h.Service)
	b = appendInstance(append(b, ','), h.Service, h.Instance)
	b = appendEscaped(append(b, ','), h.Tag)
	b = strconv.AppendInt(append(b, ','), h.Took.Microseconds(), 36)
	b = appendEscaped(append(b, ','), string(h.Class))
	if h.Call != nil {
		b = appendCall(b, h.Call)
	}
	return b
}

func appendCall(b []byte, c *Call) []byte {
	b = appendEscaped(append(b, ','), c.Service)
	b = appendInstance(append(b, ','), c.Service, c.Callee)
	b = appendEscaped(append(b, ','), c.Addr)
	b = appendEscaped(append(b, ','), c.Tag)
	b = append(b, ',')
	if c.Wanted == c.Tag {
		b = append(b, '=')
	} else {
		b = appendEscaped(b, c.Wanted)
	}
	b = strconv.AppendInt(append(b, ','), int64(c.At), 36)
	b = appendUsual(append(b, ','), c.Status, 200)
	b = appendEscaped(append(b, ','), string(c.Class))
	b = appendUsual(append(b, ','), c.Attempts, 1)
	for _, m := range c.Masked {
		b = strconv.AppendInt(append(b, ','), int64(m.At), 36)
		b = appendEscaped(append(b, ','), m.Addr)
		b = appendEscaped(append(b, ','), string(m.Class))
	}
	return b
}

func appendUsual(b []byte, n, usual int) []byte {
	if n == usual {
		return b
	}
	return strconv.AppendInt(b, int64(n), 36)
}

func appendInstance(b []byte, service string, i Instance) []byte {
	if i == (Instance{}) {
		return b
	}
	pod := i.Pod
	if service != "" && strings.HasPrefix(pod, service) {
		b, pod = append(b, '~'), pod[len(service):]
	}
	b = append(appendEscaped(b, pod), '/')
	return strconv.AppendInt(b, int64(i.Incarnation), 36)
}

func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("._:/[]-", c) >= 0
}

// ParseTrail parses the result of [Trail.String] or [PrependHop]; for "" it
// returns nil. The error wraps [ErrNewer] if the version is unknown.
func ParseTrail(s string) (Trail, error) {
	if s == "" {
		return nil, nil
	}
	version, rest, more := strings.Cut(s, ";")
	if version != trailVersion {
		if n, err := strconv.Atoi(version); err == nil && n > 1 {
			return nil, fmt.Errorf("parsing trail %q: version %d: %w", shorten(s), n, ErrNewer)
		}
		return nil, fmt.Errorf("parsing trail %q: want version %s first", shorten(s), trailVersion)
	}
	if !more {
		return nil, fmt.Errorf("parsing trail %q: no hops", shorten(s))
	}
	t := make(Trail, 0, 1+strings.Count(rest, ";"))
	for more {
		var field string
		field, rest, more = strings.Cut(rest, ";")
		h, err := parseHop(field)
		if err != nil {
			return nil, fmt.Errorf("parsing trail %q: hop %d: %w", shorten(s), len(t), err)
		}
		t = append(t, h)
	}
	return t, nil
}

func shorten(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func parseHop(s string) (Hop, error) {
	n := 1 + strings.Count(s, ",")
	if n != hopFields && (n < hopFields+callFields || (n-hopFields-callFields)%maskedFields != 0) {
		return Hop{}, fmt.Errorf("%d fields, want %d, or %d and %d for each masked attempt",
			n, hopFields, hopFields+callFields, maskedFields)
	}
	p := fields{rest: s, left: n}
	h := Hop{Service: p.text()}
	h.Instance = p.instance(h.Service)
	h.Tag = p.text()
	h.Took = p.took()
	h.Class = Class(p.text())
	if n > hopFields {
		h.Call = p.call()
	}
	return h, p.err
}

// fields reads the comma-separated fields of a hop one by one. It keeps its
// first error; later reads return zero values.
type fields struct {
	rest string
	left int
	err  error
}

func (p *fields) raw() string {
	f, rest, _ := strings.Cut(p.rest, ",")
	p.rest = rest
	p.left--
	return f
}

func (p *fields) fail(format string, a ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, a...)
	}
}

func (p *fields) text() string { return p.unescape(p.raw()) }

func (p *fields) unescape(s string) string {
	escaped := false
	for i := 0; i < len(s); i++ {
		escaped = escaped || s[i] == '%'
		if s[i] != '%' && !plain(s[i]) {
			p.fail("unexpected %q in %q", s[i], s)
			return ""
		}
	}
	if !escaped {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			p.fail("escape cut short in %q", s)
			return ""
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			p.fail("bad escape in %q", s)
			return ""
		}
		b, i = append(b, byte(c)), i+2
	}
	return string(b)
}

func (p *fields) number(what, s string) int64 {
	n, err := strconv.ParseInt(s, 36, 64)
	if err != nil {
		p.fail("%s %q is not a number in base 36", what, s)
	}
	return n
}

func (p *fields) took() time.Duration {
	us := p.number("duration", p.raw())
	if us > maxTook || us < -maxTook {
		p.fail("duration of %d µs is out of range", us)
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

func (p *fields) usual(what string, usual int) int {
	f := p.raw()
	if f == "" {
		return usual
	}
	return int(p.number(what, f))
}

func (p *fields) instance(service string) Instance {
	f := p.raw()
	if f == "" {
		return Instance{}
	}
	i := strings.LastIndexByte(f, '/')
	if i < 0 {
		p.fail("instance %q: want pod/incarnation", f)
		return Instance{}
	}
	pod, inc := f[:i], p.number("incarnation", f[i+1:])
	if short, ok := strings.CutPrefix(pod, "~"); ok {
		return Instance{Pod: service + p.unescape(short), Incarnation: int(inc)}
	}
	return Instance{Pod: p.unescape(pod), Incarnation: int(inc)}
}

func (p *fields) call() *Call {
	c := &Call{Service: p.text()}
	c.Callee = p.instance(c.Service)
	c.Addr = p.text()
	c.Tag = p.text()
	if w := p.raw(); w == "=" {
		c.Wanted = c.Tag
	} else {
		c.Wanted = p.unescape(w)
	}
	c.At = Micros(p.number("instant", p.raw()))
	c.Status = p.usual("status", 200)
	c.Class = Class(p.text())
	c.Attempts = p.usual("attempts", 1)
	for p.left > 0 {
		m := Attempt{At: Micros(p.number("instant", p.raw()))}
		m.Addr = p.text()
		m.Class = Class(p.text())
		c.Masked = append(c.Masked, m)
	}
	return c
}
