package manifests

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/scenarios/hook"
)

func legacy(t *testing.T) *Set {
	t.Helper()
	data, err := os.ReadFile("testdata/legacy.yaml")
	require.NoError(t, err)
	s, err := Load([]input.Source{{Name: "legacy.yaml", Data: data}}, Options{})
	require.NoError(t, err)
	return s
}

func TestLoadWorkload(t *testing.T) {
	s := legacy(t)
	require.Equal(t, []string{"gw", "b"}, s.WorkloadNames())
	require.Equal(t, "nacos-server", s.Registry.Name)
	b, ok := s.Workload("b")
	require.True(t, ok)
	require.Equal(t, Workload{
		Name: "b", Role: B, Image: "localhost:5000/spring-cloud-b", Replicas: 3, Service: "spring-cloud-b", Tag: "gray",
		Switches:    Switches{Tag: "gray"},
		Labels:      map[string]string{"app": "b", "alicloud.service.tag": "gray"},
		Annotations: map[string]string{"controller.kubernetes.io/pod-deletion-cost": "-3"},
		Env:         map[string]string{"JAVA_HOME": "/jre", "micro.service.shutdown.server.enabled": "false"},
		Grace:       90 * time.Second,
		PreStop:     &Hook{Exec: []string{"/bin/sh", "-c", "wget http://127.0.0.1:54199/offline; sleep 2; sleep 1m"}},
		Liveness:    &Probe{TCPPort: 20002, InitialDelay: 10 * time.Second, Period: 30 * time.Second, Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3},
		MaxSurge:    Amount{N: 50, Percent: true}, MaxUnavailable: Amount{},
		MinReady: 2 * time.Second, DeletionCost: -3,
		File: "legacy.yaml", Line: 48, HookLine: 74, GraceLine: 62,
	}, b)
	require.Equal(t, 62*time.Second, slept(b))

	gw, _ := s.Workload("gw")
	require.Equal(t, &HTTPGet{Port: 20000, Path: "/up", Scheme: "http"}, gw.Readiness.HTTPGet)
	require.Equal(t, []Autoscaler{{
		Name: "b", Target: "b", Exclude: []string{"* * * 15 11 *"}, File: "legacy.yaml", Line: 91,
		Jobs: []Job{{Name: "down", Schedule: "0 0/5 * * * *", Target: 1, RunOnce: true, Line: 94}},
	}}, s.Autoscalers)
}

func TestLoadListsCorrections(t *testing.T) {
	s := legacy(t)
	require.Equal(t, []Finding{
		{"legacy.yaml", 26, "the object has no kind; its fields are those of a Deployment", "add kind: Deployment"},
		{"legacy.yaml", 45, `apiVersion "apps/v1beta2" of a Deployment is no longer served; read as apps/v1`, "write apiVersion: apps/v1"},
		{"legacy.yaml", 72, "containerPort is 8080, but the service listens on 20002", "write containerPort: 20002"},
		{"legacy.yaml", 23, `Service "nacos-server" has no port 9848: Nacos 2 clients use gRPC on port + 1000`, "add - {name: grpc, port: 9848, targetPort: 9848}"},
	}, s.Corrections)
	require.Equal(t, Service{Name: "nacos-server", Port: 9848, Target: 9848, Selector: map[string]string{"app": "nacos-server"}, File: "legacy.yaml", Line: 23}, s.Services[1])
}

func TestLoadWarnsAboutWhatHasNoEffect(t *testing.T) {
	var lines []int
	var texts []string
	for _, w := range legacy(t).Warnings {
		lines, texts = append(lines, w.Line), append(texts, w.Text)
	}
	require.Equal(t, []int{80, 70, 49, 71, 63, 67, 83}, lines, "%q", texts)
	for i, want := range []string{`container "log"`, "NODE_IP", "is set on the Deployment", "unknown switch", "volumes", "command", `ConfigMap "conf"`} {
		require.Contains(t, texts[i], want)
	}
	require.Equal(t, "did you mean micro.service.shutdown.server.enable?", legacy(t).Warnings[3].Fix)
}

func TestTheCataloguesOwnManifestIsCorrect(t *testing.T) {
	demo, ok := Open("mse-demo.yaml")
	require.True(t, ok)
	for _, name := range Names() {
		src, ok := Open(name)
		require.True(t, ok)
		sources := []input.Source{demo}
		if name != demo.Name { // it is a complement
			sources = append(sources, src)
		}
		s, err := Load(sources, Options{})
		require.NoError(t, err)
		require.Empty(t, s.Corrections, name)
		require.Empty(t, s.Warnings, name)
		for _, w := range s.Workloads {
			require.NotNil(t, w.Readiness, w.Name)
			drain := 30 * time.Second
			if w.Role.External() {
				drain = 0 // it waits for nothing
			}
			require.Greater(t, w.Grace, slept(w)+drain, w.Name)
		}
	}
	_, ok = Open("none.yaml")
	require.False(t, ok)
}

func TestImageRoles(t *testing.T) {
	const text = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: x, image: "example.com/shop/checkout:1.2"}]}}}}`
	src := []input.Source{{Name: "x.yaml", Data: []byte(text)}}
	for _, key := range []string{"example.com/shop/checkout:1.2", "example.com/shop/checkout", "checkout"} {
		for _, command := range []string{"b", "service b"} {
			s, err := Load(src, Options{ImageRoles: map[string]string{key: command}})
			require.NoError(t, err)
			require.Equal(t, B, s.Workloads[0].Role)
			require.Equal(t, "spring-cloud-b", s.Workloads[0].Service)
		}
	}
	_, err := Load(src, Options{ImageRoles: map[string]string{"checkout": "gatway"}})
	require.EqualError(t, err, "imageRoles: checkout: unknown demo service \"gatway\" (did you mean gateway?)\nx.yaml:1: unknown image \"example.com/shop/checkout:1.2\": it is not the image of a demo service (or map it with imageRoles: {checkout: a})")
}

func TestAmountRoundsAsKubernetesDoes(t *testing.T) {
	quarter := Amount{N: 25, Percent: true}
	for replicas, want := range map[int][2]int{1: {1, 0}, 2: {1, 0}, 4: {1, 1}, 5: {2, 1}, 10: {3, 2}} {
		require.Equal(t, want, [2]int{quarter.Of(replicas, true), quarter.Of(replicas, false)}, "%d replicas", replicas)
	}
	require.Equal(t, 3, Amount{N: 3}.Of(10, true))
}

// slept is how long the hook of a workload sleeps.
func slept(w Workload) time.Duration {
	if w.PreStop == nil {
		return 0
	}
	return w.PreStop.Sleep + hook.Read(w.PreStop.Exec, w.Env).Slept()
}

func TestVariablesHoldFieldsOfThePod(t *testing.T) {
	data, err := os.ReadFile("testdata/legacy.yaml")
	require.NoError(t, err)
	for path, known := range map[string]bool{"status.podIP": true, "metadata.name": true, "metadata.namespace": true, "status.hostIP": false, "spec.nodeName": false} {
		text := strings.ReplaceAll(string(data), "status.hostIP", path)
		s, err := Load([]input.Source{{Name: "legacy.yaml", Data: []byte(text)}}, Options{})
		require.NoError(t, err)
		b, _ := s.Workload("b")
		warned := slices.ContainsFunc(s.Warnings, func(f Finding) bool { return strings.Contains(f.Text, "NODE_IP") })
		require.Equal(t, known, b.FieldRefs["NODE_IP"] == path, path)
		require.Equal(t, !known, warned, path)
	}
}
