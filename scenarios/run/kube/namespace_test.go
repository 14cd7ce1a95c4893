package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
)

// namespaceOf is a namespace as it may be found in a cluster.
func namespaceOf(name string, labels, annotations map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: annotations}}
}

// TestCleanTouchesNothingElse: a namespace that only looks like a run's is left alone,
// and so is a run's while its process is there, or if it was kept.
func TestCleanTouchesNothingElse(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	ours := func(id string) map[string]string {
		return map[string]string{owner.ManagedByLabel: owner.Name, owner.RunLabel: id}
	}
	dead := map[string]string{owner.Annotation: host + "/0"}
	world := []runtime.Object{
		namespaceOf("zeroloss-1", ours("1"), dead),
		namespaceOf("zeroloss-2", ours("2"), map[string]string{owner.Annotation: host + "/" + strconv.Itoa(os.Getpid())}),
		namespaceOf("zeroloss-3", ours("3"), map[string]string{owner.Annotation: host + "/0", owner.KeptAnnotation: "true"}),
		namespaceOf("zeroloss-4", ours("4"), map[string]string{owner.Annotation: "elsewhere/1"}),
		namespaceOf("zeroloss-5", ours("6"), dead),
		namespaceOf("zeroloss-6", nil, dead),
		namespaceOf("zeroloss-7", map[string]string{owner.ManagedByLabel: owner.Name}, dead),
		namespaceOf("shop", ours("shop"), dead),
		namespaceOf("zeroloss", ours(""), dead),
		namespaceOf("zeroloss-8", map[string]string{owner.ManagedByLabel: "helm", owner.RunLabel: "8"}, dead),
	}
	for all, want := range map[bool][]string{
		false: {"zeroloss-1"},
		true:  {"zeroloss-1", "zeroloss-3", "zeroloss-4"},
	} {
		c, _ := clienttest.New(t, world...)
		var said []string
		require.NoError(t, cleanNamespaces(t.Context(), c, CleanOptions{All: all, Say: func(s string) { said = append(said, s) }}, host))
		left, err := c.Namespaces().List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		there := map[string]bool{}
		for _, u := range left.Items {
			there[u.Name] = true
		}
		for _, o := range world {
			name := o.(*corev1.Namespace).Name
			require.Equal(t, !slices.Contains(want, name), there[name], "%s, all: %v", name, all)
		}
		require.Contains(t, said, "namespace zeroloss-1: deleted")
		require.Contains(t, said, "namespace zeroloss-2: left alone, process "+strconv.Itoa(os.Getpid())+" works with it")
	}
}

// A namespace that exists already is refused, and left as it is.
func TestAnExistingNamespaceIsRefused(t *testing.T) {
	c, _ := clienttest.New(t, namespaceOf("zeroloss-1", nil, nil))
	n := &runNamespace{name: "zeroloss-1", c: c}
	require.ErrorContains(t, n.create(t.Context(), "1"), `namespace "zeroloss-1" exists already`)
	require.False(t, n.created)
	require.NoError(t, n.deleteOrKeep(t.Context()))
	_, err := c.Namespaces().Get(t.Context(), "zeroloss-1", metav1.GetOptions{})
	require.NoError(t, err)
}

// An interruption while the request is on its way does not leave a namespace that
// the run does not know of.
func TestCreateSurvivesAnInterruption(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	c, _ := clienttest.New(t)
	n := &runNamespace{name: "zeroloss-1", c: c}
	require.NoError(t, n.create(ctx, "1"))
	require.True(t, n.created)
	got, err := c.Namespaces().Get(t.Context(), "zeroloss-1", metav1.GetOptions{})
	require.NoError(t, err)
	l, ours := owner.Namespace(got)
	require.True(t, ours)
	require.Equal(t, owner.Self(), l.Process)
}

