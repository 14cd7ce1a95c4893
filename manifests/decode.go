package manifests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"zeroloss/internal/input"
)

// Supported kinds.
const (
	deployment = "Deployment"
	service    = "Service"
	cronKind   = "CronHorizontalPodAutoscaler"
	budget     = "PodDisruptionBudget"
)

// objectKind is a supported kind: the version that it is read as, and its Go type.
type objectKind struct {
	name    string
	version schema.GroupVersion
	object  runtime.Object
}

// supportedKinds lists the supported kinds.
func supportedKinds() []objectKind {
	return []objectKind{
		{deployment, appsv1.SchemeGroupVersion, &appsv1.Deployment{}},
		{service, corev1.SchemeGroupVersion, &corev1.Service{}},
		{cronKind, schema.GroupVersion{Group: cronGroup, Version: "v1beta1"}, &cronHPA{}},
		{budget, policyv1.SchemeGroupVersion, &policyv1.PodDisruptionBudget{}},
	}
}

// decoder decodes documents strictly, each to an object of a supported kind.
type decoder struct {
	*diagnostics
	kinds []objectKind
	codec runtime.Decoder
	names map[string]input.Problem // kind/name to where it was first defined
}

func newDecoder(diags *diagnostics) *decoder {
	kinds, scheme := supportedKinds(), runtime.NewScheme()
	for _, k := range kinds {
		scheme.AddKnownTypeWithName(k.version.WithKind(k.name), k.object)
	}
	return &decoder{
		diagnostics: diags, kinds: kinds, names: map[string]input.Problem{},
		codec: serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(),
	}
}

// decode decodes one document. ok is false if it has problems or its kind is not
// supported; both are reported.
func (d *decoder) decode(doc input.Document) (object runtime.Object, ok bool) {
	if doc.Root.Shape() != input.Mapping {
		d.problem(doc.Root, "expected a Kubernetes object, got "+doc.Root.Shape(), "an object has apiVersion, kind and metadata")
		return nil, false
	}
	kind, ok := d.identify(doc.Root)
	if !ok {
		return nil, false
	}
	before := len(d.problems)
	checkFields(doc.Root, kind.object, d.diagnostics)
	d.checkName(kind.name, doc.Root)
	if len(d.problems) > before {
		return nil, false
	}
	object, err := d.decodeAs(kind, doc)
	if err != nil {
		d.problems = append(d.problems, codecProblem(doc, err))
		return nil, false
	}
	return object, true
}

// identify returns the kind of an object. A missing kind, and a missing or
// outdated apiVersion, is corrected if the object's fields leave no doubt. ok is
// false if the object is not supported, which is reported.
func (d *decoder) identify(root input.Node) (kind objectKind, ok bool) {
	name, api := root.Get("kind").Text(), root.Get("apiVersion").Text()
	if name == "" {
		if name = evidentKind(root); name == "" {
			d.problem(root, "the object has no kind", "add its kind, for example kind: Deployment")
			return objectKind{}, false
		}
		d.correct(root, "the object has no kind; its fields are those of a "+name, "add kind: "+name)
	}
	if name == "Scenario" && strings.HasPrefix(api, "zeroloss/") {
		d.problem(root.Get("kind"), "this is a scenario, not a manifest", "run it without -f")
		return objectKind{}, false
	}
	i := slices.IndexFunc(d.kinds, func(k objectKind) bool { return k.name == name })
	if i < 0 {
		d.reportUnsupported(root, name, api)
		return objectKind{}, false
	}
	kind = d.kinds[i]
	group, _, _ := strings.Cut(api, "/")
	switch {
	case api == kind.version.String():
		return kind, true
	case name == deployment && (group == "apps" || group == "extensions" || api == ""):
		d.correct(root.Find("apiVersion"), fmt.Sprintf("apiVersion %q of a Deployment is no longer served; read as apps/v1", api), "write apiVersion: apps/v1")
		return kind, true
	case name == service && api == "":
		d.correct(root, "the Service has no apiVersion; read as v1", "add apiVersion: v1")
		return kind, true
	case name == budget || name == cronKind:
		d.problem(root.Find("apiVersion"), fmt.Sprintf("unsupported apiVersion %q of a %s", api, name), "write apiVersion: "+kind.version.String())
		return objectKind{}, false
	}
	d.reportUnsupported(root, name, api)
	return objectKind{}, false
}

