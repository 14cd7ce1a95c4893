package html

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

func document(t *testing.T, r *reports.Report) *present.Document {
	t.Helper()
	d, err := present.New(r)
	require.NoError(t, err)
	return d
}

func rendered(t *testing.T, r *reports.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Render(&b, document(t, r)))
	return b.Bytes()
}

// TestKeep writes sample pages into the folder ZEROLOSS_KEEP, if set.
func TestKeep(t *testing.T) {
	dir := os.Getenv("ZEROLOSS_KEEP")
	if dir == "" {
		t.Skip("ZEROLOSS_KEEP is not set")
	}
	for name, o := range map[string]reporttest.Options{
		"offline": {Masked: true}, "fail": {GrayLost: 3}, "invalid": {Invalid: true, Masked: true}, "short": {Duration: 5 * time.Second},
		"long": {Duration: 10 * time.Minute, Lost: 10_000}, "none": {Lost: reporttest.None},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".html"), rendered(t, reporttest.Report(o)), 0o644))
	}
}

// embedded returns the data of the page, as its script reads it.
func embedded(t *testing.T, page []byte) data {
	t.Helper()
	m := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindSubmatch(page)
	require.NotNil(t, m)
	var d data
	require.NoError(t, json.Unmarshal(m[1], &d))
	return d
}

func TestPageCarriesWhatTheLedgerCounted(t *testing.T) {
	r := reporttest.Report(reporttest.Options{Masked: true})
	d := embedded(t, rendered(t, r))
	require.Len(t, d.Losses, 27)
	require.Len(t, d.Instances, len(r.Ledger.Instances))
	require.Equal(t, 6973, len(d.Points[0].Due), "ok requests of base")
	require.Equal(t, 7000, len(d.Points[1].Due), "ok requests of gray")
	sum := [5]int{}
	for _, s := range d.Arms[0].Seconds {
		for i, n := range s {
			sum[i] += n
		}
	}
	require.Equal(t, [5]int{7000, 6973, 27, *r.Ledger.Arms[0].Masked, 0}, sum)
	in := 0
	for _, g := range d.Groups {
		in += g.Count
	}
	require.Equal(t, 27, in, "each loss is in one group")
}

func TestTextOfARunStaysText(t *testing.T) {
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`
	r := reporttest.Report(reporttest.Options{})
	r.Plan.Title, r.Plan.Description, r.Meta.Scenario = evil, evil, evil
	r.Meta.Command = []string{"zeroloss", "run", evil}
	for i := range r.Ledger.Losses {
		r.Ledger.Losses[i].Explanation, r.Ledger.Losses[i].Error, r.Ledger.Losses[i].Stream = evil, evil, evil
	}
	r.Ledger.Notes = append(r.Ledger.Notes, ledger.Note{Text: evil})
	r.Result.Reasons = []string{evil}
	page := rendered(t, r)
	require.NotContains(t, string(page), "<img src=x")
	require.NotContains(t, string(page), "<script>alert")
	d := embedded(t, page)
	require.Contains(t, d.Text, evil)
}

func TestNothingIsFetched(t *testing.T) {
	page := rendered(t, reporttest.Report(reporttest.Options{}))
	require.Contains(t, string(page), `default-src 'none'`)
	require.NotRegexp(t, `(?i)(src|href)="?(https?:)?//`, string(page))
	require.NotRegexp(t, `(?i)url\(|@import`, string(page))
}

func TestReportsOfLittle(t *testing.T) {
	require.NoError(t, Render(io.Discard, document(t, &reports.Report{Ledger: &ledger.Ledger{}})))
	bare := reporttest.Report(reporttest.Options{})
	bare.Plan, bare.Points, bare.Ledger.Instances, bare.Ledger.Releases = nil, nil, nil, nil
	require.NoError(t, Render(io.Discard, document(t, bare)))
}

func TestNoVerdictIsInvalid(t *testing.T) {
	require.Contains(t, string(rendered(t, &reports.Report{Ledger: &ledger.Ledger{}})), `class="verdict invalid"`)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteErrorIsReported(t *testing.T) {
	require.ErrorIs(t, Render(full{}, document(t, reporttest.Report(reporttest.Options{}))), io.ErrShortWrite)
}

func TestThinKeepsWhatMatters(t *testing.T) {
	list := make([]reports.Point, 10_000)
	for i := range list {
		list[i] = reports.Point{DueMs: float64(i), LatencyMs: 2}
	}
	list[1234].LatencyMs, list[7777].Masked = 900, true
	out := sample(list, 1000)
	require.LessOrEqual(t, len(out), 1001)
	require.Contains(t, out, list[1234], "the slowest is gone")
	require.Contains(t, out, list[7777], "a masked one is gone")
	require.Equal(t, list, sample(list, len(list)))
}
