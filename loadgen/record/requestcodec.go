package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A payload of requests is a table of strings and the records that refer to
// it by number. All numbers are varints. Instants are encoded as differences
// from a nearby instant.
//
//	payload = count *( length bytes ) count *record

// encoder collects the records of one frame.
type encoder struct {
	ids   map[string]uint64
	table []byte // the strings, each with its length before it
	recs  []byte
}

func (e *encoder) size() int { return len(e.table) + len(e.recs) }

// appendPayload appends the frame's n records to b and begins a new frame.
func (e *encoder) appendPayload(b []byte, n int) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.ids)))
	b = append(b, e.table...)
	b = appendCount(b, n)
	b = append(b, e.recs...)
	clear(e.ids)
	e.table, e.recs = e.table[:0], e.recs[:0]
	return b
}

// appendCount appends n, which must not be negative.
func appendCount(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) } //nolint:gosec // n >= 0

func (e *encoder) text(s string) {
	id, ok := e.ids[s]
	if !ok {
		if e.ids == nil {
			e.ids = make(map[string]uint64)
		}
		id = uint64(len(e.ids))
		e.ids[s] = id
		e.table = binary.AppendUvarint(e.table, uint64(len(s)))
		e.table = append(e.table, s...)
	}
	e.recs = binary.AppendUvarint(e.recs, id)
}

func (e *encoder) num(n int64)          { e.recs = binary.AppendVarint(e.recs, n) }
func (e *encoder) flags(f uint64)       { e.recs = binary.AppendUvarint(e.recs, f) }
func (e *encoder) count(n int)          { e.recs = appendCount(e.recs, n) }
func (e *encoder) at(m, near Micros)    { e.num(int64(m - near)) }
func (e *encoder) instance(i Instance)  { e.text(i.Pod); e.num(int64(i.Incarnation)) }
func (e *encoder) took(d time.Duration) { e.num(d.Microseconds()) }

// Bits of a record's first number: which of its fields are present.
const (
	isUnsent = 1 << iota
	hasSent
	hasFirstByte
	hasDone
	maxFlags = 1<<iota - 1
)

// Bits of a call's first number.
const (
	hasCall = 1 << iota
	hasAt
	maxCallFlags = 1<<iota - 1
)

func bit(set bool, b uint64) uint64 {
	if set {
		return b
	}
	return 0
}

func (e *encoder) optional(m, near Micros) {
	if m != 0 {
		e.at(m, near)
	}
}

func (e *encoder) request(r *Request) {
	e.text(r.Stream)
	e.recs = binary.AppendUvarint(e.recs, r.Seq)
	e.num(int64(r.Due))
	if r.Unsent {
		e.flags(isUnsent)
		return
	}
	e.flags(bit(r.Sent != 0, hasSent) | bit(r.FirstByte != 0, hasFirstByte) | bit(r.Done != 0, hasDone))
	e.optional(r.Sent, r.Due)
	e.optional(r.FirstByte, r.Due)
	e.optional(r.Done, r.Due)
	e.num(int64(r.Status))
	e.num(r.Bytes)
	e.text(r.Body)
	e.text(string(r.Class))
	e.text(r.Error)
	e.text(r.TrailError)
	e.attempts(r.Attempts, r.Due)
	e.count(len(r.Trail))
	for i := range r.Trail {
		e.hop(&r.Trail[i], r.Due)
	}
}

func (e *encoder) attempts(as []Attempt, near Micros) {
	e.count(len(as))
	for _, a := range as {
		e.at(a.At, near)
		e.text(a.Addr)
		e.text(string(a.Class))
	}
}

func (e *encoder) hop(h *Hop, near Micros) {
	e.text(h.Service)
	e.instance(h.Instance)
	e.text(h.Tag)
	e.took(h.Took)
	e.text(string(h.Class))
	c := h.Call
	if c == nil {
		e.flags(0)
		return
	}
	e.flags(hasCall | bit(c.At != 0, hasAt))
	e.text(c.Service)
	e.instance(c.Callee)
	e.text(c.Addr)
	e.text(c.Tag)
	e.text(c.Wanted)
	e.optional(c.At, near)
	e.num(int64(c.Status))
	e.text(string(c.Class))
	e.num(int64(c.Attempts))
	e.attempts(c.Masked, near)
}

// The minimum encoded sizes of a string, a record, a hop and an attempt, in
// bytes. A count is checked against them before memory is allocated for it.
const (
	minString  = 1
	minRecord  = 4
	minHop     = 7
	minAttempt = 3
)

var errPayload = errors.New("frame's records cannot be read")

// decoder decodes payloads. It keeps its first error; later reads return zero
// values.
type decoder struct {
	known map[string]string // strings of all frames, so that each is stored once
	table []string
	in    []byte
	err   error
	hops  []Hop // slabs that trails are cut from
	calls []Call
}

