package html

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	paper "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"zeroloss/reports"
)

// browser starts one headless Chromium for a test and its subtests.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no chromium, chromium-browser or google-chrome in PATH")
	}
	alloc, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx), "starting %s", path)
	return ctx
}

// tab is one page opened in the browser, with its error messages and its requests.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	errors   []string
	requests []string
}

// open shows the page of r in a window of width by height pixels, after the given
// actions.
func open(browser context.Context, t *testing.T, r *reports.Report, width, height int64, before ...action) *tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, rendered(t, r), 0o644))
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	b := &tab{t: t}
	require.NoError(t, chromedp.Listen(ctx, b.listen))
	b.ctx, cancel = context.WithTimeout(ctx, 2*time.Minute) // for a browser that hangs; no limit on speed
	t.Cleanup(cancel)
	b.run(send(network.Enable, network.EnableParams{}), chromedp.EmulateViewport(width, height))
	b.run(before...)
	b.run(chromedp.Navigate("file://" + file))
	return b
}

type action = chromedp.Action[chromedp.Void]

// send is a protocol command as an action without a result.
func send[P, R any](c cdp.Command[P, R], params P) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, fmt.Sprintf("exception: %+v", *e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, "console."+e.Type.String())
	case *log.EventEntryAdded:
		b.errors = append(b.errors, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, "data:") && !strings.HasSuffix(u, "/report.html") {
			b.requests = append(b.requests, u)
		}
	}
}

// messages returns the error messages and the requests of the page.
func (b *tab) messages() (errors, requests []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors), slices.Clone(b.requests)
}

func (b *tab) run(actions ...action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// eval runs js, awaits it if it is a promise, and returns its value.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, js)
	return v
}

// waitForFrame waits until pending changes are drawn.
func (b *tab) waitForFrame() {
	b.t.Helper()
	eval[bool](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

// saveScreenshot writes a picture of the page into the folder ZEROLOSS_KEEP, if set.
func (b *tab) saveScreenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("ZEROLOSS_KEEP")
	if dir == "" {
		return
	}
	b.waitForFrame()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// colourScheme sets the preference of the system: light or dark.
func colourScheme(s string) action {
	return send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s}}})
}

// noScript disables the scripts of the page.
func noScript() action {
	return send(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// printed returns the page as a PDF.
func printed(b *tab) []byte {
	b.t.Helper()
	yes := true
	res, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (paper.PrintToPDFResult, error) {
		return cdp.Call(ctx, t, paper.PrintToPDF, paper.PrintToPDFParams{PreferCSSPageSize: &yes})
	})
	require.NoError(b.t, err)
	return res.Data
}
