//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/rundir"
)

// Tests of external services in a cluster: the built-in scenario own-service, and
// attach to an existing service.

// targetNS is the namespace of an existing service that attach targets.
const targetNS = "e2e-strangers"

// attachCases are the runs on the existing service, one after the other.
func attachCases() []clusterCase {
	on := func(f func(*testing.T, *testCluster, string)) func(*testing.T, *testCluster) {
		return func(t *testing.T, w *testCluster) { f(t, w, w.createTarget(t)) }
	}
	to := func(code int, args ...string) func(*testing.T, *testCluster) {
		return on(func(t *testing.T, w *testCluster, url string) { runAttach(t, w, url, code, args...) })
	}
	inside := "http://orders." + targetNS + ".svc.cluster.local/"
	return []clusterCase{
		{"attach: restart, from a pod, with the rights that it prints", false, on(func(t *testing.T, w *testCluster, _ string) { runsWithPrintedRights(t, w, inside) })},
		{"attach: restart, from a pod", true, on(func(t *testing.T, w *testCluster, _ string) {
			runAttach(t, w, inside, 1, "--restart", "--allow-changes", "--in-cluster")
		})},
		{"attach: nobody is ready", false, on(refusesTargetWithoutReadyPods)},
		{"attach: restart", true, to(1, "--restart", "--allow-changes")},
		{"attach: nothing happens", true, to(3, "--observe")},
		{"attach: scale, and back after Ctrl-C", false, on(restoresReplicas)},
		{"attach: scale, and back after kill -9 and clean", true, on(cleanRestoresReplicas)},
		{"attach: the budget is spent", true, on(abortsAfterLosses)},
		{"attach: a change, before and after", true, on(triesChange)},
		{"attach: a change, kill -9 and clean", true, on(killWhileChanged)},
		{"attach: observed to its end", true, on(observesUntilSettled)},
		{"attach: a PodDisruptionBudget", false, on(respectsPodDisruptionBudget)},
	}
}

// abortsAfterLosses checks that --abort-after stops a run that loses too many
// requests, and that the losses up to then fail the gate.
func abortsAfterLosses(t *testing.T, w *testCluster, url string) {
	r := w.attach(t, url, "--restart", "--allow-changes", "--abort-after", "2")
	code := r.code(2 * time.Minute)
	var s struct {
		Reasons   []string
		Generator struct{ Due, Sent int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s), r.stderr.String())
	if code == 3 && onlyHostBusy(s.Reasons) {
		t.Skipf("skipped: the machine was too busy to measure: %s", s.Reasons)
	}
	require.Equal(t, 1, code, r.stderr.String())
	require.Contains(t, s.Reasons[len(s.Reasons)-1], "aborted: ")
	require.Contains(t, s.Reasons[len(s.Reasons)-1], "the limit (--abort-after) is 2")
	require.Less(t, s.Generator.Due, 45*25, "it has not gone on to its end")
	require.Equal(t, s.Generator.Due, s.Generator.Sent)
}

// triesChange measures a preStop sleep on a service without one: attach adds it,
// releases the service with it and without it, and restores the original.
func triesChange(t *testing.T, w *testCluster, url string) {
	patch := filepath.Join(t.TempDir(), "sleep.yaml")
	require.NoError(t, os.WriteFile(patch, []byte("spec: {template: {spec: {containers: [{name: server, lifecycle: {preStop: {sleep: {seconds: 4}}}}]}}}"), 0o644))
	had := w.ordersSpec(t)
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
	r := w.attach(t, url, "--restart", "--allow-changes", "--change", patch)
	code := r.code(5 * time.Minute)
	var s struct {
		Verdict string
		Reasons []string
		Arms    []struct {
			Name     string
			Lost     []int
			Releases int
		}
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s), r.stderr.String())
	require.Equal(t, had, w.ordersSpec(t), "it is as it was")
	if code == 3 && onlyHostBusy(s.Reasons) {
		t.Skipf("skipped: the machine was too busy to measure: %s", s.Reasons)
	}
	require.Zero(t, code, "%s\n%s", s.Reasons, r.stderr.String())
	require.Len(t, s.Arms, 2)
	require.Equal(t, "before", s.Arms[0].Name)
	require.Positive(t, s.Arms[0].Lost[0])
	require.Equal(t, []int{0}, s.Arms[1].Lost)
	for _, a := range s.Arms {
		require.Equal(t, 3, a.Releases)
	}
	require.DirExists(t, r.dir+"-1-before")
	require.DirExists(t, r.dir+"-2-after")
}

