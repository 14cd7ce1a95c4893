// Package html writes the page of a run: report.html, one file that needs no
// network, no server and no other file. Its words and tables are those of package
// present and are there without a script. The browser draws the time line and the
// list of losses with the scripts in assets, from JSON in the page (data.go).
//
// assets/page.html.tmpl is the layout, assets/page.css the style, package palette
// the colours.
package html

import (
	"bufio"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/present"
)

//go:embed assets
var assets embed.FS

// Render writes the page of d to w. Style, script and data are inline, and the
// content security policy of the page forbids any request.
func Render(w io.Writer, d *present.Document) error {
	tmpl, err := template.New("page.html.tmpl").Option("missingkey=error").Funcs(functions()).ParseFS(assets, "assets/*.tmpl")
	if err != nil {
		return fmt.Errorf("parsing the page's template: %w", err)
	}
	p, err := newPage(d)
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
	return template.FuncMap{
		"int": format.Int[int], "ms": format.Ms, "offset": format.Offset, "duration": format.Duration,
		"arrows": present.Arrows, "lossID": present.LossID,
	}
}

// inline loads the style and the scripts, which become part of the page.
func (p *page) inline() error {
	css, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return fmt.Errorf("reading the style: %w", err)
	}
	p.Style = template.CSS(paletteCSS() + string(css)) //nolint:gosec // a part of this program
	head, err := assets.ReadFile("assets/head.js")
	if err != nil {
		return fmt.Errorf("reading the script: %w", err)
	}
	p.HeadScript = template.JS(head) //nolint:gosec // a part of this program
	for _, name := range []string{"base", "panels", "timeline", "losses"} {
		js, err := assets.ReadFile("assets/" + name + ".js")
		if err != nil {
			return fmt.Errorf("reading the script: %w", err)
		}
		p.Script += template.JS(js) //nolint:gosec // a part of this program
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
	p.Data = template.JS(b) //nolint:gosec // JSON whose <, > and & are escaped, see above
	return nil
}

// paletteCSS writes the palette as custom properties, for light and dark.
func paletteCSS() string {
	var light, dark strings.Builder
	add := func(prefix string, list []palette.Colour, numbered bool) {
		for i, c := range list {
			name := prefix + c.Name
			if numbered {
				name = fmt.Sprintf("%s%d", prefix, i)
			}
			fmt.Fprintf(&light, "--%s:%s;", name, c.Light)
			fmt.Fprintf(&dark, "--%s:%s;", name, c.Dark)
		}
	}
	add("phase-", palette.Phases(), false)
	add("arm-", palette.Arms(), true)
	add("loss-", palette.Losses(), true)
	add("", palette.Inks(), false)
	const schemes = ":root{%s}\n@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){%s}}\n@media screen{:root[data-theme=dark]{%s}}\n"
	return fmt.Sprintf(schemes, light.String(), dark.String(), dark.String())
}
