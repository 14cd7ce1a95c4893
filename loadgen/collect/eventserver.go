package collect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// maxLine bounds an event's line.
	maxLine = 4 << 20
	// sayPatience is how long a service may take to obey.
	sayPatience = 3 * time.Second
)

// desk takes the services' lines.
type desk struct {
	out io.Writer

	mu      sync.Mutex
	streams map[record.Instance]*stream
	left    map[string]bool // pods that were told to leave
	closed  bool
	begun   bool // the load has been ordered
}

// stream is one instance's lines, over all its connections.
type stream struct {
	have int
	talk *talk // the present connection; nil: none
}

// talk is one connection.
type talk struct {
	conn net.Conn
	mu   sync.Mutex // of writing
	over chan struct{}
}

func newDesk(out io.Writer) *desk {
	return &desk{out: out, streams: map[record.Instance]*stream{}, left: map[string]bool{}}
}

func (d *desk) serve(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		wg.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })() // to end the reading
			d.take(c)
		})
	}
}

// take serves one connection to its end. What is wrong with it ends it: the
// service comes again, and sends what it has no acknowledgement for.
func (d *desk) take(c net.Conn) {
	t := &talk{conn: c, over: make(chan struct{})}
	defer close(t.over)
	defer c.Close()
	in := bufio.NewReaderSize(c, 64<<10)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return
	}
	hello, _, err := record.ControlLine(line)
	if err != nil || hello == nil {
		return
	}
	have, ok := d.open(hello.Hello, t)
	if !ok || t.answer(record.Answer{Have: have, Begun: d.hasBegun()}) != nil {
		return
	}
	for {
		line, err := readLine(in)
		if err != nil {
			return
		}
		t2 := record.At(time.Now())
		_, ping, err := record.ControlLine(line)
		if err != nil {
			return
		}
		if ping != nil {
			if t.answer(record.Answer{Have: d.has(hello.Hello), T1: ping.T1, T2: t2, T3: record.At(time.Now())}) != nil {
				return
			}
			continue
		}
		if d.keep(hello.Hello, t, line) != nil {
			return
		}
		if in.Buffered() == 0 && t.answer(record.Answer{Have: d.has(hello.Hello)}) != nil {
			return
		}
	}
}

func readLine(in *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := in.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case err == nil:
			return whole, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(whole) > maxLine:
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

// open makes t the connection of i; an older one that is still there is a
// dead one.
func (d *desk) open(i record.Instance, t *talk) (have int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, false
	}
	s := d.streams[i]
	if s == nil && d.left[i.Pod] {
		return 0, false // what is started in the place of one that left is not of this run
	}
	if s == nil {
		s = &stream{}
		d.streams[i] = s
	}
	if s.talk != nil {
		_ = s.talk.conn.Close() // it has nothing more to say
	}
	s.talk = t
	return s.have, true
}

// keep writes a line down, if t is still the connection of i.
func (d *desk) keep(i record.Instance, t *talk, line []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.streams[i]
	if d.closed || s.talk != t {
		return errors.New("the connection is an old one")
	}
	if bytes.IndexByte(line, '\n') != len(line)-1 {
		return errors.New("a torn line")
	}
	if _, err := (lines{d.out, fileName(i)}).Write(line); err != nil {
		return err
	}
	s.have++
	return nil
}

// fileName is an instance's name before its lines: "pod.incarnation".
func fileName(i record.Instance) string { return fmt.Sprintf("%s.%d", i.Pod, i.Incarnation) }

func (d *desk) has(i record.Instance) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.streams[i].have
}

func (d *desk) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = true
}

func (d *desk) hasBegun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begun
}

// lines is how many there are of each instance.
func (d *desk) lines() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]int{}
	for i, s := range d.streams {
		out[i.String()] = s.have
	}
	return out
}

// say tells i a word and waits until it has hung up, which is how it obeys.
// One that is not there has obeyed.
func (d *desk) say(ctx context.Context, i record.Instance, w record.Word) error {
	d.mu.Lock()
	var t *talk
	have := 0
	if s := d.streams[i]; s != nil {
		t, have = s.talk, s.have
	}
	if w == record.Leave {
		d.left[i.Pod] = true
	}
	d.mu.Unlock()
	if t == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, sayPatience)
	defer stop()
	if t.answer(record.Answer{Have: have, Say: w}) != nil {
		return nil // it has hung up
	}
	select {
	case <-t.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("telling %s to %s: it has not hung up within %v", i, w, sayPatience)
	}
}

// shut takes nothing more.
func (d *desk) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, s := range d.streams {
		if s.talk != nil {
			_ = s.talk.conn.Close() // what it might still say is not of this run
		}
	}
}

func (t *talk) answer(a record.Answer) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err = t.conn.Write(append(b, '\n'))
	return err
}
