package manifests

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/internal/input"
)

// checkFields walks an object along its Go type and reports unknown, duplicate
// and mistyped fields, each with its line and the nearest known name.
// Kubernetes' own decoder finds them, too, but does not know their lines.
func checkFields(root input.Node, object any, diags *diagnostics) {
	fieldChecker{diags}.walk("", root, reflect.TypeOf(object).Elem())
}

// fieldChecker compares nodes with Go types. The path of a node is for messages.
type fieldChecker struct{ *diagnostics }

func (c fieldChecker) walk(path string, n input.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Shape() == input.Null || n.Shape() == input.Absent {
		return // Kubernetes treats null as absent
	}
	if t == reflect.TypeFor[intstr.IntOrString]() {
		c.want(path, n, input.Scalar)
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return // quantities and times parse themselves
	}
	switch t.Kind() {
	case reflect.Struct:
		c.walkStruct(path, n, t)
	case reflect.Map:
		if c.want(path, n, input.Mapping) {
			c.walkMap(path, n, t.Elem())
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			c.want(path, n, input.Scalar)
		} else if c.want(path, n, input.List) {
			for i, item := range n.Items() {
				c.walk(fmt.Sprintf("%s[%d]", path, i), item, t.Elem())
			}
		}
	default:
		if t.Kind() != reflect.Interface && c.want(path, n, input.Scalar) {
			c.scalar(path, n, t.Kind())
		}
	}
}

func (c fieldChecker) want(path string, n input.Node, shape string) bool {
	if n.Shape() == shape {
		return true
	}
	hint := ""
	switch {
	case n.Template():
		hint = "render the template first"
	case shape == input.List:
		hint = "start each item with a dash"
	}
	c.problem(n, fmt.Sprintf("%s must be %s, got %s", last(path), shape, n.Shape()), hint)
	return false
}

func (c fieldChecker) walkStruct(path string, n input.Node, t reflect.Type) {
	if !c.want(path, n, input.Mapping) {
		return
	}
	known := jsonFields(t)
	seen := map[string]bool{}
	for _, f := range n.Fields() {
		child, ok := known[f.Key]
		switch {
		case !ok:
			c.problem(f.Value, fmt.Sprintf("unknown field %q%s", f.Key, inside(path)), input.DidYouMean(f.Key, slices.Sorted(maps.Keys(known))))
		case seen[f.Key]:
			c.problem(f.Value, fmt.Sprintf("duplicate field %q%s", f.Key, inside(path)), "")
		default:
			c.walk(strings.TrimPrefix(path+"."+f.Key, "."), f.Value, child)
		}
		seen[f.Key] = true
	}
}

func (c fieldChecker) walkMap(path string, n input.Node, element reflect.Type) {
	seen := map[string]bool{}
	for _, f := range n.Fields() {
		if seen[f.Key] {
			c.problem(f.Value, fmt.Sprintf("duplicate key %q%s", f.Key, inside(path)), "")
		}
		seen[f.Key] = true
		c.walk(path+"."+f.Key, f.Value, element)
	}
}

// scalar checks a value against its Go type as YAML 1.1 reads it, which
// Kubernetes uses: on and yes are booleans there.
func (c fieldChecker) scalar(path string, n input.Node, kind reflect.Kind) {
	text, plain := n.Text(), !n.Quoted()
	boolean := plain && isBool(text)
	number := plain && (n.Tag() == "!!int" || n.Tag() == "!!float")
	switch kind {
	case reflect.String:
		if boolean || number {
			c.problem(n, fmt.Sprintf("%s must be a string, got %s without quotes", last(path), text), "write "+quoted(text))
		}
	case reflect.Bool:
		if !boolean {
			c.problem(n, fmt.Sprintf("%s must be true or false, got %s", last(path), quoted(text)), "")
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n.Tag() != "!!int" {
			c.problem(n, fmt.Sprintf("%s must be a whole number, got %s", last(path), quoted(text)), wholeHint(text))
		}
	default: // decoding checks the others
	}
}

// wholeHint is the hint for a number with quotes or a unit.
func wholeHint(text string) string {
	digits := strings.TrimRight(text, "smhunit ")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return "write " + digits + ", without a unit or quotes"
}

func isBool(text string) bool {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off", "y", "n":
		return true
	}
	return false
}

// jsonFields maps the JSON names of a struct, inlined ones included, to types.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")):
			for k, v := range jsonFields(f.Type) {
				fields[k] = v
			}
		case name != "-" && name != "":
			fields[name] = f.Type
		}
	}
	return fields
}

func last(path string) string {
	if path == "" {
		return "the object"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

func inside(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
