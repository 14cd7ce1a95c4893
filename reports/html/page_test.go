package html

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"zeroloss/internal/format"
	"zeroloss/reports/internal/reporttest"
)

const (
	background   = `getComputedStyle(document.body).backgroundColor`
	rows         = `document.querySelectorAll('#list .loss').length`
	counted      = `document.getElementById('count').textContent`
	canvasPixels = `document.getElementById('tl-canvas').toDataURL()`
)

// filterBy types text into the filter.
func filterBy(b *tab, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(q => { q.value = %q; q.dispatchEvent(new Event('input')); return true })(document.getElementById('q'))`, text))
}

func TestPageInBrowser(t *testing.T) {
	chrome := browser(t)

	t.Run("shows the verdict, asks for nothing and complains of nothing", func(t *testing.T) {
		for name, o := range map[string]reporttest.Options{
			"pass": {Masked: true}, "fail": {GrayLost: 3}, "invalid": {Invalid: true, Masked: true}, "short": {Duration: 5 * time.Second}, "none": {Lost: reporttest.None},
		} {
			r := reporttest.Report(o)
			b := open(chrome, t, r, 1280, 900)
			require.Contains(t, eval[string](b, `document.getElementById('verdict').innerText.toLowerCase()`), string(r.Result.Verdict))
			b.waitForFrame()
			errors, requests := b.messages()
			require.Empty(t, errors, name)
			require.Empty(t, requests, name)
			b.saveScreenshot("desktop-" + name)
		}
	})

	t.Run("its policy stops a request that is tried all the same", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{}), 800, 600)
		require.Equal(t, "blocked", eval[string](b, `new Promise(done => {
			document.addEventListener('securitypolicyviolation', () => done('blocked'));
			const i = new Image(); i.onload = () => done('loaded'); i.src = 'http://127.0.0.1:9/x.png'; })`))
	})

	t.Run("filter", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{}), 1280, 900)
		require.Equal(t, 27, eval[int](b, rows))
		filterBy(b, "timeout-first")
		require.Equal(t, 1, eval[int](b, rows))
		require.Equal(t, "1 of 27 match", eval[string](b, counted))
		filterBy(b, "refused -a-7c9f8d-1")
		require.Less(t, eval[int](b, rows), 25)
		filterBy(b, "no such thing")
		require.Equal(t, 0, eval[int](b, rows))
		filterBy(b, "")
		require.Equal(t, 27, eval[int](b, rows))
	})

	t.Run("its script writes numbers and durations as Go does", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{}), 1280, 900)
		for _, d := range []time.Duration{0, 90 * time.Microsecond, 3100 * time.Microsecond, 35400 * time.Microsecond, 9960 * time.Microsecond, 548 * time.Millisecond, 4200 * time.Millisecond, 30 * time.Second} {
			require.Equal(t, format.Duration(d), eval[string](b, fmt.Sprintf(`zl.took(%g)`, format.Millis(d))))
			require.Equal(t, format.Offset(-d-time.Second), eval[string](b, fmt.Sprintf(`zl.at(%g)`, format.Millis(-d-time.Second))))
		}
		for _, n := range []int{0, 999, 7000, 1234567} {
			require.Equal(t, format.Int(n), eval[string](b, fmt.Sprintf(`zl.int(%d)`, n)))
		}
	})

	t.Run("fits a phone", func(t *testing.T) {
		for name, o := range map[string]reporttest.Options{"pass": {Masked: true}, "invalid": {Invalid: true}, "long": {Duration: 10 * time.Minute, Lost: 10_000}} {
			b := open(chrome, t, reporttest.Report(o), 375, 812)
			require.LessOrEqual(t, eval[int](b, `document.documentElement.scrollWidth`), 375, name)
			b.saveScreenshot("phone-" + name)
		}
	})

	t.Run("dark by the system, and by choice", func(t *testing.T) {
		r := reporttest.Report(reporttest.Options{Masked: true})
		light := eval[string](open(chrome, t, r, 1280, 900, colourScheme("light")), background)
		b := open(chrome, t, r, 1280, 900, colourScheme("dark"))
		dark := eval[string](b, background)
		require.NotEqual(t, light, dark)
		b.waitForFrame()
		before := eval[string](b, canvasPixels)
		b.saveScreenshot("dark")
		b.run(chromedp.Click(chromedp.ID("theme")))
		require.Equal(t, light, eval[string](b, background))
		b.waitForFrame()
		require.NotEqual(t, before, eval[string](b, canvasPixels), "the time line keeps the old colours")
	})

	t.Run("ten thousand losses", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{Duration: 10 * time.Minute, Lost: 10_000}), 1280, 900)
		require.Equal(t, "10,000 lost", eval[string](b, counted))
		require.Equal(t, 200, eval[int](b, rows), "rows beyond the first page are not built")
		filterBy(b, "unexplained")
		require.Equal(t, "10 of 10,000 match", eval[string](b, counted))
		filterBy(b, "")
		last := eval[string](b, `(l => l.stream + '-' + l.seq)(zl.losses[zl.losses.length - 1])`)
		eval[string](b, fmt.Sprintf(`location.hash = %q`, last))
		b.run(chromedp.WaitReady(chromedp.CSS("#" + last + ".hit")))
		b.run(chromedp.WaitReady(chromedp.CSS("#" + last + "[open] dl")))
	})

	t.Run("nothing moves while it loads", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{}), 1280, 900)
		b.waitForFrame()
		shift := eval[float64](b, `new Promise(done => {
			let sum = 0;
			new PerformanceObserver(l => { for (const e of l.getEntries()) sum += e.value; }).observe({type: 'layout-shift', buffered: true});
			requestAnimationFrame(() => requestAnimationFrame(() => done(sum))); })`)
		require.Less(t, shift, 0.01)
	})

	t.Run("time line by key and pointer", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{Masked: true}), 1280, 900)
		all := eval[string](b, canvasPixels)
		b.run(chromedp.Focus(chromedp.ID("tl")), chromedp.KeyEvent("+"))
		b.waitForFrame()
		closer := eval[string](b, canvasPixels)
		require.NotEqual(t, all, closer)
		b.run(chromedp.KeyEvent(kb.ArrowLeft))
		b.waitForFrame()
		require.NotEqual(t, closer, eval[string](b, canvasPixels))
		b.run(chromedp.KeyEvent("0"))
		b.waitForFrame()
		require.Equal(t, all, eval[string](b, canvasPixels))

		eval[bool](b, `(c => { const r = c.getBoundingClientRect(); c.dispatchEvent(new PointerEvent('pointermove', {clientX: r.left + 300, clientY: r.top + 30})); return true })(document.getElementById('tl-canvas'))`)
		tip := eval[string](b, `document.getElementById('tl-tip').innerText`)
		require.Contains(t, tip, "spring-cloud-zuul")
		require.Contains(t, tip, "serving")

		b.run(chromedp.Click(`//button[text()='Release of b-7c9f8d-2']`))
		b.waitForFrame()
		b.saveScreenshot("release")
	})

	t.Run("without a script the numbers are there", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{}), 1280, 900, noScript())
		text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
		require.NoError(t, err)
		require.Contains(t, text, "base lost 27 of 7,000, gray lost 0 of 7,000.")
		require.Contains(t, text, "had deregistered 528 ms earlier")
		require.NotContains(t, text, "Copy as table")
	})

	t.Run("on paper", func(t *testing.T) {
		b := open(chrome, t, reporttest.Report(reporttest.Options{Duration: 10 * time.Minute, Lost: 10_000}), 1280, 900, colourScheme("dark"))
		eval[bool](b, `dispatchEvent(new Event('beforeprint'))`)
		require.Equal(t, printCap, eval[int](b, rows))
		require.Equal(t, "Printed: the first 500 of 10,000.", eval[string](b, `document.getElementById('print-note').textContent`))
		eval[bool](b, `dispatchEvent(new Event('afterprint'))`)
		require.Equal(t, 200, eval[int](b, rows))
		out := printed(open(chrome, t, reporttest.Report(reporttest.Options{Masked: true}), 1280, 900, colourScheme("dark")))
		require.True(t, bytes.HasPrefix(out, []byte("%PDF-")))
		if dir := os.Getenv("ZEROLOSS_KEEP"); dir != "" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "print.pdf"), out, 0o644))
		}
	})
}
