package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// maxUnsent is how many bytes of lines are kept while no collector takes
	// them; beyond it the stream is incomplete, and says so.
	maxUnsent = 16 << 20
	// lastLines is how long the last lines may take to be acknowledged.
	lastLines = 2 * time.Second
	// redial is the pause between two attempts to reach the collector.
	redial = 100 * time.Millisecond
	// askFor is how long a service that starts waits to hear whether the load
	// has begun.
	askFor = 3 * time.Second
	// pings are how many times the collector's clock is asked; the quickest
	// answer counts.
	pings     = 8
	pingEvery = 50 * time.Millisecond
	// dieCode is what SIGKILL would make of the exit code.
	dieCode = 128 + 9
)

// collectorClient is where event lines go over the network (record.Hello tells how).
// Its Write never waits for the network.
type collectorClient struct {
	self record.Instance
	dial func(ctx context.Context) (net.Conn, error)
	obey func(record.Word)
	told func(record.Offset)

	mu     sync.Mutex
	lines  [][]byte // not acknowledged yet
	first  int      // index of lines[0] in the stream
	size   int      // bytes of lines
	bell   chan struct{}
	lost   error          // the collector has forgotten lines that we have no more
	clock  *record.Offset // the best so far
	asked  int
	answer int

	stop context.CancelFunc
	over chan struct{}
}

func newCollectorClient(addr string, self record.Instance) *collectorClient {
	d := net.Dialer{Timeout: time.Second}
	return &collectorClient{
		self: self, bell: make(chan struct{}, 1), over: make(chan struct{}),
		dial: func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) },
	}
}

// begin starts the sending. obey gets the collector's words, told how far its
// clock is; both are called from one goroutine and must not block.
func (r *collectorClient) begin(obey func(record.Word), told func(record.Offset)) {
	ctx, stop := context.WithCancel(context.Background())
	r.obey, r.told, r.stop = obey, told, stop
	go func() {
		defer close(r.over)
		for ctx.Err() == nil {
			if c, err := r.dial(ctx); err == nil {
				r.converse(ctx, c)
			}
			_ = pause(ctx, redial) // an end of ctx ends the loop
		}
	}()
}

// begun asks the collector whether the load has begun, which it is as good as
// if nobody answers in time.
func (r *collectorClient) begun(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, askFor)
	defer stop()
	for {
		if c, err := r.dial(ctx); err == nil {
			a, err := ask(c, r.self)
			if err == nil {
				return a.Begun
			}
		}
		if pause(ctx, redial) != nil {
			return true
		}
	}
}

// ask is a connection for one answer.
func ask(c net.Conn, self record.Instance) (record.Answer, error) {
	defer c.Close()
	err := errors.Join(c.SetDeadline(time.Now().Add(time.Second)), write(c, record.Hello{Hello: self}))
	if err != nil {
		return record.Answer{}, err
	}
	return nextAnswer(bufio.NewReader(c))
}

// Write takes one line.
func (r *collectorClient) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost != nil {
		return 0, r.lost
	}
	if r.size+len(line) > maxUnsent {
		return 0, fmt.Errorf("no collector has taken %d bytes of events: no room for more", r.size)
	}
	r.lines = append(r.lines, append([]byte(nil), line...))
	r.size += len(line)
	r.ring()
	return len(line), nil
}

func (r *collectorClient) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// Close waits for the last lines' acknowledgement, but not long, and closes.
// Its error tells how many lines nobody has.
func (r *collectorClient) Close() error {
	late := time.NewTimer(lastLines)
	defer late.Stop()
	look := time.NewTicker(lastLines / 400)
	defer look.Stop()
	for {
		left := r.left()
		if left == 0 {
			break
		}
		select {
		case <-look.C:
			continue
		case <-late.C:
		}
		r.stop()
		<-r.over
		return fmt.Errorf("sending events: the last %d lines were not acknowledged within %v", left, lastLines)
	}
	r.stop()
	<-r.over
	return nil
}

