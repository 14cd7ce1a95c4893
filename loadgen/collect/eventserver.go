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
	// maxLine is the maximum length of an event's line, in bytes.
	maxLine = 4 << 20
	// commandTimeout is how long a service may take to carry out a command.
	commandTimeout = 3 * time.Second
)

// eventServer stores the lines that services send.
type eventServer struct {
	out io.Writer

	mu          sync.Mutex
	logs        map[record.Instance]*instanceLog
	stopped     map[string]bool // pods that were told to exit
	closed      bool
	loadStarted bool // the load has been started
}

// instanceLog is what was received from one instance, over all its connections.
type instanceLog struct {
	received int
	session  *session // the current connection; nil: none
}

// session is one connection of a service.
type session struct {
	conn net.Conn
	mu   sync.Mutex // guards writes
	done chan struct{}
}

func newEventServer(out io.Writer) *eventServer {
	return &eventServer{out: out, logs: map[record.Instance]*instanceLog{}, stopped: map[string]bool{}}
}

func (d *eventServer) serve(ctx context.Context, l net.Listener) error {
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
			defer context.AfterFunc(ctx, func() { _ = c.Close() })() // ends blocked reads
			d.serveConn(c)
		})
	}
}

// serveConn serves one connection until it ends. Any error ends it: the service
// connects again and sends what was not acknowledged.
func (d *eventServer) serveConn(c net.Conn) {
	t := &session{conn: c, done: make(chan struct{})}
	defer close(t.done)
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
	have, ok := d.attach(hello.Hello, t)
	if !ok || t.answer(record.Answer{Received: have, LoadStarted: d.hasLoadStarted()}) != nil {
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
			if t.answer(record.Answer{Received: d.received(hello.Hello), T1: ping.T1, T2: t2, T3: record.At(time.Now())}) != nil {
				return
			}
			continue
		}
		if d.store(hello.Hello, t, line) != nil {
			return
		}
		if in.Buffered() == 0 && t.answer(record.Answer{Received: d.received(hello.Hello)}) != nil {
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
			return nil, fmt.Errorf("line exceeds %d bytes", maxLine)
		}
	}
}

// attach makes t the connection of i. An older connection that is still open is
// dead.
func (d *eventServer) attach(i record.Instance, t *session) (have int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return 0, false
	}
	s := d.logs[i]
	if s == nil && d.stopped[i.Pod] {
		return 0, false // a replacement of a pod that was told to exit is not part of the run
	}
	if s == nil {
		s = &instanceLog{}
		d.logs[i] = s
	}
	if s.session != nil {
		_ = s.session.conn.Close() // a dead connection: an error changes nothing
	}
	s.session = t
	return s.received, true
}

// store appends a line to the log, if t is still the connection of i.
func (d *eventServer) store(i record.Instance, t *session, line []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.logs[i]
	if d.closed || s.session != t {
		return errors.New("the connection was replaced")
	}
	if bytes.IndexByte(line, '\n') != len(line)-1 {
		return errors.New("the line is incomplete")
	}
	if _, err := (lines{d.out, fileName(i)}).Write(line); err != nil {
		return err
	}
	s.received++
	return nil
}

// fileName is the name that precedes an instance's lines: "pod.incarnation".
func fileName(i record.Instance) string { return fmt.Sprintf("%s.%d", i.Pod, i.Incarnation) }

func (d *eventServer) received(i record.Instance) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.logs[i].received
}

func (d *eventServer) startLoad() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loadStarted = true
}

func (d *eventServer) hasLoadStarted() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loadStarted
}

// lineCounts is the number of lines of each instance.
func (d *eventServer) lineCounts() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]int{}
	for i, s := range d.logs {
		out[i.String()] = s.received
	}
	return out
}

// send sends a command to i and waits until i has closed its connection, which
// both commands end with. It returns at once if i is not connected.
func (d *eventServer) send(ctx context.Context, i record.Instance, w record.Command) error {
	d.mu.Lock()
	var t *session
	have := 0
	if s := d.logs[i]; s != nil {
		t, have = s.session, s.received
	}
	if w == record.CommandExit {
		d.stopped[i.Pod] = true
	}
	d.mu.Unlock()
	if t == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, commandTimeout)
	defer stop()
	if t.answer(record.Answer{Received: have, Command: w}) != nil {
		return nil // the connection is closed
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("telling %s to %s: still connected after %v", i, w, commandTimeout)
	}
}

// close accepts no more events.
func (d *eventServer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, s := range d.logs {
		if s.session != nil {
			_ = s.session.conn.Close() // an error changes nothing
		}
	}
}

func (t *session) answer(a record.Answer) error {
	b, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding answer: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err = t.conn.Write(append(b, '\n'))
	return err
}
