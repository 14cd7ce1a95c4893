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

// keeper is a collector that can be told to misbehave.
type keeper struct {
	mu     sync.Mutex
	lines  []string
	down   bool          // nobody can connect
	hangUp int           // after so many lines of a connection; 0: never
	deaf   bool          // takes lines and acknowledges none
	ahead  time.Duration // its clock
	say    record.Word
	calls  int
	begun  bool
}

func (k *keeper) dial(context.Context) (net.Conn, error) {
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

func (k *keeper) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReader(c), json.NewEncoder(c)
	if _, err := in.ReadBytes('\n'); err != nil {
		return
	}
	if out.Encode(record.Answer{Have: k.have(), Begun: k.begun}) != nil {
		return
	}
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		if _, ping, _ := record.ControlLine(line); ping != nil {
			now := record.At(time.Now().Add(k.ahead))
			if out.Encode(record.Answer{Have: k.have(), T1: ping.T1, T2: now, T3: now, Say: k.say}) != nil {
				return
			}
			continue
		}
		if !k.keep(string(line)) || out.Encode(record.Answer{Have: k.have()}) != nil {
			return
		}
		if n == k.hangUp {
			return
		}
	}
}

func (k *keeper) have() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.deaf {
		return 0
	}
	return len(k.lines)
}

func (k *keeper) keep(line string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.deaf {
		k.lines = append(k.lines, line)
	}
	return true
}

func (k *keeper) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// sending is a remote that talks to k.
func sending(k *keeper, obey func(record.Word), told func(record.Offset)) *collectorClient {
	r := newCollectorClient("nowhere:1", record.Instance{Pod: "b", Incarnation: 1})
	r.dial = k.dial
	r.begin(obey, told)
	return r
}

func ignoreWord(record.Word)     {}
func ignoreOffset(record.Offset) {}

func TestRemoteLosesNothing(t *testing.T) {
	for name, k := range map[string]*keeper{
		"a quiet network":                {},
		"a connection breaks every line": {hangUp: 1},
		"every third":                    {hangUp: 3},
		"nobody is there at first":       {down: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := sending(k, ignoreWord, ignoreOffset)
				var want []string
				for i := range 20 {
					line := fmt.Sprintf("{\"at\":%d}\n", i)
					want = append(want, line)
					_, err := r.Write([]byte(line))
					require.NoError(t, err)
					time.Sleep(30 * time.Millisecond)
				}
				k.set(func() { k.down = false })
				for r.left() > 0 {
					time.Sleep(time.Second)
				}
				require.NoError(t, r.Close())
				require.Equal(t, want, k.lines, "each once, in order")
			})
		})
	}
}

func TestRemoteNeverBlocksAndSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{down: true}
		r := sending(k, ignoreWord, ignoreOffset)
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
		require.Equal(t, lastLines, time.Since(began))
	})
}

func TestRemoteDoesNotTakeSilenceForConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sending(&keeper{deaf: true}, ignoreWord, ignoreOffset)
		_, err := r.Write([]byte("{}\n"))
		require.NoError(t, err)
		require.ErrorContains(t, r.Close(), "the last 1 lines")
	})
}

func TestRemoteAsksWhetherTheLoadHasBegun(t *testing.T) {
	for want, k := range map[bool]*keeper{false: {}, true: {begun: true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newCollectorClient("nowhere:1", record.Instance{Pod: "b", Incarnation: 1})
			r.dial = k.dial
			require.Equal(t, want, r.begun(t.Context()))
			k.set(func() { k.down = true })
			began := time.Now()
			require.True(t, r.begun(t.Context()), "nobody says that it has not")
			require.Equal(t, askFor, time.Since(began))
		})
	}
}

// A collector that is not the one of before.
func TestRemoteNoticesAForgetfulCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{hangUp: 2}
		r := sending(k, ignoreWord, ignoreOffset)
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

func TestRemoteTellsClocksApartAndObeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{ahead: 3 * time.Second, say: record.Leave}
		var words []record.Word
		var clocks []record.Offset
		r := sending(k, func(w record.Word) { words = append(words, w) }, func(o record.Offset) { clocks = append(clocks, o) })
		time.Sleep(time.Minute)
		require.NoError(t, r.Close())
		require.Equal(t, []record.Offset{{Ahead: 3_000_000}}, clocks, "told once")
		require.Len(t, words, pings)
		require.Equal(t, record.Leave, words[0])
	})
}
