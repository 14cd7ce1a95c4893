package html

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"zeroloss/reports/internal/reporttest"
)

func TestWarmupIsOnThePageWhereThereWasOne(t *testing.T) {
	text := func(n int) string { return string(rendered(t, reporttest.Report(reporttest.Options{Warmups: n}))) }
	require.NotContains(t, text(0), `id="warmups"`)
	require.NotContains(t, text(0), `href="#warmups"`)

	page := text(5)
	require.Contains(t, page, `href="#warmups"`)
	require.Contains(t, page, "quadratic as declared; linear and cubic ruled out")
	require.Contains(t, page, "not quadratic as declared")
	require.Contains(t, page, "not measured: only 42 % of its window was observed")
	require.Contains(t, page, "not measured: it was the only instance")
	require.Contains(t, page, "traffic does not follow the declared curve (p ")
	require.Contains(t, page, "of its calls failed")
	require.Equal(t, 5+1, strings.Count(page, `class="wu wide"`), "and the propagation delay")
	require.Equal(t, 5+1, strings.Count(page, `class="wu narrow"`))
	require.Less(t, len(page)-len(text(0)), 5*80_000, "a picture is no larger than it says")
}

// TestDrawingIsWellFormed: the SVG is written by hand, with names from the run.
func TestDrawingIsWellFormed(t *testing.T) {
	for _, o := range []reporttest.Options{{Warmups: 5}, {Warmups: 3, Duration: 10 * time.Minute}, {Warmups: 3, Duration: 12 * time.Second}} {
		for _, w := range document(t, reporttest.Report(o)).Warmups {
			w.Instance, w.Conclusion = `c<"&'>-1`, `<b>`
			for _, s := range []sheet{wideSheet(), narrowSheet()} {
				picture := string(drawWarmup(w, s))
				require.NotContains(t, picture, "NaN")
				require.NotContains(t, picture, "Inf")
				d := xml.NewDecoder(strings.NewReader(picture))
				for {
					_, err := d.Token()
					if errors.Is(err, io.EOF) {
						break
					}
					require.NoError(t, err)
				}
			}
		}
	}
}

func TestPathPausesAndDots(t *testing.T) {
	d := newDrawing(10, 10, "x", "y")
	no := math.NaN()
	d.path("p", []float64{0, 1, 2, 3, 4, 5}, []float64{no, 1, no, 3, 4.25, no})
	require.Contains(t, string(d.done()), `<path class="p" d="M1 1h0M3 3L4 4.2"/>`)
	d = newDrawing(10, 10, "x", "y")
	d.path("p", []float64{0}, []float64{no})
	require.NotContains(t, string(d.done()), "<path")
}

const (
	wide    = `getComputedStyle(document.querySelector('.wu.wide')).display`
	narrow  = `getComputedStyle(document.querySelector('.wu.narrow')).display`
	stroke  = `getComputedStyle(document.querySelector('.wu.wide .wu-own')).stroke`
	section = `(e => (e.scrollIntoView(), true))(document.getElementById('warmups'))`
)

func TestWarmupInBrowser(t *testing.T) {
	chrome := browser(t)
	r := reporttest.Report(reporttest.Options{Warmups: 5})

	t.Run("wide, and dark", func(t *testing.T) {
		b := open(chrome, t, r, 1280, 900, colourScheme("light"))
		require.Equal(t, "block", eval[string](b, wide))
		require.Equal(t, "none", eval[string](b, narrow))
		light := eval[string](b, stroke)
		errors, requests := b.messages()
		require.Empty(t, errors)
		require.Empty(t, requests)
		b.saveScreenshot("warmup-desktop")
		dark := open(chrome, t, r, 1280, 900, colourScheme("dark"))
		require.NotEqual(t, light, eval[string](dark, stroke))
		dark.saveScreenshot("warmup-dark")
	})

	t.Run("on a phone", func(t *testing.T) {
		b := open(chrome, t, r, 375, 812)
		require.Equal(t, "none", eval[string](b, wide))
		require.Equal(t, "block", eval[string](b, narrow))
		require.LessOrEqual(t, eval[int](b, `document.documentElement.scrollWidth`), 375)
		require.GreaterOrEqual(t, eval[float64](b, `document.querySelector('.wu.narrow text').getBoundingClientRect().height`), 11.0, "words can be read")
		b.saveScreenshot("warmup-phone")
	})

	t.Run("a bin tells its numbers where the pointer rests", func(t *testing.T) {
		b := open(chrome, t, r, 1280, 900)
		eval[bool](b, section)
		title := eval[string](b, `(e => { const r = e.getBoundingClientRect();
			return document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2).querySelector('title').textContent })(document.querySelectorAll('.wu.wide .wu-tip')[20])`)
		require.Regexp(t, `^\+\d+\.\d+ s to \+\d+\.\d+ s: \d+ of \d+ requests, expected [\d.]+ \(\d+ to \d+\), weight \d+ %`, title)
	})

	t.Run("without a script", func(t *testing.T) {
		b := open(chrome, t, r, 1280, 900, noScript())
		text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("#warmups")))
		require.NoError(t, err)
		require.Contains(t, text, "quadratic as declared")
		require.Contains(t, text, "requests per second")
	})

	t.Run("on paper", func(t *testing.T) {
		out := printed(open(chrome, t, r, 1280, 900, colourScheme("dark")))
		require.True(t, bytes.HasPrefix(out, []byte("%PDF-")))
		if dir := os.Getenv("ZEROLOSS_KEEP"); dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "warmup-print.pdf"), out, 0o644))
		}
	})
}

// The propagation delay has a picture for each run, on one axis.
func TestPropagationIsOnThePage(t *testing.T) {
	r := reporttest.Report(reporttest.Options{})
	alone := string(rendered(t, r))
	require.Contains(t, alone, "Subscribers received changes after")
	require.Contains(t, alone, `class="wu-bar-0"`)
	require.NotContains(t, alone, `class="wu-bar-1"`)
	r.CompareWith = reporttest.Report(reporttest.Options{})
	r.CompareWith.Meta.Runtime = "kube"
	both := string(rendered(t, r))
	require.Contains(t, both, "Nacos (kube)")
	require.Contains(t, both, `class="wu-bar-1"`)
	r.Ledger.Propagations, r.CompareWith = nil, nil
	require.NotContains(t, string(rendered(t, r)), "Subscribers received changes after")
}
