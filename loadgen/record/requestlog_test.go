package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func sampleRequests(n int) []Request {
	all := make([]Request, n)
	for i := range all {
		due := Micros(1_790_000_000_000_000 + 10_000*i)
		r := Request{Stream: "gray", Seq: uint64(i), Due: due, Sent: due + 300, FirstByte: due + 3000, Done: due + 3100,
			Status: 200, Bytes: 40, Body: "Agray[127.13.0.4] -> Bgray[127.13.0.6]", Trail: sampleTrail()}
		switch i % 5 {
		case 1:
			r = Request{Stream: "base", Seq: uint64(i), Due: due, Unsent: true}
		case 2:
			r = Request{Stream: "base", Seq: uint64(i), Due: due, Sent: due - 5, Done: due + 9, Class: Refused,
				Error:    fmt.Sprintf("dial tcp 127.0.0.1:%d: connection refused", i),
				Attempts: []Attempt{{due, "127.0.0.1:1", EOF}, {due + 1, "127.0.0.1:1", Refused}}}
		case 3:
			r.Trail, r.TrailError = nil, "it was broken"
		}
		all[i] = r
	}
	return all
}

// sampleLog is a log of frames with five requests each, and where each of
// its frames ends.
func sampleLog(t testing.TB, n int) ([]byte, []int) {
	var buf bytes.Buffer
	w, err := NewRequestWriter(&buf)
	require.NoError(t, err)
	ends := []int{buf.Len()}
	for i, r := range sampleRequests(n) {
		require.NoError(t, w.Append(&r))
		if i%5 == 4 {
			require.NoError(t, w.Flush())
			ends = append(ends, buf.Len())
		}
	}
	require.NoError(t, w.Close())
	return buf.Bytes(), append(ends, buf.Len())
}

func TestLogRoundTrip(t *testing.T) {
	log, _ := sampleLog(t, 23)
	for name, in := range map[string]io.Reader{"whole": bytes.NewReader(log), "bytewise": iotest.OneByteReader(bytes.NewReader(log))} {
		got, tail, err := ReadRequests(in)
		require.NoError(t, err, name)
		require.Equal(t, sampleRequests(23), got)
		require.Equal(t, RequestTail{Complete: true, Offset: int64(len(log))}, tail)
	}
}

func TestLogFlushesByItselfWhenFull(t *testing.T) {
	var w writes
	lw, err := NewRequestWriter(&w)
	require.NoError(t, err)
	r := Request{Stream: "s", Class: Other}
	for i := 0; len(w.all) < 3; i++ {
		require.Less(t, i, 10_000)
		r.Error = fmt.Sprintf("%0500d", i)
		require.NoError(t, lw.Append(&r))
	}
	for _, frame := range w.all[1:] {
		require.Less(t, len(frame), fullFrame+1<<10)
	}
}

func TestLogTornAtEveryByte(t *testing.T) {
	log, ends := sampleLog(t, 15)
	for cut := range log {
		good := 0
		for good+1 < len(ends) && ends[good+1] <= cut {
			good++
		}
		got, tail, err := ReadRequests(bytes.NewReader(log[:cut]))
		require.NoError(t, err, "cut at %d", cut)
		require.False(t, tail.Complete)
		require.Equal(t, int64(cut), tail.Offset+tail.Dropped)
		require.Equal(t, tail.Dropped > 0, tail.Reason != nil)
		if cut >= headerLen {
			require.Equal(t, int64(ends[good]), tail.Offset, "cut at %d", cut)
			require.Equal(t, sampleRequests(15)[:5*good], append([]Request{}, got...))
		}
	}
}

func TestLogStopsAtFirstBadFrame(t *testing.T) {
	log, ends := sampleLog(t, 15)
	bad := bytes.Clone(log)
	bad[ends[1]+frameHead+7] ^= 1
	got, tail, err := ReadRequests(bytes.NewReader(bad))
	require.NoError(t, err)
	require.Len(t, got, 5)
	require.Equal(t, int64(ends[1]), tail.Offset)
	require.Equal(t, int64(len(log)-ends[1]), tail.Dropped)
	require.ErrorContains(t, tail.Reason, "checksum")
}

func TestLogMissingFrameIsNoticed(t *testing.T) {
	log, ends := sampleLog(t, 15)
	got, tail, err := ReadRequests(bytes.NewReader(append(bytes.Clone(log[:ends[1]]), log[ends[2]:]...)))
	require.NoError(t, err)
	require.Len(t, got, 10)
	require.False(t, tail.Complete)
	require.ErrorContains(t, tail.Reason, "counts 15")
}