// reportUnsupported distinguishes a misspelled kind (a problem) from one that is
// not supported (a warning).
func (d *decoder) reportUnsupported(root input.Node, kind, api string) {
	if kind == "List" {
		d.problem(root.Find("kind"), "a List is not supported", "write its items as separate documents, with --- between them")
		return
	}
	near := input.Nearest(kind, []string{deployment, service, cronKind, budget, "StatefulSet", "DaemonSet", "ReplicaSet"})
	if near != "" && near != kind && len(near)-len(kind) < 3 {
		d.problem(root.Find("kind"), fmt.Sprintf("unknown kind %q", kind), "did you mean "+near+"?")
		return
	}
	d.warn(root.Find("kind"), fmt.Sprintf("%s %s (%s) is not supported and has no effect", kind, quoted(root.Find("metadata.name").Text()), api), "")
}

// evidentKind is the only kind with the object's fields; "" if there are several.
func evidentKind(root input.Node) string {
	spec := root.Get("spec")
	switch {
	case spec.Get("template").Shape() == input.Mapping && strings.HasPrefix(root.Get("apiVersion").Text(), "apps/"):
		return deployment
	case spec.Get("ports").Shape() == input.List && root.Get("apiVersion").Text() == "v1":
		return service
	case spec.Get("jobs").Shape() == input.List && strings.HasPrefix(root.Get("apiVersion").Text(), cronGroup+"/"):
		return cronKind
	}
	return ""
}

// checkName checks that the object has a name that is unique in its kind.
func (d *decoder) checkName(kind string, root input.Node) {
	name := root.Find("metadata.name")
	if name.Shape() != input.Scalar || name.Text() == "" || root.Get("metadata").Get("name").Shape() == input.Absent {
		d.problem(root.Find("metadata"), "the "+kind+" has no metadata.name", "")
		return
	}
	key := kind + "/" + name.Text()
	if first, twice := d.names[key]; twice {
		d.problem(name, fmt.Sprintf("duplicate %s %q", kind, name.Text()), "first defined at "+first.File+":"+strconv.Itoa(first.Line))
		return
	}
	d.names[key] = name.Problem("", "")
}

// decodeAs decodes the document with Kubernetes' strict decoder, as an object of
// the kind.
func (d *decoder) decodeAs(kind objectKind, doc input.Document) (runtime.Object, error) {
	raw, err := yaml.YAMLToJSONStrict(doc.Data)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	object["kind"], object["apiVersion"] = quotedJSON(kind.name), quotedJSON(kind.version.String())
	if raw, err = json.Marshal(object); err != nil {
		return nil, err
	}
	out, _, err := d.codec.Decode(raw, nil, nil)
	return out, err
}

func quotedJSON(s string) json.RawMessage { return json.RawMessage(strconv.Quote(s)) }

// codecProblem converts an error of Kubernetes' decoder, which
// [checkFields] did not find, to a Problem with its line.
func codecProblem(d input.Document, err error) input.Problem {
	text := strings.TrimPrefix(err.Error(), "strict decoding error: ")
	at := d.Root
	if _, path, ok := strings.Cut(text, `field "`); ok {
		path, _, _ = strings.Cut(path, `"`)
		at = d.Root.Find(path)
	} else if _, path, ok := strings.Cut(text, "Go struct field "); ok {
		path, _, _ = strings.Cut(path, " ")
		_, path, _ = strings.Cut(path, ".")
		at = d.Root.Find(path)
	}
	const long = 300
	if len(text) > long {
		text = text[:long] + "…"
	}
	return at.Problem("cannot be decoded: "+text, "")
}

func quoted(s string) string { return strconv.Quote(s) }
