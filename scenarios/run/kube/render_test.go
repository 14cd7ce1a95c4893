package kube_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"zeroloss/demo-services/settings"
	"zeroloss/scenarios"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/run/kube"
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
func TestRenderRepairs(t *testing.T) {
	p := prepared(t, scenarios.Request{Manifests: []string{"testdata/needy.yaml"}})
	r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", Room: kube.Capacity{MilliCPU: 2000, Memory: 4 << 30}})
	require.NoError(t, err)
	text, err := r.Diff()
	require.NoError(t, err)
	golden(t, "needy.diff", told.ReplaceAllString(text, "value: (the settings document)"))
}

// told is the settings document, which is other packages' matter.
var told = regexp.MustCompile(`(?m)value: '{"schema".*$`)

func TestRenderOfTheCatalogue(t *testing.T) {
	for _, name := range scenarios.Names() {
		p := prepared(t, scenarios.Request{Scenario: name})
		if p.Plan.Speed != 1 {
			_, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1"})
			require.ErrorIs(t, err, kube.ErrSpeed, name)
			continue
		}
		r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", LoadHost: "10.0.0.1", RegistryHost: "10.0.0.2"})
		require.NoError(t, err, name)
		require.Len(t, r.Workloads, len(p.Plan.Workloads), name)
		require.Equal(t, p.Plan.UsesRegistry(), r.Registry != nil, "a registry for those who register, and for no others")
		for _, o := range r.Objects() {
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
	for _, k := range keys {
		if l, ok := v.([]any); ok {
			v = l[0]
		}
		switch m := v.(type) {
		case kube.Object:
			v = m[k]
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
func document(t *testing.T, w kube.Object) settings.Document {
	for _, e := range at(t, w, "spec", "template", "spec", "containers", "env").([]any) {
		if e.(map[string]any)["name"] == settings.Env {
			text := strings.NewReplacer("$(POD_NAME)", "b-1", "$(POD_IP)", "10.0.0.9").Replace(e.(map[string]any)["value"].(string))
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
	r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1"})
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
	r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", Drained: "n1"})
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
	r, err = kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", Drained: "n1"})
	require.NoError(t, err)
	require.NotContains(t, at(t, r.Load, "spec"), "affinity", "where nothing is drained nobody is put anywhere")
}

// The image of a demo service is ours whatever its version: what a step changes
// is an annotation, so that the template changes.
func TestRenderMarksTheImage(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "testdata/image.yaml"})
	r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1"})
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
	of := func(name string) []kube.Object {
		p := prepared(t, scenarios.Request{Scenario: name})
		r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1"})
		require.NoError(t, err)
		if r.Registry != nil {
			require.Nil(t, at(t, r.Registry, "spec", "template", "spec", "securityContext"))
			require.Nil(t, at(t, r.Registry, "spec", "template", "spec", "containers", "securityContext"))
		}
		pods := []kube.Object{at(t, r.Load, "spec").(map[string]any)}
		for _, w := range r.Workloads {
			pods = append(pods, at(t, w, "spec", "template", "spec").(map[string]any))
		}
		return pods
	}
	for _, name := range []string{"offline", "own-service"} {
		for _, pod := range of(name) {
			require.Equal(t, map[string]any{
				"runAsNonRoot": true, "runAsUser": image.User, "runAsGroup": image.User,
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

func TestRenderRefusesSpeed(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	p.Plan.Speed = 2
	_, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{})
	require.ErrorIs(t, err, kube.ErrSpeed)
}

func TestRenderSaysWhatIsMissing(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	_, err := kube.Render(p.Plan, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"), kube.RenderOptions{})
	require.ErrorContains(t, err, `workload "spring-cloud-zuul" of the plan is in no manifest`)
}

// What does not fit is reduced, and said; what fits is left as it is.
func TestRenderFitsTheRoom(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	for _, room := range []kube.Capacity{{}, {MilliCPU: 64_000, Memory: 64 << 30}, {MilliCPU: 700, Memory: 1 << 30}} {
		r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Room: room})
		require.NoError(t, err)
		cpu := at(t, r.Registry, "spec", "template", "spec", "containers", "resources", "requests", "cpu")
		if room.MilliCPU == 700 {
			require.Equal(t, "100m", cpu)
			require.Contains(t, r.Repairs[len(r.Repairs)-1].Text, "requests reduced to 100m")
		} else {
			require.Equal(t, "250m", cpu)
		}
	}
}

func TestYAMLCanBeReadAgain(t *testing.T) {
	p := prepared(t, scenarios.Request{Scenario: "offline"})
	r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1"})
	require.NoError(t, err)
	text, err := r.YAML()
	require.NoError(t, err)
	docs := strings.Split(text, "---\n")[1:]
	require.Len(t, docs, len(r.Objects()))
	for _, d := range docs {
		var o map[string]any
		require.NoError(t, yaml.UnmarshalStrict([]byte(d), &o))
		require.NotEmpty(t, o["kind"])
	}
}

func TestRBAC(t *testing.T) {
	text, err := kube.RBAC()
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
	render := func(n int, room kube.Capacity) *kube.Rendered {
		r, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", LoadPods: n, Room: room})
		require.NoError(t, err)
		return r
	}
	selector := func(r *kube.Rendered) map[string]any {
		for _, s := range r.Services {
			if at(t, s, "metadata", "name") == "zeroloss-load" {
				return at(t, s, "spec", "selector").(map[string]any)
			}
		}
		t.Fatal("no Service of the load pod")
		return nil
	}
	for _, n := range []int{0, 1} { // 200 requests a second need but one
		r := render(n, kube.Capacity{})
		require.Equal(t, "Pod", at(t, r.Load, "kind"))
		require.Equal(t, map[string]any{"app": "zeroloss-load", "zeroloss/run": "r1"}, selector(r))
	}
	r := render(3, kube.Capacity{})
	require.Equal(t, map[string]any{"app": "zeroloss-load", "zeroloss/run": "r1", "batch.kubernetes.io/job-completion-index": "0"}, selector(r))
	text, err := yaml.Marshal(r.Load)
	require.NoError(t, err)
	golden(t, "load-job.yaml", string(text))

	// Each of them needs its part of a processor.
	enough := kube.Capacity{MilliCPU: 8 * 200, Memory: 64 << 30}
	one, three := render(1, enough), render(3, enough)
	require.Greater(t, len(three.Repairs), len(one.Repairs), "what the others ask for has to shrink")

	for _, n := range []int{-1, 101} {
		_, err := kube.Render(p.Plan, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1", LoadPods: n})
		require.ErrorContains(t, err, "there can be 1 to 100")
	}
	fast := *p.Plan
	fast.Streams = slices.Clone(fast.Streams)
	fast.Streams[0].Rate = 5000
	r, err = kube.Render(&fast, p.Manifests, kube.RenderOptions{Run: "r1", Image: "zeroloss:1"})
	require.NoError(t, err)
	require.Equal(t, 3, at(t, r.Load, "spec", "completions"), "5,100 a second, 2,000 each")
}
