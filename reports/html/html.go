// Package html draws the page of a run: report.html, one file that needs no
// network, no server and no other file. The numbers are tables made here, so
// that they are there without a script; the time line and the list of losses
// are drawn in the browser by our own small script from compact JSON.
//
// It decides nothing and counts nothing that the ledger has not counted. It
// may not know where a run came from, nor read any file of it.
package html

import (
	"bufio"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"

	"zeroloss/reports"
	"zeroloss/reports/internal/format"
)

//go:embed assets
var assets embed.FS

// ErrNoLedger is returned for a report without an account to show.
var ErrNoLedger = errors.New("the report has no ledger")

// Render writes the page of r to w. The page is self-contained: style, script
// and data are inline, and its own content policy forbids any request.
func Render(w io.Writer, r *reports.Report) error {
	if r == nil || r.Ledger == nil {
		return fmt.Errorf("rendering the page: %w", ErrNoLedger)
	}
	tmpl, err := template.New("page.html.tmpl").Funcs(functions()).ParseFS(assets, "assets/*.tmpl")
	if err != nil {
		return fmt.Errorf("parsing the page's template: %w", err)
	}
	p, err := newPage(r)
	if err != nil {
		return fmt.Errorf("rendering the page: %w", err)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	if err := tmpl.Execute(buf, p); err != nil {
		return fmt.Errorf("rendering the page: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func functions() template.FuncMap {
	return template.FuncMap{"int": format.Int, "at": format.At, "ms": format.Ms}
}

// inline loads the style and the scripts, which become part of the page.
func (p *page) inline() error {
	css, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return fmt.Errorf("reading the style: %w", err)
	}
	p.Style = template.CSS(colours() + string(css))
	head, err := assets.ReadFile("assets/head.js")
	if err != nil {
		return fmt.Errorf("reading the script: %w", err)
	}
	p.HeadScript = template.JS(head)
	for _, name := range []string{"base", "panels", "timeline", "losses"} {
		js, err := assets.ReadFile("assets/" + name + ".js")
		if err != nil {
			return fmt.Errorf("reading the script: %w", err)
		}
		p.Script += template.JS(js)
	}
	return nil
}

// embedData makes the JSON of the page. json.Marshal escapes <, > and &, so no
// text of a run can end the script element.
func (p *page) embedData(d data) error {
	b, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encoding the page's data: %w", err)
	}
	p.Data = template.JS(b)
	return nil
}

// colours writes the palette as custom properties, for both grounds.
func colours() string {
	var light, dark strings.Builder
	add := func(prefix string, list []format.Colour, numbered bool) {
		for i, c := range list {
			name := prefix + c.Name
			if numbered {
				name = fmt.Sprintf("%s%d", prefix, i)
			}
			fmt.Fprintf(&light, "--%s:%s;", name, c.Light)
			fmt.Fprintf(&dark, "--%s:%s;", name, c.Dark)
		}
	}
	add("phase-", format.Phases(), false)
	add("arm-", format.Arms(), true)
	add("loss-", format.Losses(), true)
	add("", format.Inks(), false)
	const grounds = ":root{%s}\n@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){%s}}\n@media screen{:root[data-theme=dark]{%s}}\n"
	return fmt.Sprintf(grounds, light.String(), dark.String(), dark.String())
}