func TestLogWithSomethingBehindItsEnd(t *testing.T) {
	log, _ := sampleLog(t, 5)
	_, tail, err := ReadRequests(bytes.NewReader(append(log, "more"...)))
	require.NoError(t, err)
	require.False(t, tail.Complete)
	require.Equal(t, int64(4), tail.Dropped)
}

func TestLogHeader(t *testing.T) {
	_, _, err := ReadRequests(bytes.NewReader([]byte("PNG\x01 and so on")))
	require.ErrorIs(t, err, ErrNotRequestLog)
	log, _ := sampleLog(t, 5)
	log[4]++
	_, _, err = ReadRequests(bytes.NewReader(log))
	require.ErrorIs(t, err, ErrNewer)
}

func TestLogInputError(t *testing.T) {
	log, ends := sampleLog(t, 15)
	broken := errors.New("disk is broken")
	for _, cut := range []int{0, 3, ends[1], ends[1] + 3, ends[1] + 20} {
		_, _, err := ReadRequests(io.MultiReader(bytes.NewReader(log[:cut]), iotest.ErrReader(broken)))
		require.ErrorIs(t, err, broken, "cut at %d", cut)
	}
}

func TestWriterKeepsItsError(t *testing.T) {
	w, err := NewRequestWriter(&writes{})
	require.NoError(t, err)
	full := errors.New("disk is full")
	w.w = &writes{err: full}
	require.NoError(t, w.Append(&Request{Stream: "s"}))
	require.ErrorIs(t, w.Flush(), full)
	require.ErrorIs(t, w.Append(&Request{}), full)
	require.ErrorIs(t, w.Close(), full)
	_, err = NewRequestWriter(&writes{err: full})
	require.ErrorIs(t, err, full)

	w, err = NewRequestWriter(&writes{})
	require.NoError(t, err)
	require.ErrorIs(t, w.Append(&Request{Error: strings.Repeat("x", maxFrame)}), errTooBig)

	w, err = NewRequestWriter(&writes{})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Append(&Request{}), errClosed)
}

// reframe puts payload into a frame whose checksum is right, so that fuzzing
// gets behind it.
func reframe(payload []byte) []byte {
	log := append([]byte(logMagic), logVersion, 0, 0, 0)
	log = binary.LittleEndian.AppendUint32(log, uint32(len(payload)))
	log = binary.LittleEndian.AppendUint32(log, crc32.Checksum(payload, castagnoli()))
	return append(log, payload...)
}

func FuzzPayload(f *testing.F) {
	log, ends := sampleLog(f, 10)
	f.Add(log[ends[0]+frameHead : ends[1]])
	f.Add([]byte{kindRecords, 0, 0})
	f.Add([]byte{kindRecords, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{kindEnd, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		first, tail, err := ReadRequests(bytes.NewReader(reframe(payload)))
		require.NoError(t, err)
		if tail.Reason != nil {
			require.Empty(t, first)
			return
		}
		var buf bytes.Buffer
		w, err := NewRequestWriter(&buf)
		require.NoError(t, err)
		for i := range first {
			require.NoError(t, w.Append(&first[i]))
		}
		require.NoError(t, w.Close())
		second, tail, err := ReadRequests(&buf)
		require.NoError(t, err)
		require.True(t, tail.Complete)
		require.Equal(t, first, second)
	})
}

func FuzzLog(f *testing.F) {
	log, _ := sampleLog(f, 10)
	f.Add(log)
	f.Add(log[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, tail, err := ReadRequests(bytes.NewReader(b))
		if err == nil {
			require.Equal(t, int64(len(b)), tail.Offset+tail.Dropped)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, keep := range map[string]bool{"bare": false, "trails": true} {
		reqs := sampleRequests(1000)
		var buf bytes.Buffer
		w, err := NewRequestWriter(&buf)
		require.NoError(b, err)
		for i := range reqs {
			if !keep {
				reqs[i].Trail, reqs[i].Attempts, reqs[i].Error = nil, nil, ""
			}
			require.NoError(b, w.Append(&reqs[i]))
		}
		require.NoError(b, w.Close())
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, _, err := ReadRequests(bytes.NewReader(buf.Bytes()))
				if err != nil || len(got) != 1000 {
					b.Fatal(err, len(got))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
		})
	}
}

func TestShift(t *testing.T) {
	r := Request{Due: 10, Sent: 20, Done: 30, Attempts: []Attempt{{At: 25}}}
	r.Trail = Trail{{Call: &Call{At: 26}}}
	r.Shift(-5)
	require.Equal(t, Request{
		Due: 5, Sent: 15, Done: 25, Attempts: []Attempt{{At: 20}}, Trail: Trail{{Call: &Call{At: 26}}},
	}, r, "what did not happen has no instant, and the trail is others'")
}
