package chart

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

func pictures() map[string]func(io.Writer, *present.Document) error {
	return map[string]func(io.Writer, *present.Document) error{"timeline": Timeline, "loss": Loss, "qps": QPS, "warmup": Warmup, "propagation": Propagation}
}

func samples() map[string]reporttest.Options {
	return map[string]reporttest.Options{
		"offline": {Masked: true}, "fail": {GrayLost: 3}, "invalid": {Invalid: true}, "short": {Duration: 5 * time.Second},
		"long": {Duration: 10 * time.Minute, Lost: 10_000}, "none": {Lost: reporttest.None},
		"warmup": {Warmups: 1}, "warmups": {Warmups: 3}, "cut": {Warmups: 1, Duration: 12 * time.Second},
	}
}

func document(t *testing.T, r *reports.Report) *present.Document {
	t.Helper()
	d, err := present.New(r)
	require.NoError(t, err)
	return d
}

// drawPicture draws a picture, and writes it into the folder ZEROLOSS_KEEP, if set.
func drawPicture(t *testing.T, name, of string, r *reports.Report) image.Image {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, pictures()[name](&b, document(t, r)))
	if dir := os.Getenv("ZEROLOSS_KEEP"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-"+of+".png"), b.Bytes(), 0o644))
	}
	im, err := png.Decode(&b)
	require.NoError(t, err)
	return im
}

// pixelsOf counts the pixels of a colour, with a tolerance for smoothed edges.
func pixelsOf(im image.Image, c palette.Colour) int {
	want, n := hex(c, 1), 0
	near := func(a uint32, b uint8) bool { d := int(a>>8) - int(b); return d >= -3 && d <= 3 }
	for y := range Height {
		for x := range Width {
			r, g, b, _ := im.At(x, y).RGBA()
			if near(r, want.R) && near(g, want.G) && near(b, want.B) {
				n++
			}
		}
	}
	return n
}

func TestNothingSpillsOverTheEdge(t *testing.T) {
	white := color.RGBAModel.Convert(color.White)
	for of, o := range samples() {
		r := reporttest.Report(o)
		if of == "warmup" {
			r.CompareWith = reporttest.Report(reporttest.Options{})
			r.CompareWith.Meta.Runtime = "kube"
		}
		for name := range pictures() {
			im := drawPicture(t, name, of, r)
			require.Equal(t, image.Rect(0, 0, Width, Height), im.Bounds())
			for x := range Width {
				for _, y := range []int{0, 9, Height - 9, Height - 1} {
					require.Equal(t, white, color.RGBAModel.Convert(im.At(x, y)), "%s of %s at %d, %d", name, of, x, y)
				}
			}
			for y := range Height {
				for _, x := range []int{0, 12, Width - 12, Width - 1} {
					require.Equal(t, white, color.RGBAModel.Convert(im.At(x, y)), "%s of %s at %d, %d", name, of, x, y)
				}
			}
		}
	}
}

func TestVerdictIsThere(t *testing.T) {
	for verdict, o := range map[string]reporttest.Options{"pass": {}, "fail": {GrayLost: 3}, "invalid": {Invalid: true}} {
		r := reporttest.Report(o)
		for name := range pictures() {
			require.Greater(t, pixelsOf(drawPicture(t, name, verdict, r), palette.Ink(verdict)), 2000, "%s of %s", name, verdict)
		}
	}
}

func TestLossIsDrawnAndOnlyWhereThereIs(t *testing.T) {
	lossy, clean := reporttest.Report(reporttest.Options{Warmups: 2}), reporttest.Report(reporttest.Options{Lost: reporttest.None, Warmups: 1})
	for name := range pictures() {
		if name == "propagation" {
			continue // it is of what was told, not of what was lost
		}
		require.Greater(t, pixelsOf(drawPicture(t, name, "offline", lossy), palette.Ink("lost")), 100, name)
		require.Less(t, pixelsOf(drawPicture(t, name, "none", clean), palette.Ink("lost")), 300, "%s: no more than a legend's patch", name)
	}
}

func TestBarsAreAsLongAsTheCounts(t *testing.T) {
	r := reporttest.Report(reporttest.Options{})
	im := drawPicture(t, "loss", "offline", r)
	refused, window := pixelsOf(im, lossColour(0)), pixelsOf(im, palette.Windows()[0])
	require.InEpsilon(t, 25.0/26.0, float64(refused)/float64(window), 0.03, "25 refused, 26 stale-route, bars of one height")
}