func (r *collectorClient) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lines)
}

// converse is one connection, from hello to its end.
func (r *collectorClient) converse(ctx context.Context, c net.Conn) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })() // closing is all that it is for
	in := bufio.NewReader(c)
	first, err := r.greet(c, in)
	if err != nil {
		_ = c.Close() // the next connection tries again
		return
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer hangUp()
		r.listen(in)
	})
	r.send(ctx, c, first)
	hangUp()
	reading.Wait()
}

// greet says hello and returns the index of the first line to be sent.
func (r *collectorClient) greet(c net.Conn, in *bufio.Reader) (int, error) {
	if err := errors.Join(c.SetDeadline(time.Now().Add(5*time.Second)), write(c, record.Hello{Hello: r.self})); err != nil {
		return 0, err
	}
	a, err := nextAnswer(in)
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		return 0, err
	}
	r.take(a)
	return a.Have, r.check(a.Have)
}

// check refuses a collector that has less than it once acknowledged.
func (r *collectorClient) check(have int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if have < r.first {
		r.lost = fmt.Errorf("the collector has %d lines of events, of %d that it had acknowledged", have, r.first)
	}
	return r.lost
}

// send writes lines from index next on until the connection ends, with pings
// between them.
func (r *collectorClient) send(ctx context.Context, c net.Conn, next int) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		batch := r.from(next)
		for _, line := range batch {
			if _, err := c.Write(line); err != nil {
				return
			}
		}
		next += len(batch)
		select {
		case <-ctx.Done():
			return
		case <-r.bell:
		case <-ping.C:
			if !r.ask() {
				ping.Stop()
				continue
			}
			if write(c, record.Ping{T1: record.At(time.Now())}) != nil {
				return
			}
		}
	}
}

// from is what there is to be sent from index next on.
func (r *collectorClient) from(next int) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte(nil), r.lines[min(max(0, next-r.first), len(r.lines)):]...)
}

// ask counts a ping; false: they are enough.
func (r *collectorClient) ask() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.asked <= pings
}

// listen takes answers until the connection ends.
func (r *collectorClient) listen(in *bufio.Reader) {
	for {
		a, err := nextAnswer(in)
		if err != nil {
			return
		}
		r.take(a)
	}
}

// take is one answer.
func (r *collectorClient) take(a record.Answer) {
	now := record.At(time.Now())
	r.mu.Lock()
	for r.first < a.Have && len(r.lines) > 0 {
		r.size -= len(r.lines[0])
		r.lines, r.first = r.lines[1:], r.first+1
	}
	var clock *record.Offset
	if a.T1 != 0 {
		o := record.OffsetOf(a.T1, a.T2, a.T3, now)
		if r.clock == nil || o.Within < r.clock.Within {
			r.clock = &o
		}
		if r.answer++; r.answer == pings {
			clock = r.clock
		}
	}
	r.mu.Unlock()
	if clock != nil {
		r.told(*clock)
	}
	if a.Say != "" {
		r.obey(a.Say)
	}
}

func nextAnswer(in *bufio.Reader) (a record.Answer, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(line, &a)
}

func write(c net.Conn, v any) error {
	_, err := c.Write(append(encode(v), '\n'))
	return err
}

// obey does what the collector says.
func (s *Service) obey(w record.Word) {
	switch w {
	case record.Leave:
		s.quit(errLeave)
	case record.Die:
		// As a kill would: nothing is told, closed or answered any more.
		os.Exit(dieCode)
	}
}

// tellOffset writes down how far the collector's clock is.
func (s *Service) tellOffset(o record.Offset) {
	s.events.note(record.Event{
		Kind: record.KindClockOffset, N: int64(o.Ahead), Data: encode(o),
		Text: "within " + strconv.FormatInt(int64(o.Within), 10) + " µs of the collector's",
	})
}
