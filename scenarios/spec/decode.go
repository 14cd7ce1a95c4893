package spec

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"zeroloss/internal/input"
)

// FieldOverride replaces the value of one field of the spec, as the flag
// --set time.speed=10 does.
type FieldOverride struct{ Path, Value string }

// ParseFieldOverride parses key=value.
func ParseFieldOverride(text string) (FieldOverride, error) {
	path, value, ok := strings.Cut(text, "=")
	if !ok || path == "" || strings.Contains(path, "..") || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") {
		return FieldOverride{}, input.Problem{File: "--set " + text, Text: "expected key=value", Hint: "for example --set time.speed=10"}
	}
	return FieldOverride{Path: path, Value: value}, nil
}

// Decode reads a scenario. Its error lists everything that is wrong with it.
func Decode(src input.Source, overrides ...FieldOverride) (*Scenario, error) {
	docs, problems := input.Split(src)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	if len(docs) > 1 {
		return nil, input.Problems{docs[1].Root.Problem("unexpected second YAML document", "a scenario file contains one document")}
	}
	root := docs[0].Root
	if root.Shape() != input.Mapping {
		return nil, input.Problems{root.Problem("expected a scenario, got "+root.Shape(), "start the file with apiVersion: "+APIVersion)}
	}
	if p, ok := checkKind(root); ok {
		return nil, input.Problems{p}
	}
	for _, o := range overrides {
		root = root.With(append([]string{"spec"}, strings.Split(o.Path, ".")...), o.Value)
	}
	s := &Scenario{File: src.Name, Description: leadingComment(src.Data), lines: map[string]int{}}
	d := decoder{lines: s.lines, bad: map[string]bool{}}
	d.value("", root, reflect.ValueOf(s).Elem())
	check := checker{s: s, bad: d.bad}
	if err := append(d.problems, check.all()...).Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// checkKind finds a document that is not a scenario at all: one message instead
// of a list of unknown fields.
func checkKind(root input.Node) (input.Problem, bool) {
	kind, api := root.Get("kind"), root.Get("apiVersion")
	switch {
	case kind.Text() != "" && kind.Text() != Kind:
		hint := input.DidYouMean(kind.Text(), []string{Kind})
		if strings.HasPrefix(api.Text(), "apps/") || api.Text() == "v1" {
			hint = "to run Kubernetes manifests: zeroloss run -f FILE"
		}
		return kind.Problem(fmt.Sprintf("kind must be %s, got %q", Kind, kind.Text()), hint), true
	case strings.HasPrefix(api.Text(), "zeroloss/") && api.Text() != APIVersion:
		return api.Problem(fmt.Sprintf("unsupported apiVersion %q", api.Text()), "write "+APIVersion), true
	}
	return input.Problem{}, false
}

// leadingComment returns the comment at the top of the file, without number signs.
func leadingComment(data []byte) string {
	var lines []string
	for line := range strings.Lines(string(data)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimPrefix(text, " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// parent removes the last part of a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// decoder walks a document along the Go types and collects problems.
type decoder struct {
	lines    map[string]int
	bad      map[string]bool // paths with a problem
	problems input.Problems
}

func (d *decoder) problem(n input.Node, text, hint string) {
	d.problems = append(d.problems, n.Problem(text, hint))
}

// value decodes n into v, which is addressable.
func (d *decoder) value(path string, n input.Node, v reflect.Value) {
	if path != "" {
		d.lines[path] = n.Line()
	}
	before := len(d.problems)
	defer func() { d.bad[path] = len(d.problems) > before }()
	if n.Shape() == input.Null && v.Kind() != reflect.Slice && v.Kind() != reflect.Map {
		d.problem(n, nameOf(path)+" is empty", "")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Unsupported:
		return
	case *Patch:
		*p = d.patch(path, n)
		return
	case *StringList:
		*p = d.words(path, n)
		return
	case *Probe:
		if n.Text() == "none" {
			p.None = true
			return
		}
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.scalar(path, n, u)
		d.zero(path, n, u)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(path, n, v.Elem())
	case reflect.Struct:
		d.fields(path, n, v)
	case reflect.Slice:
		d.list(path, n, v)
	case reflect.Map:
		d.mapping(path, n, v)
	default:
		d.basic(path, n, v)
	}
}

func (d *decoder) scalar(path string, n input.Node, u encoding.TextUnmarshaler) {
	if n.Shape() != input.Scalar {
		d.problem(n, fmt.Sprintf("%s must be a single value, got %s", nameOf(path), n.Shape()), "")
		return
	}
	var ve valueError
	if err := u.UnmarshalText([]byte(n.Text())); errors.As(err, &ve) {
		d.problem(n, nameOf(path)+": "+ve.text, ve.hint)
	} else if err != nil {
		d.problem(n, nameOf(path)+": "+err.Error(), "")
	}
}

// zero rejects a duration of 0 where an absent field means a default: the two
// could not be told apart.
func (d *decoder) zero(path string, n input.Node, u encoding.TextUnmarshaler) {
	v, ok := u.(*Duration)
	if name := nameOf(path); ok && *v == 0 && n.Text() != "" && strings.Trim(n.Text(), "0.nuµmsh") == "" && name != "at" && name != "start" {
		d.problem(n, name+" must be greater than 0", "omit it for the default, or write 1ms")
	}
}

// fields decodes a mapping into a struct and rejects unknown and duplicate
// fields. A field is also known by the name in its former tag, so that scenarios
// from before a renaming still run.
func (d *decoder) fields(path string, n input.Node, v reflect.Value) {
	if n.Shape() != input.Mapping {
		d.problem(n, fmt.Sprintf("%s must be a mapping, got %s", nameOf(path), n.Shape()), "known fields: "+strings.Join(fieldNames(v.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for _, f := range n.Fields() {
		index, ok := fieldIndex(v.Type(), f.Key)
		if !ok {
			d.problem(f.Value, fmt.Sprintf("unknown field %q%s", f.Key, within(path)), input.DidYouMean(f.Key, fieldNames(v.Type())))
			continue
		}
		field := v.Type().Field(index)
		name := yamlName(field)
		if seen[name] {
			d.problem(f.Value, fmt.Sprintf("duplicate field %q", f.Key), "")
			continue
		}
		seen[name] = true
		d.value(join(path, name), f.Value, v.Field(index))
		renameFormerValue(field, v.Field(index))
		if !d.enum(f.Value, field, v.Field(index)) || !d.most(f.Value, field, v.Field(index)) {
			d.bad[join(path, name)] = true
		}
	}
}

// enum checks a value against the choices of its field's enum tag.
func (d *decoder) enum(n input.Node, f reflect.StructField, v reflect.Value) bool {
	choices := f.Tag.Get("enum")
	if choices == "" || v.Kind() != reflect.String || n.Shape() != input.Scalar {
		return true
	}
	list := strings.Split(choices, ",")
	if slices.Contains(list, v.String()) {
		return true
	}
	d.problem(n, fmt.Sprintf("%s: unknown value %q", yamlName(f), v.String()), input.DidYouMean(v.String(), list))
	return false
}

// most checks a duration against the limit of its field's most tag.
func (d *decoder) most(n input.Node, f reflect.StructField, v reflect.Value) bool {
	text := f.Tag.Get("most")
	if text == "" {
		return true
	}
	longest, err := parseDuration(text)
	if err != nil {
		panic(err) // a programming error, seen by any test
	}
	if v.Int() <= int64(longest) {
		return true
	}
	d.problem(n, fmt.Sprintf("%s must be at most %s, got %s", yamlName(f), text, n.Text()), "")
	return false
}

func (d *decoder) list(path string, n input.Node, v reflect.Value) {
	if n.Shape() == input.Null {
		return
	}
	if n.Shape() != input.List {
		d.problem(n, fmt.Sprintf("%s must be a list, got %s", nameOf(path), n.Shape()), "start each item with a dash")
		return
	}
	items := n.Items()
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i))
	}
}

func (d *decoder) mapping(path string, n input.Node, v reflect.Value) {
	if n.Shape() == input.Null {
		return
	}
	if n.Shape() != input.Mapping {
		d.problem(n, fmt.Sprintf("%s must be a mapping, got %s", nameOf(path), n.Shape()), "")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, f := range n.Fields() {
		key := reflect.ValueOf(f.Key)
		if v.MapIndex(key).IsValid() {
			d.problem(f.Value, fmt.Sprintf("duplicate key %q", f.Key), "")
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(path+"."+f.Key, f.Value, element)
		v.SetMapIndex(key, element)
	}
}

func (d *decoder) words(path string, n input.Node) StringList {
	if n.Shape() == input.Scalar {
		return StringList{n.Text()}
	}
	var list []string
	d.list(path, n, reflect.ValueOf(&list).Elem())
	return list
}

// basic decodes strings, booleans and numbers.
func (d *decoder) basic(path string, n input.Node, v reflect.Value) {
	if n.Shape() != input.Scalar {
		d.problem(n, fmt.Sprintf("%s must be a single value, got %s", nameOf(path), n.Shape()), "")
		return
	}
	text := n.Text()
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if n.Tag() != "!!bool" {
			d.problem(n, fmt.Sprintf("%s must be true or false, got %q", nameOf(path), text), "")
			return
		}
		v.SetBool(strings.EqualFold(text, "true"))
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil {
			d.problem(n, fmt.Sprintf("%s must be a whole number, got %q", nameOf(path), text), "")
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			d.problem(n, fmt.Sprintf("%s must be a number, got %q", nameOf(path), text), "")
			return
		}
		v.SetFloat(f)
	default:
		panic("scenario types hold a " + v.Kind().String()) // a programming error, seen by any test
	}
}

func nameOf(path string) string {
	if path == "" {
		return "the document"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func within(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// yamlName returns the name of a field in a scenario; "" if it has none.
func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := yamlName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func fieldIndex(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if name != "" && (yamlName(f) == name || f.Tag.Get("former") == name) {
			return i, true
		}
	}
	return 0, false
}

// renameFormerValue replaces a value that its field's formerValues tag lists by
// the value's present name. Like former names of fields, such values are read
// but are not in the schema.
func renameFormerValue(f reflect.StructField, v reflect.Value) {
	if v.Kind() != reflect.String {
		return
	}
	for pair := range strings.SplitSeq(f.Tag.Get("formerValues"), ",") {
		if former, present, ok := strings.Cut(pair, "="); ok && former == v.String() {
			v.SetString(present)
		}
	}
}