// TestKeep: clean leaves a namespace alone that was kept on purpose.
func TestKeep(t *testing.T) {
	c, _ := clienttest.New(t)
	var told []string
	n := &runNamespace{name: "zeroloss-1", c: c, keep: true, logf: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}
	require.NoError(t, n.create(t.Context(), "1"))
	require.NoError(t, n.deleteOrKeep(t.Context()))
	require.Equal(t, []string{"kept namespace zeroloss-1: kubectl delete namespace zeroloss-1"}, told)
	got, err := c.Namespaces().Get(t.Context(), "zeroloss-1", metav1.GetOptions{})
	require.NoError(t, err)
	l, _ := owner.Namespace(got)
	require.True(t, l.Kept)
}

// Jobs are deleted before pods, or they would create them anew.
func TestANamespaceIsEmptiedOfJobs(t *testing.T) {
	c, server := clienttest.New(t, namespaceOf("zeroloss-x", nil, nil), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: render.LoadPod, Namespace: "zeroloss-x"}})
	require.NoError(t, deleteNamespace(t.Context(), c, "zeroloss-x"))
	var order []string
	for _, r := range server.Requests() {
		if resource, ok := strings.CutPrefix(r, "DELETE "); ok {
			order = append(order, resource[strings.LastIndex(resource, "/")+1:])
		}
	}
	require.Equal(t, []string{"deployments", "jobs", "pods", "zeroloss-x"}, order[:4])
}

// What answers at a context's address may be anything.
func TestExplainCreate(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	defer silent.Close()
	hints := map[string]string{
		web.URL:                               "is no Kubernetes API server",
		secure.URL:                            "is not the cluster that the kubeconfig means",
		"https" + web.URL[len("http"):]:       "is not the cluster that the kubeconfig means",
		"http://127.0.0.1:1":                  "cannot be reached",
		"http://" + silent.Addr().String():    "cannot be reached",
		"http://zeroloss-does-not-exist.test": "cannot be reached",
	}
	for host, want := range hints {
		c, err := client.New(&rest.Config{Host: host, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		_, err = c.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
		stop()
		err = explainCreate(c, "x", err)
		require.ErrorIs(t, err, run.ErrEnvironment, host)
		require.ErrorContains(t, err, want, host)
	}
}

// A namespace that is only not answered for is not said to exist still; one that
// does is.
func TestWaitDeleted(t *testing.T) {
	refused := errors.New("connection refused")
	for name, x := range map[string]struct {
		answers func(since time.Duration) error // of reading it; nil: it exists
		want    string
		within  time.Duration
	}{
		"stuck":       {func(time.Duration) error { return nil }, "is being deleted and still exists", time.Minute},
		"gone silent": {func(d time.Duration) error { return unless(d < 5*time.Second, refused) }, "waiting for the deletion of namespace zeroloss-1:", time.Minute},
		"cut off":     {func(d time.Duration) error { return unless(d < cleanupTimeout-time.Second, refused) }, "is being deleted and still exists", time.Minute},
		"no right":    {func(time.Duration) error { return apierrors.NewForbidden(corev1.Resource("namespaces"), "x", nil) }, "permissions are missing", time.Second},
		"gone": {func(d time.Duration) error {
			return unless(d < 2*time.Second, apierrors.NewNotFound(corev1.Resource("namespaces"), "zeroloss-1"))
		}, "", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, server := clienttest.New(t, namespaceOf("zeroloss-1", nil, nil))
				began := time.Now()
				server.OnRequest(func(r *http.Request) error {
					if r.Method != http.MethodGet {
						return nil
					}
					return x.answers(time.Since(began))
				})
				ctx, stop := context.WithTimeout(t.Context(), cleanupTimeout)
				defer stop()
				err := waitDeleted(ctx, c, "zeroloss-1")
				require.LessOrEqual(t, time.Since(began), x.within)
				if x.want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, run.ErrEnvironment)
				require.ErrorContains(t, err, x.want)
			})
		})
	}
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}
