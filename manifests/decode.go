package manifests

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"zeroloss/internal/input"
)

// codec decodes the supported kinds strictly.
func codec() runtime.Decoder {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(appsv1.SchemeGroupVersion, &appsv1.Deployment{})
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Service{})
	scheme.AddKnownTypes(policyv1.SchemeGroupVersion, &policyv1.PodDisruptionBudget{})
	addCron(scheme)
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

// Supported kinds.
const (
	deployment = "Deployment"
	service    = "Service"
	cronKind   = "CronHorizontalPodAutoscaler"
	budget     = "PodDisruptionBudget"
)

func supportedKinds() []string { return []string{deployment, service, cronKind, budget} }

// document decodes one object.
func (l *loader) document(d input.Document) {
	if d.Root.Shape() != input.Mapping {
		l.problem(d.Root, "expected a Kubernetes object, got "+d.Root.Shape(), "an object has apiVersion, kind and metadata")
		return
	}
	kind, api, ok := l.identify(d.Root)
	if !ok {
		return
	}
	problems := len(l.problems)
	switch kind {
	case deployment:
		l.checkFields(d.Root, &appsv1.Deployment{})
	case service:
		l.checkFields(d.Root, &corev1.Service{})
	case cronKind:
		l.checkFields(d.Root, &cronHPA{})
	case budget:
		l.checkFields(d.Root, &policyv1.PodDisruptionBudget{})
	}
	l.checkName(kind, d.Root)
	if len(l.problems) > problems {
		return
	}
	object, err := decode(d, kind, api)
	if err != nil {
		l.problems = append(l.problems, codecProblem(d, err))
		return
	}
	switch o := object.(type) {
	case *appsv1.Deployment:
		l.deployment(o, d.Root)
	case *corev1.Service:
		l.service(o, d.Root)
	case *cronHPA:
		l.cron(o, d.Root)
	case *policyv1.PodDisruptionBudget:
		l.budget(o, d.Root)
	}
}

// identify returns the kind and apiVersion of an object. A missing or outdated
// one is corrected if the object's fields leave no doubt. ok is false if the
// object is not supported, which is reported.
func (l *loader) identify(root input.Node) (kind, api string, ok bool) {
	kind, api = root.Get("kind").Text(), root.Get("apiVersion").Text()
	if kind == "" {
		if kind = evidentKind(root); kind == "" {
			l.problem(root, "the object has no kind", "add its kind, for example kind: Deployment")
			return "", "", false
		}
		l.correct(root, "the object has no kind; its fields are those of a "+kind, "add kind: "+kind)
	}
	if kind == "Scenario" && strings.HasPrefix(api, "zeroloss/") {
		l.problem(root.Get("kind"), "this is a scenario, not a manifest", "run it without -f")
		return "", "", false
	}
	group := strings.Split(api, "/")[0]
	switch {
	case kind == deployment && api == "apps/v1", kind == service && api == "v1", kind == cronKind && api == cronGroup+"/v1beta1",
		kind == budget && api == budgetAPI:
		return kind, api, true
	case kind == deployment && (group == "apps" || group == "extensions" || api == ""):
		l.correct(root.Find("apiVersion"), fmt.Sprintf("apiVersion %q of a Deployment is no longer served; read as apps/v1", api), "write apiVersion: apps/v1")
		return kind, "apps/v1", true
	case kind == service && api == "":
		l.correct(root, "the Service has no apiVersion; read as v1", "add apiVersion: v1")
		return kind, "v1", true
	case kind == budget:
		l.problem(root.Find("apiVersion"), fmt.Sprintf("unsupported apiVersion %q of a %s", api, budget), "write apiVersion: "+budgetAPI)
		return "", "", false
	case kind == cronKind:
		l.problem(root.Find("apiVersion"), fmt.Sprintf("unsupported apiVersion %q of a %s", api, cronKind), "write apiVersion: "+cronGroup+"/v1beta1")
		return "", "", false
	}
	l.reportUnsupported(root, kind, api)
	return "", "", false
}

// reportUnsupported distinguishes a misspelled kind (a problem) from one that is
// not supported (a warning).
func (l *loader) reportUnsupported(root input.Node, kind, api string) {
	if kind == "List" {
		l.problem(root.Find("kind"), "a List is not supported", "write its items as separate documents, with --- between them")
		return
	}
	near := input.Nearest(kind, append(supportedKinds(), "StatefulSet", "DaemonSet", "ReplicaSet"))
	if near != "" && near != kind && len(near)-len(kind) < 3 {
		l.problem(root.Find("kind"), fmt.Sprintf("unknown kind %q", kind), "did you mean "+near+"?")
		return
	}
	l.warn(root.Find("kind"), fmt.Sprintf("%s %s (%s) is not supported and has no effect", kind, quoted(root.Find("metadata.name").Text()), api), "")
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
func (l *loader) checkName(kind string, root input.Node) {
	name := root.Find("metadata.name")
	if name.Shape() != input.Scalar || name.Text() == "" || root.Get("metadata").Get("name").Shape() == input.Absent {
		l.problem(root.Find("metadata"), "the "+kind+" has no metadata.name", "")
		return
	}
	key := kind + "/" + name.Text()
	if first, twice := l.names[key]; twice {
		l.problem(name, fmt.Sprintf("duplicate %s %q", kind, name.Text()), "first defined at "+first.File+":"+strconv.Itoa(first.Line))
		return
	}
	l.names[key] = name.Problem("", "")
}

// decode decodes the document with Kubernetes' strict decoder.
func decode(d input.Document, kind, api string) (runtime.Object, error) {
	raw, err := yaml.YAMLToJSONStrict(d.Data)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	object["kind"], object["apiVersion"] = quotedJSON(kind), quotedJSON(api)
	if raw, err = json.Marshal(object); err != nil {
		return nil, err
	}
	out, _, err := codec().Decode(raw, nil, nil)
	return out, err
}

func quotedJSON(s string) json.RawMessage { return json.RawMessage(strconv.Quote(s)) }

// codecProblem converts an error of Kubernetes' decoder, which
// [loader.checkFields] did not find, to a Problem with its line.
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