// killWhileChanged checks that clean reverts the change of a killed run.
func killWhileChanged(t *testing.T, w *testCluster, url string) {
	patch := filepath.Join(t.TempDir(), "grace.yaml")
	require.NoError(t, os.WriteFile(patch, []byte("spec: {template: {spec: {terminationGracePeriodSeconds: 29}}}"), 0o644))
	file := filepath.Join(t.TempDir(), "after.yaml")
	out, err := exec.Command(zeroloss, "attach", "--scenario", "--deployment", targetNS+"/orders", "--url", url, "--restart", "--at", "4s", "--duration", "25s", "--change", patch).Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, out, 0o644))
	had := w.ordersSpec(t)
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
	r := startVerb(t, "attach", zeroloss, filepath.Join(t.TempDir(), "run"), file, "--cluster", w.name, "--allow-changes", "--json")
	grace := func() string {
		return w.execInNode(t, "kubectl -n "+targetNS+" get deployment orders -o 'jsonpath={.spec.template.spec.terminationGracePeriodSeconds}'")
	}
	require.Eventually(t, func() bool { return grace() == "29" }, 3*time.Minute, 300*time.Millisecond)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.gone
	again := w.attach(t, url, "--restart", "--allow-changes", "--change", patch)
	require.Equal(t, 4, again.code(time.Minute))
	require.Contains(t, again.stderr.String(), "has changed Deployment "+targetNS+"/orders")
	said, err := exec.Command(zeroloss, "clean", "--cluster", w.name, "--namespace", targetNS).CombinedOutput()
	require.NoError(t, err, string(said))
	require.Contains(t, string(said), "deployment "+targetNS+"/orders: its change is reverted")
	require.Equal(t, had, w.ordersSpec(t))
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
}

// ordersSpec returns the target's Deployment as its owner wrote it: spec, labels
// and annotations, without the annotation that a restart adds to the template.
func (w *testCluster) ordersSpec(t *testing.T) string {
	t.Helper()
	var d appsv1.Deployment
	require.NoError(t, w.client.Resources().Get(t.Context(), "orders", targetNS, &d))
	delete(d.Spec.Template.Annotations, "kubectl.kubernetes.io/restartedAt")
	delete(d.Annotations, "deployment.kubernetes.io/revision")
	b, err := json.Marshal(map[string]any{"spec": d.Spec, "labels": d.Labels, "annotations": len(d.Annotations), "notes": len(d.Spec.Template.Annotations)})
	require.NoError(t, err)
	return string(b)
}

// observesUntilSettled checks that a run with --observe ends by itself after a
// release that someone else triggered.
func observesUntilSettled(t *testing.T, w *testCluster, url string) {
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
	r := w.attach(t, url, "--observe", "--settle", "3s", "--duration", "3m")
	require.Eventually(t, func() bool { return strings.Contains(r.stderr.String(), "sent, 0 failed") }, time.Minute, 100*time.Millisecond)
	began := time.Now()
	w.execInNode(t, "kubectl -n "+targetNS+" rollout restart deployment orders")
	code := r.code(3 * time.Minute)
	require.Less(t, time.Since(began), 2*time.Minute, "it did not wait for its duration")
	var s struct {
		Reasons   []string
		Generator struct{ Due, Sent int }
		Arms      map[string]struct{ Lost, Releases int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s), r.stderr.String())
	if code == 3 && onlyHostBusy(s.Reasons) {
		t.Skipf("skipped: the machine was too busy to measure: %s", s.Reasons)
	}
	require.Equal(t, 1, code, "%s\n%s", s.Reasons, r.stderr.String())
	require.Equal(t, s.Generator.Due, s.Generator.Sent, "what is not due any more is not unsent")
	require.Equal(t, 3, s.Arms["orders"].Releases)
	require.Positive(t, s.Arms["orders"].Lost)
}

// ownService runs the scenario own-service, which measures a preStop sleep.
func ownService(t *testing.T, w *testCluster) {
	var s struct {
		Arms map[string]struct {
			Lost, Releases int
			Masked         *int
		}
	}
	w.passes(t, 4*time.Minute, &s, nil, "own-service")
	without, with := s.Arms["without"], s.Arms["with"]
	require.Positive(t, without.Lost)
	require.Nil(t, without.Masked, "nobody can see it")
	require.Equal(t, 3, with.Releases)
	require.Zero(t, with.Lost)
}

