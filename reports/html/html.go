// Package html draws the page of a run: report.html, one file that needs no
// network, no server and no other file. The numbers are tables made here, so
// that they are there without a script; the time line and the list of losses
// are drawn in the browser by our own small script from compact JSON.
//
// It decides nothing and counts nothing that the ledger has not counted. It
// may not know where a run came from, nor read any file of it.
package html

import (
	"io"

	"zeroloss/reports"
)

// Render writes the page of r to w. The page is self-contained: style, script
// and data are inline, and its own content policy forbids any request.
func Render(w io.Writer, r *reports.Report) error {
	return render(w, r)
}
