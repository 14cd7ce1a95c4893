package e2e

import (
	"fmt"
	"maps"
	"slices"
)

// violations holds v against the part of JSON Schema that our schemas use. A
// keyword that is not among them is a violation too: it would go unchecked.
func violations(schema map[string]any, v any, at string) (out []string) {
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		rule := schema[keyword]
		check, ok := keywords[keyword]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s: the schema says %q, which is not checked here", at, keyword))
		case check != nil && !check(rule, v):
			out = append(out, fmt.Sprintf("%s: %v breaks %s %v", at, v, keyword, rule))
		}
	}
	switch v := v.(type) {
	case []any:
		if items, ok := schema["items"].(map[string]any); ok {
			for i, x := range v {
				out = append(out, violations(items, x, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case map[string]any:
		known, _ := schema["properties"].(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			sub, ok := known[k].(map[string]any)
			if !ok {
				sub, _ = schema["additionalProperties"].(map[string]any)
			}
			out = append(out, violations(sub, v[k], at+"."+k)...)
		}
	}
	return out
}

// keywords are the rules that look at one value; nil for those that say
// nothing by themselves.
var keywords = map[string]func(rule, v any) bool{
	"$schema": nil, "title": nil, "description": nil, "items": nil, "properties": nil, "additionalProperties": nil,
	"type":  ofType,
	"const": func(rule, v any) bool { return rule == v },
	"enum":  func(rule, v any) bool { return slices.Contains(rule.([]any), v) },
	"required": func(rule, v any) bool {
		object, _ := v.(map[string]any)
		return !slices.ContainsFunc(rule.([]any), func(k any) bool { _, ok := object[k.(string)]; return !ok })
	},
	"minimum":  func(rule, v any) bool { n, ok := v.(float64); return !ok || n >= rule.(float64) },
	"maximum":  func(rule, v any) bool { n, ok := v.(float64); return !ok || n <= rule.(float64) },
	"minItems": func(rule, v any) bool { return float64(len(v.([]any))) >= rule.(float64) },
	"maxItems": func(rule, v any) bool { return float64(len(v.([]any))) <= rule.(float64) },
}

func ofType(rule, v any) bool {
	names, several := rule.([]any)
	if !several {
		names = []any{rule}
	}
	return slices.ContainsFunc(names, func(name any) bool {
		switch v := v.(type) {
		case nil:
			return name == "null"
		case bool:
			return name == "boolean"
		case string:
			return name == "string"
		case float64:
			return name == "number" || name == "integer" && v == float64(int64(v))
		case []any:
			return name == "array"
		default:
			return name == "object"
		}
	})
}
