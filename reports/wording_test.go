package reports_test

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports/html"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/junit"
	"zeroloss/reports/markdown"
	"zeroloss/reports/present"
	"zeroloss/reports/text"
)

// word is a string of a document: where it is, as the names of fields.
type word struct {
	path string
	at   reflect.Value
}

// words finds every string of a document that a renderer may show. Raw figures of
// the ledger, which some parts carry for pictures, are left out.
func words(v reflect.Value, path string) []word {
	switch v.Kind() {
	case reflect.String:
		return []word{{path, v}}
	case reflect.Pointer:
		return words(v.Elem(), path)
	case reflect.Slice:
		var out []word
		for i := range v.Len() {
			out = append(out, words(v.Index(i), path)...)
		}
		return out
	case reflect.Struct:
		var out []word
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "Run" || f.Name == "Raw" || strings.HasPrefix(f.Type.String(), "[]ledger.") {
				continue
			}
			out = append(out, words(v.Field(i), path+"."+f.Name)...)
		}
		return out
	}
	return nil
}

// replaced gives every string of d a value of its own, and returns it with the
// paths by value.
func replaced(d *present.Document) map[string]string {
	paths := map[string]string{}
	for i, w := range words(reflect.ValueOf(d), "") {
		if w.at.String() == "" {
			continue // shown or not by whether it is empty
		}
		value := fmt.Sprintf("wording%dend", i)
		w.at.SetString(value)
		paths[value] = w.path
	}
	return paths
}

var severalWords = regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`)

func output(t *testing.T, render func(io.Writer, *present.Document) error, d *present.Document) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render(&b, d))
	return b.String()
}

func sample(t *testing.T) *present.Document {
	t.Helper()
	d := document(t, reporttest.Report(reporttest.Options{Masked: true, Warmups: 2}))
	d.Verdict.Reasons, d.Quality.Defects = []string{"because"}, []string{"a defect"}
	return d
}

// TestThePageShowsEveryWordOfTheOtherFormats: what text, Markdown and JUnit say,
// the page says with the same string of the document.
func TestThePageShowsEveryWordOfTheOtherFormats(t *testing.T) {
	d := sample(t)
	paths := replaced(d)
	page := output(t, html.Render, d)
	for name, render := range map[string]func(io.Writer, *present.Document) error{"text": text.Render, "markdown": markdown.Render, "junit": junit.Render} {
		shown, out := 0, output(t, render, d)
		for value, path := range paths {
			if !strings.Contains(out, value) && !strings.Contains(out, strings.ToUpper(value)) {
				continue
			}
			shown++
			if !strings.Contains(page, value) {
				t.Errorf("%s shows %s, the page does not", name, path)
			}
		}
		require.Greater(t, shown, 10, name)
	}
}

// TestOneChangedLabelChangesAllFormats: no format has a label or sentence of the
// document in its own code. Single words are left out: they occur in sentences of
// others.
func TestOneChangedLabelChangesAllFormats(t *testing.T) {
	before := map[string]string{}
	for _, w := range words(reflect.ValueOf(sample(t)), "") {
		if s := w.at.String(); severalWords.MatchString(s) {
			before[s] = w.path
		}
	}
	require.Equal(t, ".Figures.Groups.Rows.Label", before["longest outage"])
	d := sample(t)
	replaced(d)
	for name, render := range map[string]func(io.Writer, *present.Document) error{"text": text.Render, "markdown": markdown.Render, "junit": junit.Render, "html": html.Render} {
		out := output(t, render, d)
		for s, path := range before {
			if strings.Contains(out, s) {
				t.Errorf("%s: %s %q is not taken from the document", name, path, s)
			}
		}
	}
}
