package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// fakeCollector is a collector that can be told to misbehave.
type fakeCollector struct {
	mu     sync.Mutex
	lines  []string
	down   bool          // nobody can connect
	hangUp int           // after so many lines of a connection; 0: never
	deaf   bool          // takes lines and does not acknowledge them
	ahead  time.Duration // its clock
	say    record.Command
	calls  int
	begun  bool
}

func (k *fakeCollector) dial(context.Context) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return nil, errors.New("nobody is there")
	}
	k.calls++
	here, there := net.Pipe()
	go k.serve(there)
	return here, nil
}

func (k *fakeCollector) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReader(c), json.NewEncoder(c)
	if _, err := in.ReadBytes('\n'); err != nil {
		return
	}
	if out.Encode(record.Answer{Received: k.have(), LoadStarted: k.begun}) != nil {
		return
	}
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if _, ping, _ := record.ControlLine(line); ping != nil {
			now := record.At(time.Now().Add(k.ahead))
			if out.Encode(record.Answer{Received: k.have(), T1: ping.T1, T2: now, T3: now, Command: k.say}) != nil {
				return
			}
			continue
		}
		if !k.keep(string(line)) || out.Encode(record.Answer{Received: k.have()}) != nil {
			return
		}
		if n == k.hangUp {
			return
		}
	}
}

func (k *fakeCollector) have() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.deaf {
		return 0
	}
	return len(k.lines)
}

func (k *fakeCollector) keep(line string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.deaf {
		k.lines = append(k.lines, line)
	}
	return true
}

func (k *fakeCollector) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// startClient returns a client that is connected to k.
func startClient(k *fakeCollector, onCommand func(record.Command), onOffset func(record.Offset)) *collectorClient {
	r := newCollectorClient("nowhere:1", record.Instance{Pod: "b", Incarnation: 1})
	r.dial = k.dial
	r.start(onCommand, onOffset)
	return r
}

func ignoreCommand(record.Command) {}
func ignoreOffset(record.Offset)   {}

func TestCollectorClientLosesNothing(t *testing.T) {
	for name, k := range map[string]*fakeCollector{
		"a quiet network":                {},
		"a connection breaks every line": {hangUp: 1},
		"every third":                    {hangUp: 3},
		"nobody is there at first":       {down: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startClient(k, ignoreCommand, ignoreOffset)
				var want []string
				for i := range 20 {
					line := fmt.Sprintf("{\"at\":%d}\n", i)
					want = append(want, line)
					_, err := r.Write([]byte(line))
					require.NoError(t, err)
					time.Sleep(30 * time.Millisecond)
				}
				k.set(func() { k.down = false })
				for r.unacknowledged() > 0 {
					time.Sleep(time.Second)
				}
				require.NoError(t, r.Close())
				require.Equal(t, want, k.lines, "each once, in order")
			})
		})
	}
}

func TestCollectorClientNeverBlocksAndReportsWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeCollector{down: true}
		r := startClient(k, ignoreCommand, ignoreOffset)
		began := time.Now()
		line := make([]byte, 1<<20)
		var err error
		n := 0
		for ; err == nil; n++ {
			_, err = r.Write(line)
		}
		require.ErrorContains(t, err, "no room for more")
		require.Equal(t, maxUnsent>>20, n-1)
		require.Zero(t, time.Since(began), "nobody waited")
		err = r.Close()
		require.ErrorContains(t, err, "the last 16 lines were not acknowledged within 2s")
		require.Equal(t, lastLinesTimeout, time.Since(began))
	})
}

func TestCollectorClientNeedsAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startClient(&fakeCollector{deaf: true}, ignoreCommand, ignoreOffset)
		_, err := r.Write([]byte("{}\n"))
		require.NoError(t, err)
		require.ErrorContains(t, r.Close(), "the last 1 lines")
	})
}

func TestCollectorClientAsksWhetherTheLoadHasBegun(t *testing.T) {
	for want, k := range map[bool]*fakeCollector{false: {}, true: {begun: true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newCollectorClient("nowhere:1", record.Instance{Pod: "b", Incarnation: 1})
			r.dial = k.dial
			require.Equal(t, want, r.loadHasBegun(t.Context()))
			k.set(func() { k.down = true })
			began := time.Now()
			require.True(t, r.loadHasBegun(t.Context()), "nobody says that it has not")
			require.Equal(t, loadBegunTimeout, time.Since(began))
		})
	}
}

// A collector that is not the one of before.
func TestCollectorClientDetectsACollectorThatLostLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeCollector{hangUp: 2}
		r := startClient(k, ignoreCommand, ignoreOffset)
		for range 2 {
			_, err := r.Write([]byte("{}\n"))
			require.NoError(t, err)
		}
		synctest.Wait()
		k.set(func() { k.lines = nil })
		time.Sleep(time.Second)
		_, err := r.Write([]byte("{}\n"))
		require.ErrorContains(t, err, "has 0 lines of events, of 2")
		require.NoError(t, r.Close())
	})
}

func TestCollectorClientReportsClockOffsetAndCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &fakeCollector{ahead: 3 * time.Second, say: record.CommandExit}
		var commands []record.Command
		var clocks []record.Offset
		r := startClient(k, func(w record.Command) { commands = append(commands, w) }, func(o record.Offset) { clocks = append(clocks, o) })
		time.Sleep(time.Minute)
		require.NoError(t, r.Close())
		require.Equal(t, []record.Offset{{Ahead: 3_000_000}}, clocks, "told once")
		require.Len(t, commands, pingCount)
		require.Equal(t, record.CommandExit, commands[0])
	})
}
