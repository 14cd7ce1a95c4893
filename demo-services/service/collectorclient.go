package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
)

const (
	// maxUnsent is how many bytes of lines are kept while no collector takes
	// them. Beyond it a write fails, and the event log is incomplete.
	maxUnsent = 16 << 20
	// lastLinesTimeout is how long Close waits for the acknowledgement of the
	// last lines.
	lastLinesTimeout = 2 * time.Second
	// redialInterval is the pause between two attempts to reach the collector.
	redialInterval = 100 * time.Millisecond
	// loadBegunTimeout is how long a starting service asks whether the load has
	// begun.
	loadBegunTimeout = 3 * time.Second
	// handshakeTimeout bounds the exchange of hello and answer.
	handshakeTimeout = 5 * time.Second
	// pingCount is how often the collector's clock is read; the answer with the
	// smallest error counts.
	pingCount    = 8
	pingInterval = 50 * time.Millisecond
)

// collectorClient sends event lines to a collector over the network (see
// record.Hello for the protocol). It keeps lines until they are acknowledged,
// and sends them again over the next connection. Write never waits for the
// network.
type collectorClient struct {
	self      record.Instance
	dial      func(ctx context.Context) (net.Conn, error)
	onCommand func(record.Command)
	onOffset  func(record.Offset)

	mu    sync.Mutex
	lines [][]byte // not acknowledged yet
	first int      // index of lines[0] in the stream
	size  int      // bytes of lines
	err   error    // the collector has lost lines that it had acknowledged
	clock clockSync

	wake    chan struct{} // has room for one value: there are new lines
	stop    context.CancelFunc
	stopped chan struct{}
}

// clockSync measures the offset of the collector's clock.
type clockSync struct {
	best  *record.Offset
	pings int // sent
	pongs int // answered
}

func newCollectorClient(addr string, self record.Instance) *collectorClient {
	d := net.Dialer{Timeout: time.Second}
	return &collectorClient{
		self: self, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		dial: func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) },
	}
}

// start starts sending. onCommand gets the collector's commands, and onOffset
// the offset of its clock, once. Both are called from one goroutine and must not
// block.
func (c *collectorClient) start(onCommand func(record.Command), onOffset func(record.Offset)) {
	ctx, stop := context.WithCancel(context.Background())
	c.onCommand, c.onOffset, c.stop = onCommand, onOffset, stop
	go func() {
		defer close(c.stopped)
		for ctx.Err() == nil {
			if conn, err := c.dial(ctx); err == nil {
				c.serve(ctx, conn)
			}
			_ = ctxtime.Sleep(ctx, redialInterval) // the end of ctx ends the loop
		}
	}()
}

// loadHasBegun asks the collector whether the load has begun. If nobody answers
// in time, it assumes that it has.
func (c *collectorClient) loadHasBegun(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, loadBegunTimeout)
	defer stop()
	for {
		if conn, err := c.dial(ctx); err == nil {
			if a, err := askOnce(conn, c.self); err == nil {
				return a.LoadStarted
			}
		}
		if ctxtime.Sleep(ctx, redialInterval) != nil {
			return true
		}
	}
}

// askOnce says hello, and closes the connection after the answer.
func askOnce(conn net.Conn, self record.Instance) (record.Answer, error) {
	defer conn.Close()
	err := errors.Join(conn.SetDeadline(time.Now().Add(time.Second)), writeLine(conn, record.Hello{Hello: self}))
	if err != nil {
		return record.Answer{}, err
	}
	return readAnswerLine(bufio.NewReader(conn))
}

// Write takes one line.
func (c *collectorClient) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	if c.size+len(line) > maxUnsent {
		return 0, fmt.Errorf("no collector has taken %d bytes of events: no room for more", c.size)
	}
	c.lines = append(c.lines, append([]byte(nil), line...))
	c.size += len(line)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Close waits up to lastLinesTimeout for the acknowledgement of the last lines,