// TestBandIsAsHighAsChanceLeaves compares the pixels of the band with the bounds of
// the bins; lines hide some of them.
func TestBandIsAsHighAsChanceLeaves(t *testing.T) {
	r := reporttest.Report(reporttest.Options{Warmups: 1})
	w := r.Ledger.Warmups[0]
	most, _ := present.WarmupScale(w)
	step := present.AxisStep(most / 6)
	sheet := newSurface()
	sheet.rect(box{0, 0, 1, 1}, hex(palette.Ink("window"), bandAlpha))
	red, green, blue, _ := sheet.img.Image().At(0, 0).RGBA()
	seen := pixelsOf(drawPicture(t, "warmup", "band", r), palette.Colour{Light: fmt.Sprintf("#%02x%02x%02x", red>>8, green>>8, blue>>8)})

	tall, wide := (Height-136-46-92-80)*0.62/(math.Ceil(most/step-1e-9)*step), float64(Width-2*margin-64)
	want, all := 0.0, w.Bins[len(w.Bins)-1].To-w.Bins[0].From
	for _, b := range w.Bins {
		want += (b.QPS(b.High) - b.QPS(b.Low)) * tall * wide * float64(b.To-b.From) / float64(all)
	}
	require.InEpsilon(t, want, seen, 0.2)
	require.Less(t, float64(seen), want*1.02, "a legend's patch is all there is besides")
}

func TestSameReportSamePicture(t *testing.T) {
	r := reporttest.Report(reporttest.Options{Masked: true})
	for name, draw := range pictures() {
		var a, b bytes.Buffer
		require.NoError(t, draw(&a, document(t, r)))
		require.NoError(t, draw(&b, document(t, r)))
		require.True(t, bytes.Equal(a.Bytes(), b.Bytes()), name)
	}
}

func TestReportsOfLittle(t *testing.T) {
	bare := reporttest.Report(reporttest.Options{})
	bare.Plan, bare.Points, bare.Ledger.Instances, bare.Ledger.Releases = nil, nil, nil, nil
	for name, draw := range pictures() {
		require.NoError(t, draw(io.Discard, document(t, &reports.Report{Ledger: &ledger.Ledger{}})), name)
		require.NoError(t, draw(io.Discard, document(t, bare)), name)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteErrorIsReported(t *testing.T) {
	for name, draw := range pictures() {
		require.ErrorIs(t, draw(full{}, document(t, reporttest.Report(reporttest.Options{Duration: 5 * time.Second}))), io.ErrShortWrite, name)
	}
}

func TestLanesKeepTheReleased(t *testing.T) {
	l := &ledger.Ledger{Releases: []ledger.Release{{Workload: "b"}}}
	for i := range 40 {
		w := "a"
		if i%10 == 9 {
			w = "b"
		}
		l.Instances = append(l.Instances, ledger.Instance{Workload: w})
	}
	kept := lanes(l)
	require.Len(t, kept, maxLanes)
	n := 0
	for _, in := range kept {
		if in.Workload == "b" {
			n++
		}
	}
	require.Equal(t, 4, n)
}

func TestUnion(t *testing.T) {
	require.Equal(t, []stretch{{1, 6}, {7, 8}}, union([]stretch{{7, 8}, {1, 3}, {2, 6}, {4, 5}}))
	require.Empty(t, union(nil))
}

// Each run has bars in its own colour. Without another run there is no second colour.
func TestPropagationComparesTwoRuns(t *testing.T) {
	r := reporttest.Report(reporttest.Options{})
	alone := drawPicture(t, "propagation", "alone", r)
	require.Greater(t, pixelsOf(alone, armColour(0)), 5000)
	require.Zero(t, pixelsOf(alone, armColour(1)))
	r.CompareWith = reporttest.Report(reporttest.Options{})
	both := drawPicture(t, "propagation", "beside", r)
	require.Greater(t, pixelsOf(both, armColour(0)), 2000)
	require.Greater(t, pixelsOf(both, armColour(1)), 2000)
}

// TestPicturesTakeTheirWordsFromTheDocument: what changes in the document changes in
// the pictures.
func TestPicturesTakeTheirWordsFromTheDocument(t *testing.T) {
	d := document(t, reporttest.Report(reporttest.Options{Warmups: 2}))
	d.Title, d.Headline, d.Verdict.Name = "another title", "another headline", "another verdict"
	d.Arms[0].Shutdown, d.Arms[1].Meaning = "another shutdown", []string{"another meaning"}
	for i := range d.Warmups {
		d.Warmups[i].Name, d.Warmups[i].Declared = "another instance", "another curve"
	}
	d.Propagation.Received.Runs[0].Name = "another registry"
	for name, want := range map[string][]string{
		"timeline":    {d.Headline, "another shutdown; latency from due, ms"},
		"loss":        {"another shutdown", "another meaning"},
		"qps":         {"While 2 instances were released, another headline"},
		"warmup":      {"another instance: exponent 2.13 (1.96–2.30), declared 2", "declared weight, relative to a warm instance: another curve"},
		"propagation": {"another registry"},
	} {
		s := newSurface()
		map[string]func(*surface, *present.Document){"timeline": timeline, "loss": loss, "qps": qps, "warmup": drawWarmups, "propagation": propagation}[name](s, d)
		for _, w := range append(want, "ANOTHER VERDICT", "another title  ·  local  ·  v0.1.0") {
			require.Contains(t, s.words, w, name)
		}
	}
}
