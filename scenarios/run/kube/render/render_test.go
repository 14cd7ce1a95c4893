package render_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"zeroloss/demo-services/settings"
	"zeroloss/scenarios"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/run/kube/render"
)

var update = flag.Bool("update", false, "rewrite the goldens")

// prepared is a scenario, or bare manifests, compiled.
func prepared(t *testing.T, r scenarios.Request) *scenarios.Prepared {
	t.Helper()
	r.Seed = 1
	p, err := scenarios.Prepare(r)
	require.NoError(t, err)
	return p
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// The manifest has all that this runtime repairs.
func TestRenderAdjusts(t *testing.T) {
	p := prepared(t, scenarios.Request{Manifests: []string{"testdata/legacy_manifest.yaml"}})
	r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", Free: render.Resources{MilliCPU: 2000, Memory: 4 << 30}})
	require.NoError(t, err)
	text, err := r.Diff()
	require.NoError(t, err)
	golden(t, "legacy_manifest.diff", told.ReplaceAllString(text, "value: (the settings document)"))
}

// told is the settings document, which is other packages' matter.
var told = regexp.MustCompile(`(?m)value: '{"schema".*$`)

func TestRenderOfTheCatalogue(t *testing.T) {
	for _, name := range scenarios.Names() {
		p := prepared(t, scenarios.Request{Scenario: name})
		if p.Plan.Speed != 1 {
			_, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1"})
			require.ErrorIs(t, err, render.ErrSpeed, name)
			continue
		}
		r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", LoadHost: "10.0.0.1", RegistryHost: "10.0.0.2"})
		require.NoError(t, err, name)
		require.Len(t, r.Workloads, len(p.Plan.Workloads), name)
		require.Equal(t, p.Plan.UsesRegistry(), r.Registry != nil, "a registry for those who register, and for no others")
		for _, o := range r.All() {
			labels := at(t, o, "metadata", "labels").(map[string]any)
			require.Equal(t, "zeroloss", labels["app.kubernetes.io/managed-by"], name)
			require.Equal(t, "r1", labels["zeroloss/run"], name)
		}
		for i, w := range r.Workloads {
			if p.Plan.Workloads[i].External {
				c := at(t, w, "spec", "template", "spec", "containers")
				require.Equal(t, "zeroloss:1", at(t, c, "image"), "nothing is pulled")
				require.Equal(t, "plain-server", at(t, c, "args").([]any)[0])
				require.Nil(t, at(t, c, "env"), "it is told nothing")
				continue
			}
			d := document(t, w)
			require.Equal(t, p.Plan.Workloads[i].Service, d.Service)
			require.Equal(t, p.Plan.Workloads[i].Settings.Offline, d.Offline)
			require.Equal(t, "tcp:10.0.0.1:7071", d.Events)
			require.Equal(t, "10.0.0.2", d.Registry.Host)
		}
	}
}

// at is a field of an object, through lists by their first entry.
func at(t *testing.T, v any, keys ...string) any {
	t.Helper()
	if o, ok := v.(render.Object); ok {
		m, err := render.Manifest(o)
		require.NoError(t, err)
		v = m
	}
	for _, k := range keys {
		if l, ok := v.([]any); ok {
			v = l[0]
		}
		switch m := v.(type) {
		case map[string]any:
			v = m[k]
		default:
			t.Fatalf("no field %q in %v", k, v)
		}
	}
	return v
}

// document is what a workload's service reads once Kubernetes has filled in
// pod and address.
func document(t *testing.T, w *appsv1.Deployment) settings.Document {
	for _, e := range w.Spec.Template.Spec.Containers[0].Env {
		if e.Name == settings.Env {
			text := strings.NewReplacer("$(POD_NAME)", "b-1", "$(POD_IP)", "10.0.0.9").Replace(e.Value)
			d, err := settings.Parse([]byte(strings.ReplaceAll(text, "$$(", "$(")))
			require.NoError(t, err)
			require.Equal(t, "b-1", d.Pod)
			require.Equal(t, "10.0.0.9", d.IP)
			return d
		}
	}
	t.Fatal("no settings")
	return settings.Document{}
}

// What a scenario changes by set: is changed in what is applied.
func TestRenderFollowsThePlan(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline", Set: []string{
		"set.spring-cloud-b-gray.preStop=sleep 5", "set.spring-cloud-b-gray.grace=40s", "set.spring-cloud-b-gray.replicas=3",
	}})
	r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1"})
	require.NoError(t, err)
	for i, w := range p.Plan.Workloads {
		if w.Name != "spring-cloud-b-gray" {
			continue
		}
		require.EqualValues(t, 3, at(t, r.Workloads[i], "spec", "replicas"))
		require.EqualValues(t, 40, at(t, r.Workloads[i], "spec", "template", "spec", "terminationGracePeriodSeconds"))
		require.Equal(t, []any{"/bin/sh", "-c", "sleep 5"}, at(t, r.Workloads[i], "spec", "template", "spec", "containers", "lifecycle", "preStop", "exec", "command"))
	}
	var texts []string
	for _, f := range r.Findings("manifests.yaml") {
		texts = append(texts, f.Text)
		require.Positive(t, f.Line)
	}
	require.Contains(t, texts, "Deployment/spring-cloud-b-gray: preStop as the scenario has it")
}

