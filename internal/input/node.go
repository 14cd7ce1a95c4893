package input

import (
	"fmt"

	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Node is a place in a document. The zero Node is nowhere: it has no fields,
// no items, and line 0.
type Node struct {
	n      *yaml.Node
	key    *yaml.Node // of which it is the value
	file   string
	offset int // lines before the document
}

// Shapes of a Node.
const (
	Absent  = ""
	Mapping = "a mapping"
	List    = "a list"
	Scalar  = "a value"
	Null    = "nothing"
)

// Shape says what it is, in words.
func (d Node) Shape() string {
	n := d.resolved()
	if n == nil {
		return Absent
	}
	switch n.Kind {
	case yaml.MappingNode:
		return Mapping
	case yaml.SequenceNode:
		return List
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return Null
		}
		return Scalar
	default: // a document or an alias, which resolve to others
		return Absent
	}
}

// resolved follows an alias to its anchor.
func (d Node) resolved() *yaml.Node {
	if d.n != nil && d.n.Kind == yaml.AliasNode {
		return d.n.Alias
	}
	return d.n
}

// Value is what is written there, in JSON's types: maps by string, lists,
// strings, numbers, booleans and nil.
func (d Node) Value() (any, error) {
	n := d.resolved()
	if n == nil {
		return nil, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading line %d of %s: %w", d.Line(), d.file, err)
	}
	return v, nil
}

// File is the source's name.
func (d Node) File() string { return d.file }

// Line is the line of its key, or its own where it has none.
func (d Node) Line() int {
	if d.key != nil {
		return d.key.Line + d.offset
	}
	if d.n != nil {
		return d.n.Line + d.offset
	}
	return 0
}

// Text is a scalar's text, as it was written; "" for others.
func (d Node) Text() string {
	if n := d.resolved(); n != nil && n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.Value
	}
	return ""
}

// Tag is the YAML type of a scalar: !!str, !!int, !!bool, !!float, !!null.
func (d Node) Tag() string {
	if n := d.resolved(); n != nil && n.Kind == yaml.ScalarNode {
		return n.Tag
	}
	return ""
}

// Field is one entry of a mapping.
type Field struct {
	Key   string
	Value Node
}

// Fields lists a mapping's entries in their order, double ones too.
func (d Node) Fields() []Field {
	n := d.resolved()
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	fields := make([]Field, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		fields = append(fields, Field{Key: k.Value, Value: Node{n: v, key: k, file: d.file, offset: d.offset}})
	}
	return fields
}

// Items lists a list's entries.
func (d Node) Items() []Node {
	n := d.resolved()
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]Node, len(n.Content))
	for i, c := range n.Content {
		items[i] = Node{n: c, file: d.file, offset: d.offset}
	}
	return items
}

// Get is the value of a mapping's key; the zero Node if there is none.
func (d Node) Get(key string) Node {
	for _, f := range d.Fields() {
		if f.Key == key {
			return f.Value
		}
	}
	return Node{}
}

// Find follows a path as Kubernetes writes them (spec.jobs[1].schedule). Keys
// may hold dots themselves. It stops at the deepest part that is there, which
// is where a missing field would have to be; the zero Node finds itself.
func (d Node) Find(path string) Node {
	for path != "" {
		next, rest, ok := d.step(strings.TrimPrefix(path, "."))
		if !ok {
			return d
		}
		d, path = next, rest
	}
	return d
}

// step takes the longest key, or the index, that path begins with.
func (d Node) step(path string) (next Node, rest string, ok bool) {
	if inner, found := strings.CutPrefix(path, "["); found {
		index, rest, _ := strings.Cut(inner, "]")
		i, err := strconv.Atoi(index)
		if items := d.Items(); err == nil && i >= 0 && i < len(items) {
			return items[i], rest, true
		}
		return d, "", false
	}
	for _, f := range d.Fields() {
		tail, found := strings.CutPrefix(path, f.Key)
		if found && (tail == "" || tail[0] == '.' || tail[0] == '[') && (!ok || len(tail) < len(rest)) {
			next, rest, ok = f.Value, tail, true
		}
	}
	return next, rest, ok
}

// Problem is one about this place.
func (d Node) Problem(text, hint string) Problem {
	return Problem{File: d.file, Line: d.Line(), Text: text, Hint: hint}
}

// With is the document with the scalar at path set to text: keys that are
// missing are made. It is how a flag overrides a field.
func (d Node) With(path []string, text string) Node {
	value := &yaml.Node{}
	if err := yaml.Unmarshal([]byte(text), value); err != nil || len(value.Content) != 1 {
		value = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	} else {
		value = value.Content[0]
	}
	return Node{n: withNode(d.n, path, value), key: d.key, file: d.file, offset: d.offset}
}

// withNode copies only what lies on the path.
func withNode(n *yaml.Node, path []string, value *yaml.Node) *yaml.Node {
	if len(path) == 0 {
		if n != nil {
			value.Line, value.Column = n.Line, n.Column
		}
		return value
	}
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if n != nil && n.Kind == yaml.MappingNode {
		*out = *n
		out.Content = append([]*yaml.Node(nil), n.Content...)
	}
	for i := 0; i+1 < len(out.Content); i += 2 {
		if out.Content[i].Value == path[0] {
			out.Content[i+1] = withNode(out.Content[i+1], path[1:], value)
			return out
		}
	}
	key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: path[0], Line: out.Line}
	out.Content = append(out.Content, key, withNode(nil, path[1:], value))
	return out
}

// Quoted reports whether a scalar is quoted or a block, and so a string.
func (d Node) Quoted() bool {
	const styles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	n := d.resolved()
	return n != nil && n.Style&styles != 0
}

// Template reports whether it is {{ … }}, which YAML takes for a mapping with
// a mapping for its key.
func (d Node) Template() bool {
	n := d.resolved()
	return n != nil && n.Kind == yaml.MappingNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode
}