// and closes the connection. Its error tells how many lines are lost.
func (c *collectorClient) Close() error {
	timeout := time.NewTimer(lastLinesTimeout)
	defer timeout.Stop()
	poll := time.NewTicker(lastLinesTimeout / 400)
	defer poll.Stop()
	var err error
	for left := c.unacknowledged(); left > 0 && err == nil; left = c.unacknowledged() {
		select {
		case <-poll.C:
		case <-timeout.C:
			err = fmt.Errorf("sending events: the last %d lines were not acknowledged within %v", left, lastLinesTimeout)
		}
	}
	c.stop()
	<-c.stopped
	return err
}

// unacknowledged returns how many lines the collector has not acknowledged.
func (c *collectorClient) unacknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.lines)
}

// serve uses one connection until it ends.
func (c *collectorClient) serve(ctx context.Context, conn net.Conn) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // fails only if it is closed already
	in := bufio.NewReader(conn)
	first, err := c.handshake(conn, in)
	if err != nil {
		_ = conn.Close() // the next connection tries again
		return
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer hangUp()
		c.receive(in)
	})
	c.send(ctx, conn, first)
	hangUp()
	reading.Wait()
}

// handshake says hello and returns the index of the first line to be sent.
func (c *collectorClient) handshake(conn net.Conn, in *bufio.Reader) (int, error) {
	if err := errors.Join(conn.SetDeadline(time.Now().Add(handshakeTimeout)), writeLine(conn, record.Hello{Hello: c.self})); err != nil {
		return 0, err
	}
	a, err := readAnswerLine(in)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return 0, err
	}
	c.handle(a)
	return a.Received, c.checkKept(a.Received)
}

// checkKept refuses a collector that has fewer lines than it once acknowledged.
func (c *collectorClient) checkKept(have int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have < c.first {
		c.err = fmt.Errorf("the collector has %d lines of events, of %d that it had acknowledged", have, c.first)
	}
	return c.err
}

// send writes lines from index next on, with pings between them, until the
// connection ends.
func (c *collectorClient) send(ctx context.Context, conn net.Conn, next int) {
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		batch := c.linesFrom(next)
		for _, line := range batch {
			if _, err := conn.Write(line); err != nil {
				return
			}
		}
		next += len(batch)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-ping.C:
			if !c.countPing() {
				ping.Stop()
				continue
			}
			if writeLine(conn, record.Ping{T1: record.At(time.Now())}) != nil {
				return
			}
		}
	}
}

// linesFrom returns the lines from index next on.
func (c *collectorClient) linesFrom(next int) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]byte(nil), c.lines[min(max(0, next-c.first), len(c.lines)):]...)
}

// countPing counts a ping. It returns false if enough have been sent.
func (c *collectorClient) countPing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock.pings++
	return c.clock.pings <= pingCount
}

// receive handles answers until the connection ends.
func (c *collectorClient) receive(in *bufio.Reader) {
	for {
		a, err := readAnswerLine(in)
		if err != nil {
			return
		}
		c.handle(a)
	}
}

func (c *collectorClient) handle(a record.Answer) {
	now := record.At(time.Now())
	c.mu.Lock()
	c.acknowledge(a.Received)
	offset := c.clock.take(a, now)
	c.mu.Unlock()
	if offset != nil {
		c.onOffset(*offset)
	}
	if a.Command != "" {
		c.onCommand(a.Command)
	}
}

// acknowledge drops the lines that the collector has. Callers hold mu.
func (c *collectorClient) acknowledge(have int) {
	for c.first < have && len(c.lines) > 0 {
		c.size -= len(c.lines[0])
		c.lines, c.first = c.lines[1:], c.first+1
	}
}

// take takes the answer to a ping. With the last answer it returns the offset.
func (s *clockSync) take(a record.Answer, now record.Micros) *record.Offset {
	if a.T1 == 0 {
		return nil
	}
	o := record.OffsetOf(a.T1, a.T2, a.T3, now)
	if s.best == nil || o.Within < s.best.Within {
		s.best = &o
	}
	if s.pongs++; s.pongs == pingCount {
		return s.best
	}
	return nil
}

func readAnswerLine(in *bufio.Reader) (a record.Answer, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

func writeLine(conn net.Conn, v any) error {
	_, err := conn.Write(append(encode(v), '\n'))
	return err
}
