package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// progress shows the progress of a run on standard error: a live bar on a
// terminal, otherwise a line every few seconds. show must not block for long.
type progress interface {
	show(run.Progress)
	done()
}

func newProgress(w io.Writer, terminal bool) progress {
	if terminal {
		return newBar(w)
	}
	return &lines{w: w, every: 5 * time.Second}
}

// lines prints a line when the phase changes, for each note, and every few
// seconds during the run.
type lines struct {
	w     io.Writer
	every time.Duration
	phase string
	last  time.Duration
}

func (l *lines) show(p run.Progress) {
	if p.Note != "" {
		fmt.Fprintf(l.w, "%7.1fs  %s\n", p.Elapsed.Seconds(), p.Note)
	}
	changed := p.Phase != l.phase
	if changed {
		l.last = p.Elapsed
	}
	if !changed && (p.Phase != "running" || p.Elapsed-l.last < l.every) {
		return
	}
	l.phase, l.last = p.Phase, max(l.last, p.Elapsed)
	if p.Phase == "running" {
		fmt.Fprintf(l.w, "%7.1fs of %.0fs  %s\n", p.Elapsed.Seconds(), p.Total.Seconds(), loadSummaryLine(p.Load))
		return
	}
	fmt.Fprintf(l.w, "%s%s\n", p.Phase, missingInstances(p.Missing))
}

func (l *lines) done() {}

// missingInstances names the first of the instances that the run waits for.
func missingInstances(missing []string) string {
	switch len(missing) {
	case 0:
		return ""
	case 1:
		return ": " + missing[0]
	}
	return fmt.Sprintf(": %s, and %d more", missing[0], len(missing)-1)
}

// loadSummaryLine returns "base 500 sent, 0 failed · gray 500 sent, 0 failed".
func loadSummaryLine(load []run.StreamCount) string {
	var parts []string
	for _, s := range load {
		part := fmt.Sprintf("%s %d sent, %d failed", s.Stream, s.Sent, failedCount(s))
		if s.Unsent > 0 {
			part += fmt.Sprintf(", %d unsent", s.Unsent)
		}
		parts = append(parts, part+failedByClass(s.Failed))
	}
	if len(parts) == 0 {
		return "load is starting"
	}
	return strings.Join(parts, " · ")
}

func failedCount(s run.StreamCount) (n uint64) {
	for _, k := range s.Failed {
		n += k
	}
	return n
}

func failedByClass(failed map[record.Class]uint64) string {
	var parts []string
	for class, n := range failed {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", class, n))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return " (" + strings.Join(parts, ", ") + ")"
}

// bar is the live bar.
type bar struct {
	pool   *mpb.Progress
	bar    *mpb.Bar
	w      io.Writer
	status atomic.Value // string
}

func newBar(w io.Writer) *bar {
	b := &bar{w: w, pool: mpb.New(mpb.WithOutput(w), mpb.WithWidth(32), mpb.WithRefreshRate(100*time.Millisecond))}
	b.status.Store("starting")
	b.bar = b.pool.AddBar(1,
		mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + b.status.Load().(string) })))
	return b
}

func (b *bar) show(p run.Progress) {
	if p.Note != "" {
		fmt.Fprintf(b.pool, "%7.1fs  %s\n", p.Elapsed.Seconds(), p.Note)
	}
	if p.Phase != "running" {
		b.status.Store(p.Phase + missingInstances(p.Missing))
		return
	}
	b.bar.SetTotal(p.Total.Milliseconds()+1, false)
	b.bar.SetCurrent(p.Elapsed.Milliseconds())
	b.status.Store(fmt.Sprintf("%.0f/%.0fs  %s", p.Elapsed.Seconds(), p.Total.Seconds(), loadSummaryLine(p.Load)))
}

func (b *bar) done() {
	b.bar.Abort(true)
	b.pool.Wait()
}
