package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema returns the JSON Schema of a scenario, for editors. It is generated
// from the types and tags that [Decode] uses; Decode checks what a schema
// cannot express.
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{
		FieldNameTag:  "yaml",
		LookupComment: comment,
		Mapper:        scalarSchema,
	}
	s := r.Reflect(&Scenario{})
	s.ID, s.Title = "urn:zeroloss:schema:scenario-v1", "zeroloss Scenario"
	refine(s, reflect.TypeFor[Scenario]())
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	return append(b, '\n'), nil
}

// comment returns a field's doc tag.
func comment(t reflect.Type, field string) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	f, _ := t.FieldByName(field)
	return f.Tag.Get("doc")
}

// scalarSchema returns the schema of types that are written as text.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string, examples ...any) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
	}
	switch t {
	case reflect.TypeFor[Duration]():
		return text(`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+|[0-9]+ *d)$`, "500ms", "70s", "1m30s")
	case reflect.TypeFor[Offset]():
		return text(`^-?(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`, "-30s", "90s")
	case reflect.TypeFor[Clock]():
		return text("", "00:04:50", "2026-01-05 00:04:50")
	case reflect.TypeFor[Rate]():
		return text(`^[0-9.]+ */ *[smh]$`, "100/s")
	case reflect.TypeFor[Request]():
		return text(`^((GET|POST) +)?/\S*$`, "GET /A/a")
	case reflect.TypeFor[BaseURL]():
		return text(`^https?://`, "http://orders.example:8080")
	case reflect.TypeFor[After]():
		return text(afterForm.String(), "gray.deregistered + 200ms")
	case reflect.TypeFor[StringOrNumber]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "integer"}}}
	case reflect.TypeFor[StringList]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "array", Items: &jsonschema.Schema{Type: "string"}}}}
	case reflect.TypeFor[Patch]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[Unsupported]():
		return &jsonschema.Schema{Description: "not supported yet"}
	}
	return nil
}

// refine adds choices and defaults from tags, and allows none as a readiness
// probe.
func refine(s *jsonschema.Schema, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	definition, ok := s.Definitions[t.Name()]
	if t.Kind() != reflect.Struct || !ok {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if yamlName(f) == "" {
			continue
		}
		property, ok := definition.Properties.Get(yamlName(f))
		if !ok {
			continue
		}
		if choices := f.Tag.Get("enum"); choices != "" {
			for _, c := range strings.Split(choices, ",") {
				property.Enum = append(property.Enum, c)
			}
		}
		if d := f.Tag.Get("default"); d != "" {
			property.Default = d
			if property.Type != "string" {
				property.Default = json.RawMessage(d)
			}
		}
		if f.Type == reflect.TypeFor[*Probe]() {
			reference := *property
			*property = jsonschema.Schema{Description: property.Description, OneOf: []*jsonschema.Schema{{Ref: reference.Ref}, {Const: "none"}}}
		}
		refine(s, f.Type)
	}
}
