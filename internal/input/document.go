package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is one YAML document of a Source.
type Document struct {
	Source string // its name
	Line   int    // of its first line
	Data   []byte // its text
	Root   Node
}

// MaxDocuments bounds the documents of one source: parsing each has a price of
// its own, whatever its size.
const MaxDocuments = 10_000

// Split cuts src at its --- lines and parses each document. Documents of
// comments only are left out. What cannot be parsed is a Problem each; the
// other documents are returned all the same.
func Split(src Source) ([]Document, Problems) {
	if p, bad := src.validateText(); bad {
		return nil, Problems{p}
	}
	parts := cut(src)
	if len(parts) > MaxDocuments {
		return nil, Problems{{
			File: src.Name, Line: parts[MaxDocuments].Line,
			Text: fmt.Sprintf("has more than %d documents", MaxDocuments), Hint: "is this the right file?",
		}}
	}
	var docs []Document
	var problems Problems
	for _, part := range parts {
		root, err := parse(part)
		switch {
		case err != nil:
			problems = append(problems, All(src.Name, err)...)
		case root.n != nil:
			part.Root = root
			docs = append(docs, part)
		}
	}
	if len(docs) == 0 && len(problems) == 0 {
		return nil, Problems{{File: src.Name, Line: 1, Text: "contains only comments"}}
	}
	return docs, problems
}

// cut finds the documents by their separator lines, so that a broken one
// does not hide those behind it.
func cut(src Source) []Document {
	var docs []Document
	current := Document{Source: src.Name, Line: 1}
	line := 0
	for text := range bytes.Lines(src.Data) {
		line++
		if separator(text) {
			docs = append(docs, current)
			current = Document{Source: src.Name, Line: line + 1}
			continue
		}
		current.Data = append(current.Data, text...)
	}
	return append(docs, current)
}

// separator reports whether the line is --- alone or before a comment; what
// else may follow it (--- text) is left to the parser.
func separator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false
	}
	trimmed := bytes.TrimSpace(rest)
	return len(trimmed) == 0 || trimmed[0] == '#' && (rest[0] == ' ' || rest[0] == '\t')
}

func parse(d Document) (root Node, err error) {
	// The parser reports by panic what it did not foresee; to a user that is
	// one more text that is not YAML.
	defer func() {
		if r := recover(); r != nil {
			root, err = Node{}, Problem{File: d.Source, Line: d.Line, Text: fmt.Sprintf("is not valid YAML: %v", r)}
		}
	}()
	var doc, rest yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(d.Data))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return Node{}, nil
	case err != nil:
		return Node{}, syntax(d, err)
	}
	if err := dec.Decode(&rest); err != nil && !errors.Is(err, io.EOF) {
		return Node{}, syntax(d, err)
	} else if err == nil {
		return Node{}, Problem{File: d.Source, Line: d.Line + rest.Line - 1, Text: "unexpected second document", Hint: "separate documents with a line that contains only ---"}
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" && doc.Content[0].Value == "" {
		return Node{}, nil
	}
	return Node{n: doc.Content[0], file: d.Source, offset: d.Line - 1}, nil
}

var (
	syntaxLine = regexp.MustCompile(`^line (\d+): `)
	// countedFromZero are the errors of yaml.v3's parser proper; its scanner's
	// count lines from one.
	countedFromZero = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or|<)`)
)

// syntax turns the parser's error into a Problem with the file's line.
func syntax(d Document, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := d.Line
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		n, convErr := strconv.Atoi(m[1])
		if convErr == nil {
			line += n - 1
		}
		text = text[len(m[0]):]
		if countedFromZero.MatchString(text) {
			line++
		}
	}
	p := Problem{File: d.Source, Line: line, Text: "is not valid YAML: " + text}
	switch {
	case bytes.Contains(d.Data, []byte("{{")):
		p.Hint = "render the template first"
	case strings.Contains(text, "cannot start any token"):
		p.Hint = "indent with spaces, and quote values that start with @ or %"
	case strings.Contains(text, "mapping values are not allowed"):
		p.Hint = "check the indentation; a value that contains ': ' needs quotes"
	}
	return p
}