// payload appends the requests of b to buf.
func (d *decoder) payload(b []byte, buf []Request) ([]Request, error) {
	if d.known == nil {
		d.known = make(map[string]string)
	}
	d.in, d.err, d.table = b, nil, d.table[:0]
	for range d.count(minString) {
		d.table = append(d.table, d.intern())
	}
	n := d.count(minRecord)
	buf = slices.Grow(buf, n)
	for range n {
		buf = append(buf, Request{})
		d.request(&buf[len(buf)-1])
		if d.err != nil {
			break
		}
	}
	if d.err == nil && len(d.in) > 0 {
		d.err = fmt.Errorf("%w: %d bytes are left over", errPayload, len(d.in))
	}
	return buf, d.err
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: bad %s, %d bytes before its end", errPayload, what, len(d.in))
	}
	d.in = nil
}

func (d *decoder) intern() string {
	n := d.count(1)
	if d.err != nil {
		return ""
	}
	b := d.in[:n]
	d.in = d.in[n:]
	if s, ok := d.known[string(b)]; ok {
		return s
	}
	s := string(b)
	// Strings that occur only once (an error text with its port) must not
	// accumulate while a long log is read.
	const most = 1 << 16
	if len(d.known) < most {
		d.known[s] = s
	}
	return s
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.in)
	if size <= 0 {
		d.fail("number")
		return 0
	}
	d.in = d.in[size:]
	return n
}

func (d *decoder) num() int64 {
	n, size := binary.Varint(d.in)
	if size <= 0 {
		d.fail("number")
		return 0
	}
	d.in = d.in[size:]
	return n
}

// count reads the number of items that follow, each of at least size bytes.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.in)/size) { //nolint:gosec // not negative
		d.fail("count")
		return 0
	}
	return int(n) //nolint:gosec // at most len(d.in)
}

func (d *decoder) flags(most uint64) uint64 {
	f := d.uint()
	if f > most {
		d.fail("flags")
	}
	return f
}

func (d *decoder) text() string {
	id := d.uint()
	if id >= uint64(len(d.table)) {
		d.fail("string number")
		return ""
	}
	return d.table[id]
}

func (d *decoder) at(near Micros) Micros { return near + Micros(d.num()) }

func (d *decoder) optional(there bool, near Micros) Micros {
	if !there {
		return 0
	}
	return d.at(near)
}

func (d *decoder) took() time.Duration {
	us := d.num()
	if us > maxTook || us < -maxTook {
		d.fail("duration")
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

func (d *decoder) instance() Instance {
	return Instance{Pod: d.text(), Incarnation: int(d.num())}
}

func (d *decoder) request(r *Request) {
	r.Stream = d.text()
	r.Seq = d.uint()
	r.Due = Micros(d.num())
	f := d.flags(maxFlags)
	if r.Unsent = f&isUnsent != 0; r.Unsent {
		return
	}
	r.Sent = d.optional(f&hasSent != 0, r.Due)
	r.FirstByte = d.optional(f&hasFirstByte != 0, r.Due)
	r.Done = d.optional(f&hasDone != 0, r.Due)
	r.Status = int(d.num())
	r.Bytes = d.num()
	r.Body = d.text()
	r.Class = Class(d.text())
	r.Error = d.text()
	r.TrailError = d.text()
	r.Attempts = d.attempts(r.Due)
	if n := d.count(minHop); n > 0 {
		r.Trail = d.slab(n)
		for i := range r.Trail {
			d.hop(&r.Trail[i], r.Due)
		}
	}
}

// slab returns a trail of n hops, taken from a larger allocation.
func (d *decoder) slab(n int) Trail {
	if len(d.hops) < n {
		d.hops = make([]Hop, max(n, 256))
	}
	t := d.hops[:n:n]
	d.hops = d.hops[n:]
	return Trail(t)
}

func (d *decoder) attempts(near Micros) []Attempt {
	n := d.count(minAttempt)
	if n == 0 {
		return nil
	}
	as := make([]Attempt, n)
	for i := range as {
		as[i] = Attempt{At: d.at(near), Addr: d.text(), Class: Class(d.text())}
	}
	return as
}

func (d *decoder) hop(h *Hop, near Micros) {
	h.Service = d.text()
	h.Instance = d.instance()
	h.Tag = d.text()
	h.Took = d.took()
	h.Class = Class(d.text())
	f := d.flags(maxCallFlags)
	if f&hasCall == 0 || d.err != nil {
		return
	}
	if len(d.calls) == 0 {
		d.calls = make([]Call, 256)
	}
	c := &d.calls[0]
	d.calls = d.calls[1:]
	h.Call = c
	c.Service = d.text()
	c.Callee = d.instance()
	c.Addr = d.text()
	c.Tag = d.text()
	c.Wanted = d.text()
	c.At = d.optional(f&hasAt != 0, near)
	c.Status = int(d.num())
	c.Class = Class(d.text())
	c.Attempts = int(d.num())
	c.Masked = d.attempts(near)
}
