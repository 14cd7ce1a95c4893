package machine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bell rings at each of its deadlines, and echoes what it is told.
type bell struct {
	due []time.Duration
	log []string
}

func (b *bell) Step(now time.Duration, e string) []string {
	b.log = append(b.log, fmt.Sprintf("%v %s", now, e))
	if e == "" || e == "tick" {
		b.due = b.due[1:]
		return []string{"ring"}
	}
	if e == "quiet" {
		return nil
	}
	return []string{"echo " + e}
}

func (b *bell) Next() (time.Duration, bool) {
	if len(b.due) == 0 {
		return 0, false
	}
	return b.due[0], true
}

func TestDriveStepsWithTheDeadlineNotTheLateNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		b := &bell{due: []time.Duration{time.Second, 2 * time.Second, 9 * time.Second}}
		var inbox Queue[string]
		done := errors.New("enough")
		l := Loop[string, string]{
			Machine: b, Clock: SystemClock(time.Now()), Inbox: &inbox,
			Do: func(now time.Duration, a string) {
				if now == time.Second && a == "ring" {
					// A machine that is held up: the next deadline and an
					// event both pass meanwhile.
					time.Sleep(4 * time.Second)
					inbox.Put("late")
				}
				if now == 9*time.Second {
					cancel(done)
				}
			},
		}
		require.ErrorIs(t, l.Drive(ctx), done)
		require.Equal(t, []string{"1s ", "2s ", "5s late", "9s "}, b.log)
	})
}

func TestDriveTakesAnswersFromWithinTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := &bell{due: []time.Duration{time.Second}}
		var inbox Queue[string]
		l := Loop[string, string]{
			Machine: b, Clock: SystemClock(time.Now()), Inbox: &inbox,
			Tick: func() string { return "tick" },
			Do: func(_ time.Duration, a string) {
				switch a {
				case "ring":
					for i := range 100 {
						inbox.Put(fmt.Sprint(i))
					}
				case "echo 99":
					cancel()
				}
			},
		}
		require.ErrorIs(t, l.Drive(ctx), context.Canceled)
		require.Len(t, b.log, 101)
		require.Equal(t, "1s tick", b.log[0])
		require.Equal(t, "1s 99", b.log[100])
	})
}

func TestDriveWakesForEventsFromElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := &bell{}
		var inbox Queue[string]
		l := Loop[string, string]{
			Machine: b, Clock: SystemClock(time.Now()), Inbox: &inbox,
			Do: func(_ time.Duration, a string) {
				if a == "echo two" {
					cancel()
				}
			},
		}
		go func() {
			time.Sleep(time.Second)
			inbox.Put("one")
			time.Sleep(time.Second)
			inbox.Put("two")
		}()
		require.ErrorIs(t, l.Drive(ctx), context.Canceled)
		require.Equal(t, []string{"1s one", "2s two"}, b.log)
	})
}

func TestDriveDoesNothingOnceStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := &bell{due: []time.Duration{0}}
	var inbox Queue[string]
	inbox.Put("never")
	l := Loop[string, string]{Machine: b, Clock: SystemClock(time.Now()), Inbox: &inbox, Do: func(time.Duration, string) {}}
	require.ErrorIs(t, l.Drive(ctx), context.Canceled)
	require.Empty(t, b.log)
}

type bellConfig struct{ Due []time.Duration }

func newBell(c bellConfig) Machine[string, string] { return &bell{due: c.Due} }

// book is a journal of three steps, the second without actions.
func book() []Line {
	var lines []Line
	j := Journal{Write: func(l Line) { lines = append(lines, l) }}
	c := bellConfig{Due: []time.Duration{time.Second}}
	m := newBell(c)
	j.WriteConfig(c)
	trace := Trace[string, string](j)
	for i, e := range []string{"", "quiet", "x"} {
		now := time.Duration(i+1) * time.Second
		trace(now, e, m.Step(now, e))
	}
	return lines
}

func TestReplay(t *testing.T) {
	require.Len(t, book(), 1+2+1+2)
	require.NoError(t, Replay(book(), newBell))

	torn := book()
	require.NoError(t, Replay(torn[:len(torn)-1], newBell), "the last output was not written any more")

	for name, c := range map[string]struct {
		spoil func([]Line) []Line
		want  string
	}{
		"another output":     {func(l []Line) []Line { l[2].Data = []byte(`{"now":1,"actions":["rang"]}`); return l }, "got actions"},
		"an output missing":  {func(l []Line) []Line { return append(l[:2:2], l[3:]...) }, "got actions"},
		"an output too many": {func(l []Line) []Line { return append(l[:4:4], l[2], l[4], l[5]) }, "got actions"},
		"no config":          {func(l []Line) []Line { return l[1:] }, "no config"},
		"output first":       {func(l []Line) []Line { return l[2:] }, "without a preceding input"},
		"no JSON":            {func(l []Line) []Line { l[1].Data = []byte(`{`); return l }, "replaying line 1"},
		"not its event":      {func(l []Line) []Line { l[1].Data = []byte(`{"event":7}`); return l }, "event"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, Replay(c.spoil(book()), newBell), c.want)
		})
	}
}