// createTarget creates a service in the cluster, unless it exists, and returns
// its URL on this host's loopback address.
func (w *testCluster) createTarget(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("docker", "port", w.name+"-control-plane", fmt.Sprintf("%d/tcp", nodePort)).Output()
	require.NoError(t, err)
	url := "http://" + strings.TrimSpace(string(out)) + "/"
	if w.hasTarget {
		return url
	}
	image := w.loadOwnImage(t)
	labels := map[string]string{"app": "orders"}
	replicas := int32(3)
	resources := w.client.Resources()
	require.NoError(t, resources.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: targetNS}}))
	require.NoError(t, resources.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: targetNS},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "server", Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"plain-server", "--work", "200ms"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}},
			}}}},
		},
	}))
	require.NoError(t, resources.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: targetNS},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: labels,
			Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: nodePort}},
		},
	}))
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
	w.hasTarget = true
	return url
}

// execInNode runs a command in the control plane's node.
func (w *testCluster) execInNode(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("docker", "exec", w.name+"-control-plane", "sh", "-c", "export KUBECONFIG=/etc/kubernetes/admin.conf; "+command).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func (w *testCluster) attach(t *testing.T, url string, args ...string) *running {
	return startVerb(t, "attach", zeroloss, filepath.Join(t.TempDir(), "run"), append(args,
		"--cluster", w.name, "--deployment", targetNS+"/orders", "--url", url, "--instance-header", "X-Pod",
		"--rate", "45/s", "--at", "4s", "--duration", "25s", "--json")...)
}

// runAttach runs attach with args and checks the exit code: restarting a server
// without graceful shutdown fails the gate, and a run without a release proves
// nothing.
func runAttach(t *testing.T, w *testCluster, url string, code int, args ...string) {
	r := measure(t, strings.Join(args, " "), 3*time.Minute, func() *running {
		w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
		return w.attach(t, url, args...)
	}, nil)
	r.skipIfBusy(t)
	var s struct {
		Arms map[string]struct{ Sent, Lost, Releases int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s))
	a := s.Arms["orders"]
	if code == 1 {
		require.Positive(t, a.Lost)
		require.Equal(t, 3, a.Releases)
	} else {
		require.Zero(t, a.Releases)
	}
	require.Equal(t, code, r.code, r.stderr.String())
	require.FileExists(t, filepath.Join(r.dir, rundir.PageFile))
}

// restoresReplicas checks that a run that is interrupted while the target is
// scaled in restores its replicas.
func restoresReplicas(t *testing.T, w *testCluster, url string) {
	r := w.attach(t, url, "--scale-to", "1", "--allow-changes")
	replicas := func() string {
		return w.execInNode(t, "kubectl -n "+targetNS+" get deployment orders -o 'jsonpath={.spec.replicas}'")
	}
	require.Eventually(t, func() bool { return replicas() == "1" }, time.Minute, 200*time.Millisecond)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 130, r.code(time.Minute), r.stderr.String())
	require.Equal(t, "3", replicas())
}

// cleanRestoresReplicas checks that clean restores the replicas after a run was
// killed.
func cleanRestoresReplicas(t *testing.T, w *testCluster, url string) {
	r := w.attach(t, url, "--scale-to", "1", "--allow-changes")
	replicas := func() string {
		return w.execInNode(t, "kubectl -n "+targetNS+" get deployment orders -o 'jsonpath={.spec.replicas}'")
	}
	require.Eventually(t, func() bool { return replicas() == "1" }, time.Minute, 200*time.Millisecond)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.gone
	out, err := exec.Command(zeroloss, "clean", "--cluster", w.name).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "deployment "+targetNS+"/orders: scaled back to 3")
	require.Equal(t, "3", replicas())
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
}

// respectsPodDisruptionBudget checks that a run does nothing that a
// PodDisruptionBudget forbids.
func respectsPodDisruptionBudget(t *testing.T, w *testCluster, url string) {
	three := intstr.FromInt32(3)
	pdb := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all-of-them", Namespace: targetNS},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &three, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}},
	}
	require.NoError(t, w.client.Resources().Create(t.Context(), pdb))
	defer func() { require.NoError(t, w.client.Resources().Delete(context.WithoutCancel(t.Context()), pdb)) }()
	w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s; kubectl -n "+targetNS+" wait pdb/all-of-them --for=jsonpath='{.status.currentHealthy}'=3 --timeout 30s")
	for _, action := range [][]string{{"--restart"}, {"--scale-to", "2"}} {
		r := w.attach(t, url, append(action, "--allow-changes")...)
		require.Equal(t, 4, r.code(time.Minute))
		require.Contains(t, r.stderr.String(), `PodDisruptionBudget "all-of-them" allows`)
		require.NoDirExists(t, r.dir)
	}
}