// A drain's pods are put where they can be drained, and everything else where
// nothing drains it; budgets are the run's own.
func TestRenderPlacesForADrain(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "drain"})
	r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", DrainedNode: "n1"})
	require.NoError(t, err)
	affinity := func(pod any) any { return at(t, pod, "affinity", "nodeAffinity") }
	away := func(pod any) {
		t.Helper()
		field := at(t, affinity(pod), "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", "matchFields", "operator")
		require.Equal(t, "NotIn", field)
	}
	away(at(t, r.Load, "spec"))
	away(at(t, r.Registry, "spec", "template", "spec"))
	for i, w := range p.Plan.Workloads {
		pod := at(t, r.Workloads[i], "spec", "template", "spec")
		if w.Service != "spring-cloud-b" {
			away(pod)
			continue
		}
		first := at(t, affinity(pod), "preferredDuringSchedulingIgnoredDuringExecution", "preference", "matchFields").([]any)[0].(map[string]any)
		require.Equal(t, map[string]any{"key": "metadata.name", "operator": "In", "values": []any{"n1"}}, first, "and elsewhere once it takes none")
	}
	require.Equal(t, "PodDisruptionBudget", at(t, r.Others[0], "kind"))
	require.Equal(t, "zeroloss-r1", at(t, r.Others[0], "metadata", "namespace"))

	p = prepared(t, scenarios.Request{Scenario: "offline"})
	r, err = render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", DrainedNode: "n1"})
	require.NoError(t, err)
	require.NotContains(t, at(t, r.Load, "spec"), "affinity", "where nothing is drained nobody is put anywhere")
}

// The image of a demo service is ours whatever its version: what a step changes
// is an annotation, so that the template changes.
func TestRenderMarksTheImage(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "testdata/image.yaml"})
	r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1"})
	require.NoError(t, err)
	for i, w := range p.Plan.Workloads {
		notes := at(t, r.Workloads[i], "spec", "template", "metadata", "annotations")
		if w.Name == "spring-cloud-b" {
			require.Contains(t, notes, "zeroloss/image")
		} else {
			require.NotContains(t, notes, "zeroloss/image")
		}
	}
	text, err := r.YAML()
	require.NoError(t, err)
	require.Contains(t, text, "# Deployment/spring-cloud-b: annotation zeroloss/image of its pods is registry.cn-shanghai.aliyuncs.com/yizhan/spring-cloud-b:0.1-SNAPSHOT: a step changes the image")
}

