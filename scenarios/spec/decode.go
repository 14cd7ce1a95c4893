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

// FieldOverride sets one field of the spec over what the file says: the flag
// --set time.speed=10.
type FieldOverride struct{ Path, Value string }

// ParseFieldOverride reads key=value.
func ParseFieldOverride(text string) (FieldOverride, error) {
	path, value, ok := strings.Cut(text, "=")
	if !ok || path == "" || strings.Contains(path, "..") || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") {
		return FieldOverride{}, input.Problem{File: "--set " + text, Text: "is not key=value", Hint: "as --set time.speed=10"}
	}
	return FieldOverride{Path: path, Value: value}, nil
}

// Decode reads a scenario. Its error lists all that is wrong.
func Decode(src input.Source, overrides ...FieldOverride) (*Scenario, error) {
	docs, problems := input.Split(src)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	if len(docs) > 1 {
		return nil, input.Problems{docs[1].Root.Problem("a second document begins here", "a scenario is one document")}
	}
	root := docs[0].Root
	if root.Shape() != input.Mapping {
		return nil, input.Problems{root.Problem(fmt.Sprintf("is %s, not a scenario", root.Shape()), "begin with apiVersion: "+APIVersion)}
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

// checkKind notices a document that is not a scenario at all, so that it is
// not answered with a list of unknown fields.
func checkKind(root input.Node) (input.Problem, bool) {
	kind, api := root.Get("kind"), root.Get("apiVersion")
	switch {
	case kind.Text() != "" && kind.Text() != Kind:
		hint := input.DidYouMean(kind.Text(), []string{Kind})
		if strings.HasPrefix(api.Text(), "apps/") || api.Text() == "v1" {
			hint = "bare manifests are run by: run -f FILE"
		}
		return kind.Problem(fmt.Sprintf("kind is %q, not %s", kind.Text(), Kind), hint), true
	case strings.HasPrefix(api.Text(), "zeroloss/") && api.Text() != APIVersion:
		return api.Problem(fmt.Sprintf("apiVersion is %q; this program reads %s", api.Text(), APIVersion), ""), true
	}
	return input.Problem{}, false
}

// leadingComment is the comment that a scenario begins with: what it teaches.
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

// parent cuts the last part off a path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// decoder walks a document along the Go types and collects what is wrong.
type decoder struct {
	lines    map[string]int
	bad      map[string]bool // paths in which something is wrong
	problems input.Problems
}

func (d *decoder) problem(n input.Node, text, hint string) {
	d.problems = append(d.problems, n.Problem(text, hint))
}

// value reads n into v, which is addressable.
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
		d.problem(n, fmt.Sprintf("%s is %s, not a value", nameOf(path), n.Shape()), "")
		return
	}
	var ve valueError
	if err := u.UnmarshalText([]byte(n.Text())); errors.As(err, &ve) {
		d.problem(n, nameOf(path)+": "+ve.text, ve.hint)
	} else if err != nil {
		d.problem(n, nameOf(path)+": "+err.Error(), "")
	}
}

// zero refuses a duration of nothing where absence means a default: it would
// be taken for absence.
func (d *decoder) zero(path string, n input.Node, u encoding.TextUnmarshaler) {
	v, ok := u.(*Duration)
	if name := nameOf(path); ok && *v == 0 && n.Text() != "" && strings.Trim(n.Text(), "0.nuµmsh") == "" && name != "at" && name != "start" {
		d.problem(n, name+" is 0", "leave it out for the default, or write 1ms")
	}
}

// fields reads a mapping into a struct, refusing what is unknown or double.
func (d *decoder) fields(path string, n input.Node, v reflect.Value) {
	if n.Shape() != input.Mapping {
		d.problem(n, fmt.Sprintf("%s is %s, not a mapping", nameOf(path), n.Shape()), "known: "+strings.Join(fieldNames(v.Type()), ", "))
		return
	}
	seen := map[string]bool{}
	for _, f := range n.Fields() {
		index, ok := fieldIndex(v.Type(), f.Key)
		switch {
		case !ok:
			d.problem(f.Value, fmt.Sprintf("unknown field %q%s", f.Key, within(path)), input.DidYouMean(f.Key, fieldNames(v.Type())))
		case seen[f.Key]:
			d.problem(f.Value, fmt.Sprintf("field %q is there twice", f.Key), "")
		default:
			d.value(join(path, f.Key), f.Value, v.Field(index))
			if !d.enum(f.Value, v.Type().Field(index), v.Field(index)) || !d.most(f.Value, v.Type().Field(index), v.Field(index)) {
				d.bad[join(path, f.Key)] = true
			}
		}
		seen[f.Key] = true
	}
}

// enum holds a word against its field's choices.
func (d *decoder) enum(n input.Node, f reflect.StructField, v reflect.Value) bool {
	choices := f.Tag.Get("enum")
	if choices == "" || v.Kind() != reflect.String || n.Shape() != input.Scalar {
		return true
	}
	list := strings.Split(choices, ",")
	if slices.Contains(list, v.String()) {
		return true
	}
	d.problem(n, fmt.Sprintf("unknown %s %q", yamlName(f), v.String()), input.DidYouMean(v.String(), list))
	return false
}

// most holds a duration against the longest that its field takes.
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
	d.problem(n, fmt.Sprintf("%s %s is too long", yamlName(f), n.Text()), "at most "+text)
	return false
}

func (d *decoder) list(path string, n input.Node, v reflect.Value) {
	if n.Shape() == input.Null {
		return
	}
	if n.Shape() != input.List {
		d.problem(n, fmt.Sprintf("%s is %s, not a list", nameOf(path), n.Shape()), "begin each entry with a dash")
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
		d.problem(n, fmt.Sprintf("%s is %s, not a mapping", nameOf(path), n.Shape()), "")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, f := range n.Fields() {
		key := reflect.ValueOf(f.Key)
		if v.MapIndex(key).IsValid() {
			d.problem(f.Value, fmt.Sprintf("%q is there twice", f.Key), "")
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

// basic reads strings, booleans and numbers.
func (d *decoder) basic(path string, n input.Node, v reflect.Value) {
	if n.Shape() != input.Scalar {
		d.problem(n, fmt.Sprintf("%s is %s, not a value", nameOf(path), n.Shape()), "")
		return
	}
	text := n.Text()
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if n.Tag() != "!!bool" {
			d.problem(n, fmt.Sprintf("%s is %q, not true or false", nameOf(path), text), "")
			return
		}
		v.SetBool(strings.EqualFold(text, "true"))
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil {
			d.problem(n, fmt.Sprintf("%s is %q, not a whole number", nameOf(path), text), "")
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			d.problem(n, fmt.Sprintf("%s is %q, not a number", nameOf(path), text), "")
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

// yamlName is the name of a field in a scenario; "" if it has none.
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
		if yamlName(t.Field(i)) == name && name != "" {
			return i, true
		}
	}
	return 0, false
}
