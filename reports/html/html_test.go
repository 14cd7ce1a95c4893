package html

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/internal/sample"
)

func rendered(t *testing.T, r *reports.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Render(&b, r))
	return b.Bytes()
}

// TestKeep writes sample pages for the eye when ZEROLOSS_KEEP names a folder.
func TestKeep(t *testing.T) {
	dir := os.Getenv("ZEROLOSS_KEEP")
	if dir == "" {
		t.Skip("ZEROLOSS_KEEP is not set")
	}
	for name, o := range map[string]sample.Options{
		"offline": {Masked: true}, "fail": {GrayLost: 3}, "invalid": {Invalid: true, Masked: true}, "short": {Duration: 5 * time.Second},
		"long": {Duration: 10 * time.Minute, Lost: 10_000}, "none": {Lost: sample.None},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".html"), rendered(t, sample.Report(o)), 0o644))
	}
}