// All pods of our image do what a namespace takes that enforces Pod Security's
// "restricted", and write nowhere but to /tmp. Nacos' image is not ours.
func TestRenderConfinesItsPods(t *testing.T) {
	of := func(name string) []map[string]any {
		p := prepared(t, scenarios.Request{Scenario: name})
		r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1"})
		require.NoError(t, err)
		if r.Registry != nil {
			require.Nil(t, at(t, r.Registry, "spec", "template", "spec", "securityContext"))
			require.Nil(t, at(t, r.Registry, "spec", "template", "spec", "containers", "securityContext"))
		}
		pods := []map[string]any{at(t, r.Load, "spec").(map[string]any)}
		for _, w := range r.Workloads {
			pods = append(pods, at(t, w, "spec", "template", "spec").(map[string]any))
		}
		return pods
	}
	for _, name := range []string{"offline", "own-service"} {
		for _, pod := range of(name) {
			require.Equal(t, map[string]any{
				"runAsNonRoot": true, "runAsUser": int64(image.User), "runAsGroup": int64(image.User),
				"seccompProfile": map[string]any{"type": "RuntimeDefault"},
			}, at(t, pod, "securityContext"))
			require.Equal(t, map[string]any{
				"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
			}, at(t, pod, "containers", "securityContext"))
			require.Equal(t, "/tmp", at(t, pod, "containers", "volumeMounts", "mountPath"))
			require.Contains(t, at(t, pod, "volumes").([]any)[0], "emptyDir")
		}
	}
}

// A Service finds its pods by the name of a port only if the port of that name
// is the one that they listen on: the demo service's is its own, whatever the
// manifest's containerPort says.
func TestRenderResolvesNamedPorts(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	named := func(containerPort string) (*render.Objects, *corev1.Service) {
		text := strings.Replace(string(p.Manifests), "targetPort: 20000", "targetPort: web", 1)
		require.NotEqual(t, string(p.Manifests), text)
		const port = "            - {containerPort: 20000}\n"
		require.Contains(t, text, port)
		text = strings.Replace(text, port, "            - {name: web, containerPort: "+containerPort+"}\n", 1)
		r, err := render.Render(p.Plan, []byte(text), render.Options{Run: "r1", Image: "zeroloss:1"})
		require.NoError(t, err)
		i := slices.IndexFunc(r.Services, func(s *corev1.Service) bool { return s.Name == p.Plan.Entry.Service })
		return r, r.Services[i]
	}
	r, s := named("8080")
	require.Equal(t, intstr.FromInt32(20000), s.Spec.Ports[0].TargetPort)
	require.Contains(t, r.Adjustments, render.Adjustment{Object: "Service/" + s.Name, Text: "targetPort web: 20000, which its pods listen on"})
	r, s = named("20000")
	require.Equal(t, intstr.FromString("web"), s.Spec.Ports[0].TargetPort, "it is left as it is")
	for _, a := range r.Adjustments {
		require.NotContains(t, a.Text, "targetPort")
	}
}

func TestRenderRefusesSpeed(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	p.Plan.Speed = 2
	_, err := render.Render(p.Plan, p.Manifests, render.Options{})
	require.ErrorIs(t, err, render.ErrSpeed)
}

func TestRenderSaysWhatIsMissing(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	_, err := render.Render(p.Plan, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"), render.Options{})
	require.ErrorContains(t, err, `workload "spring-cloud-zuul" of the plan is in no manifest`)
}

// What does not fit is reduced, and said; what fits is left as it is.
func TestRenderFitsTheRoom(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	for _, room := range []render.Resources{{}, {MilliCPU: 64_000, Memory: 64 << 30}, {MilliCPU: 700, Memory: 1 << 30}} {
		r, err := render.Render(p.Plan, p.Manifests, render.Options{Free: room})
		require.NoError(t, err)
		cpu := at(t, r.Registry, "spec", "template", "spec", "containers", "resources", "requests", "cpu")
		if room.MilliCPU == 700 {
			require.Equal(t, "100m", cpu)
			require.Contains(t, r.Adjustments[len(r.Adjustments)-1].Text, "requests reduced to 100m")
		} else {
			require.Equal(t, "250m", cpu)
		}
	}
}

func TestYAMLCanBeReadAgain(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1"})
	require.NoError(t, err)
	text, err := r.YAML()
	require.NoError(t, err)
	docs := strings.Split(text, "---\n")[1:]
	require.Len(t, docs, len(r.All()))
	for _, d := range docs {
		var o map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(d), &o))
		require.NotEmpty(t, o["kind"])
	}
}

