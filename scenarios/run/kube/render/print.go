package render

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Manifest returns an object as it is applied and printed: without the empty
// fields that Go's types have and nobody wrote.
func Manifest(o Object) (map[string]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("printing %s: %w", id(o), err)
	}
	delete(m, "status")
	prune(m)
	return m, nil
}

// prune removes fields that are structs in Go, and are therefore marshalled
// even if they are empty. Pointers (emptyDir: {}) say something, and stay.
func prune(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			prune(e)
		}
	case map[string]any:
		for _, key := range []string{"metadata", "resources", "spec", "strategy"} {
			if m, ok := x[key].(map[string]any); ok && len(m) == 0 {
				delete(x, key)
			}
		}
		if x["targetPort"] == int64(0) {
			delete(x, "targetPort")
		}
		if n, ok := x["creationTimestamp"]; ok && n == nil {
			delete(x, "creationTimestamp")
		}
		for _, e := range x {
			prune(e)
		}
	}
}

func manifestYAML(o Object) ([]byte, error) {
	m, err := Manifest(o)
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("printing %s: %w", id(o), err)
	}
	return text, nil
}

// YAML returns all objects, with the adjustments in a comment before them.
func (o *Objects) YAML() (string, error) {
	var b strings.Builder
	o.writeAdjustments(&b)
	for _, x := range o.All() {
		text, err := manifestYAML(x)
		if err != nil {
			return "", err
		}
		b.WriteString("---\n")
		b.Write(text)
	}
	return b.String(), nil
}

// Diff returns what was changed in the manifests, and what was added to them,
// by lines of their YAML in its canonical form.
func (o *Objects) Diff() (string, error) {
	var b strings.Builder
	o.writeAdjustments(&b)
	for _, x := range o.All() {
		var before []byte
		if written, ok := o.written[id(x)]; ok {
			var err error
			if before, err = yaml.Marshal(written); err != nil {
				return "", fmt.Errorf("printing %s: %w", id(x), err)
			}
		}
		after, err := manifestYAML(x)
		if err != nil {
			return "", err
		}
		b.Write(diff.Diff(id(x)+" (manifest)", before, id(x)+" (applied)", after))
	}
	return b.String(), nil
}

func (o *Objects) writeAdjustments(b *strings.Builder) {
	for _, a := range o.Adjustments {
		fmt.Fprintf(b, "# %s: %s\n", a.Object, a.Text)
	}
}
