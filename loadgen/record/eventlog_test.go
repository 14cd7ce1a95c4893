package record

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// writes keeps each Write apart.
type writes struct {
	mu  sync.Mutex
	all [][]byte
	err error
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, bytes.Clone(b))
	return len(b), w.err
}

func TestEventIsOneWriteOfOneLine(t *testing.T) {
	var w writes
	ew := NewEventWriter(&w)
	want := []Event{
		{At: 1, Instance: Instance{"b-1", 1}, Text: "two\nlines", Payload: Starting{}},
		{At: 2, Service: "b", Payload: MachineInput{Machine: "m", Data: []byte(`{"x":[1]}`)}},
		{At: 3, Payload: End{}},
	}
	for _, e := range want {
		require.NoError(t, ew.Write(e))
	}
	require.Len(t, w.all, len(want))
	for _, line := range w.all {
		require.Equal(t, len(line)-1, bytes.IndexByte(line, '\n'))
	}
	got, tail, err := ReadEvents(bytes.NewReader(bytes.Join(w.all, nil)))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, EventTail{Complete: true, Ends: 1}, tail)
}

func TestEventWriterTellsOfFailure(t *testing.T) {
	full := errors.New("disk is full")
	err := NewEventWriter(&writes{err: full}).Write(Event{Payload: Ready{}})
	require.ErrorIs(t, err, full)
	require.ErrorContains(t, NewEventWriter(&writes{}).Write(Event{Payload: MachineInput{Data: []byte("{")}}), `encoding event "machine-input"`)
}

func TestEventWriterIsSafeForManyGoroutines(t *testing.T) {
	var (
		buf bytes.Buffer // not safe itself
		ew  = NewEventWriter(&buf)
		wg  sync.WaitGroup
	)
	for range 8 {
		wg.Go(func() {
			for range 50 {
				require.NoError(t, ew.Write(Event{At: 1, Payload: Ready{}, Text: strings.Repeat("x", 100)}))
			}
		})
	}
	wg.Wait()
	got, tail, err := ReadEvents(&buf)
	require.NoError(t, err)
	require.Len(t, got, 400)
	require.Equal(t, EventTail{}, tail)
}

func TestReadEventsAtEveryCut(t *testing.T) {
	whole := `{"at":1,"kind":"ready"}` + "\n" + `{"at":2,"kind":"end"}` + "\n"
	for cut := range len(whole) + 1 {
		got, tail, err := ReadEvents(strings.NewReader(whole[:cut]))
		require.NoError(t, err)
		wantBoth := cut >= len(whole)-1 // only the line's end is missing
		require.Equal(t, wantBoth, tail.Complete, "cut at %d", cut)
		switch {
		case cut == 0, cut == 23, cut == 24, wantBoth:
			require.Zero(t, tail.Lines, "cut at %d", cut)
		default:
			require.Equal(t, 1, tail.Lines, "cut at %d", cut)
			require.Positive(t, tail.Bytes)
		}
		require.LessOrEqual(t, len(got), 2)
	}
}

func TestReadEventsPassesOverNonsense(t *testing.T) {
	in := "nonsense\n" + `{"at":1,"kind":"ready"}` + "\n\n[]\n" + `{"at":2}` + "\n"
	got, tail, err := ReadEvents(strings.NewReader(in))
	require.NoError(t, err)
	require.Equal(t, []Event{{At: 1, Payload: Ready{}}}, got)
	require.Equal(t, EventTail{Lines: 3, Bytes: 9 + 3 + 9}, tail)
}

func FuzzReadEvents(f *testing.F) {
	f.Add([]byte(`{"at":1,"kind":"ready","instance":"b/1"}` + "\n" + `{"at":2,"kind":"end"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		events, tail, err := ReadEvents(bytes.NewReader(b))
		require.NoError(t, err)
		require.LessOrEqual(t, tail.Bytes, int64(len(b)))
		var buf bytes.Buffer
		ew := NewEventWriter(&buf)
		for _, e := range events {
			require.NoError(t, ew.Write(e))
		}
		again, tail2, err := ReadEvents(&buf)
		require.NoError(t, err)
		require.Len(t, again, len(events))
		require.Zero(t, tail2.Lines)
	})
}