func TestRBAC(t *testing.T) {
	text, err := render.RBAC()
	require.NoError(t, err)
	for _, right := range []string{"deployments/scale", "pods/eviction", "poddisruptionbudgets"} {
		require.Contains(t, text, right)
	}
	require.NotContains(t, text, `"*"`, "nothing is asked for that is not needed")
}

// Several load pods are a Job that shares the schedule; the first of them is
// the one that services talk to.
func TestRenderOfSeveralLoadPods(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	renderN := func(n int, room render.Resources) *render.Objects {
		r, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", LoadPods: n, Free: room})
		require.NoError(t, err)
		return r
	}
	selector := func(r *render.Objects) map[string]any {
		for _, s := range r.Services {
			if at(t, s, "metadata", "name") == "zeroloss-load" {
				return at(t, s, "spec", "selector").(map[string]any)
			}
		}
		t.Fatal("no Service of the load pod")
		return nil
	}
	for _, n := range []int{0, 1} { // 200 requests a second need but one
		r := renderN(n, render.Resources{})
		require.Equal(t, "Pod", at(t, r.Load, "kind"))
		require.Equal(t, map[string]any{"app": "zeroloss-load", "zeroloss/run": "r1"}, selector(r))
	}
	r := renderN(3, render.Resources{})
	require.Equal(t, map[string]any{"app": "zeroloss-load", "zeroloss/run": "r1", "batch.kubernetes.io/job-completion-index": "0"}, selector(r))
	load, err := render.Manifest(r.Load)
	require.NoError(t, err)
	text, err := yaml.Marshal(load)
	require.NoError(t, err)
	golden(t, "load-job.yaml", string(text))

	// Each of them needs its part of a processor.
	enough := render.Resources{MilliCPU: 8 * 200, Memory: 64 << 30}
	one, three := renderN(1, enough), renderN(3, enough)
	require.Greater(t, len(three.Adjustments), len(one.Adjustments), "what the others ask for has to shrink")

	for _, n := range []int{-1, 101} {
		_, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1", LoadPods: n})
		require.ErrorContains(t, err, "there can be 1 to 100")
	}
	fast := *p.Plan
	fast.Streams = slices.Clone(fast.Streams)
	fast.Streams[0].Rate = 5000
	r, err = render.Render(&fast, p.Manifests, render.Options{Run: "r1", Image: "zeroloss:1"})
	require.NoError(t, err)
	_, n := r.LoadPods()
	require.Equal(t, 3, n, "5,100 a second, 2,000 each")
}

// The rules that are printed grant all that a run applies.
func TestRBACGrantsWhatIsApplied(t *testing.T) {
	text, err := render.RBAC()
	require.NoError(t, err)
	var role rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &role))
	granted := func(group, resource, verb string) bool {
		return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource) && slices.Contains(r.Verbs, verb)
		})
	}
	for _, load := range []int{1, 2} {
		for _, name := range []string{"drain", "own-service"} {
			p := prepared(t, scenarios.Request{Scenario: name})
			o, err := render.Render(p.Plan, p.Manifests, render.Options{Run: "r1", LoadPods: load})
			require.NoError(t, err)
			for _, x := range o.All() {
				kind := x.GetObjectKind().GroupVersionKind()
				plural, _ := meta.UnsafeGuessKindToResource(kind)
				for _, verb := range []string{"create", "patch"} {
					require.True(t, granted(kind.Group, plural.Resource, verb), "%s %s", verb, plural)
				}
			}
		}
	}
}
