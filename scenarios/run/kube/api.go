package kube

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"zeroloss/loadgen/collect"
	"zeroloss/scenarios/run"
)

// Resources that a run touches; rbac.go grants them.
var (
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	nodes       = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	k8sEvents   = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	jobs        = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	budgets     = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	reviews     = schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
	slices1     = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// resourceOf is the resource of an object that Render makes.
func resourceOf(o Object) (schema.GroupVersionResource, error) {
	for kind, r := range map[string]schema.GroupVersionResource{
		"Namespace": namespaces, "Pod": pods, "Service": services, "ConfigMap": configMaps, "Secret": secrets, "Deployment": deployments, "Job": jobs,
		"PodDisruptionBudget": budgets,
	} {
		if o.text("kind") == kind {
			return r, nil
		}
	}
	return schema.GroupVersionResource{}, fmt.Errorf("objects of kind %q are not applied", o.text("kind"))
}

// api is a cluster, as far as a run needs it.
type api struct {
	dynamic.Interface
	core *rest.RESTClient // for what the dynamic client has not: proxies and logs
	host string
}

// manager is who applies, in the words of server-side apply.
const manager = "zeroloss"

func newAPI(c *rest.Config) (*api, error) {
	c = rest.CopyConfig(c)
	c.QPS, c.Burst = 100, 200 // one run, and its clean-up has to be quick
	c.UserAgent = "zeroloss"
	d, err := dynamic.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("making a client of %q: %w", c.Host, err)
	}
	c.APIPath, c.GroupVersion = "/api", &schema.GroupVersion{Version: "v1"}
	c.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	core, err := rest.RESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("making a client of %q: %w", c.Host, err)
	}
	return &api{Interface: d, core: core, host: c.Host}, nil
}

// apply applies o by server-side apply, as its owner.
func (a *api) apply(ctx context.Context, o Object) (*unstructured.Unstructured, error) {
	gvr, err := resourceOf(o)
	if err != nil {
		return nil, err
	}
	// By way of text: the client knows JSON's types alone.
	u := &unstructured.Unstructured{Object: o.clone()}
	got, err := a.in(gvr, u.GetNamespace()).Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: manager, Force: true})
	if err != nil {
		return nil, a.explain("applying "+id(o), err)
	}
	return got, nil
}

func (a *api) in(gvr schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return a.Resource(gvr)
	}
	return a.Resource(gvr).Namespace(namespace)
}

// scale sets a Deployment's replicas through its scale subresource.
func (a *api) scale(ctx context.Context, namespace, name string, n int) error {
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)
	_, err := a.in(deployments, namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}, "scale")
	return a.explain(fmt.Sprintf("scaling %s to %d", name, n), err)
}

// restart is what kubectl rollout restart does: the template changes, and the
// Deployment's strategy does the rest.
func (a *api) restart(ctx context.Context, namespace, name string, now time.Time) error {
	return a.annotatePods(ctx, namespace, name, "restarting "+name, "kubectl.kubernetes.io/restartedAt", now.Format(time.RFC3339Nano))
}

// imageMark is the annotation of a pod template that names the image which its
// pods are to have: the container's own is ours whatever its version.
const imageMark = "zeroloss/image"

// reimage changes the template as kubectl set image would.
func (a *api) reimage(ctx context.Context, namespace, name, image string) error {
	return a.annotatePods(ctx, namespace, name, "changing the image of "+name, imageMark, image)
}

func (a *api) annotatePods(ctx context.Context, namespace, name, doing, key, value string) error {
	return a.patchDeployment(ctx, namespace, name, doing, map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{key: value},
	}}})
}

// hold is kubectl rollout pause, and resume.
func (a *api) hold(ctx context.Context, namespace, name string, on bool) error {
	doing := "resuming " + name
	if on {
		doing = "pausing " + name
	}
	return a.patchDeployment(ctx, namespace, name, doing, map[string]any{"paused": on})
}

func (a *api) patchDeployment(ctx context.Context, namespace, name, doing string, spec map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	_, err = a.in(deployments, namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return a.explain(doing, err)
}

// forget removes a pod from the API at once.
func (a *api) forget(ctx context.Context, namespace, name string) error {
	zero := int64(0)
	err := a.in(pods, namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return a.explain("deleting pod "+name, err)
}

// logTail is the end of a container's log, of its previous incarnation if
// that is asked for; "" where there is none.
func (a *api) logTail(ctx context.Context, namespace, pod string, previous bool) string {
	req := a.core.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").Param("tailLines", "8").Param("limitBytes", "2000")
	if previous {
		req = req.Param("previous", "true")
	}
	b, err := req.Do(ctx).Raw()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// post sends body to a pod's port, through the cluster's API.
func (a *api) post(ctx context.Context, namespace, pod string, port int, path string, body []byte) error {
	return a.core.Post().Namespace(namespace).Resource("pods").Name(fmt.Sprintf("%s:%d", pod, port)).
		SubResource("proxy").Suffix(path).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
}

// loadClient reaches a load pod through the cluster's API: the way that is
// open wherever kubectl works.
func (a *api) loadClient(namespace, pod string) *collect.Client {
	return &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		where, query, _ := strings.Cut(path, "?")
		req := a.core.Verb(method).Namespace(namespace).Resource("pods").
			Name(fmt.Sprintf("%s:%d", pod, collect.HTTPPort)).SubResource("proxy").Suffix(where)
		values, err := url.ParseQuery(query)
		if err != nil {
			return nil, fmt.Errorf("asking for %q: %w", path, err)
		}
		for k := range values {
			req = req.Param(k, values.Get(k))
		}
		if body != nil {
			req = req.SetHeader("Content-Type", "application/json").Body(bytes.NewReader(body))
		}
		return req.Stream(ctx)
	}}
}

// explain says what a failed request to the cluster means, and what to do.
func (a *api) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case apierrors.IsUnauthorized(err):
		hint = "the cluster does not accept these credentials; check the context's user"
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		hint = "a quota of the namespace is too small for the run"
	case apierrors.IsForbidden(err):
		hint = "the rights are missing; zeroloss render --rbac prints those that a run needs"
	case errors.As(err, &cert), errors.Is(err, http.ErrSchemeMismatch):
		hint = "what answers at " + a.host + " is not the cluster that the kubeconfig means; is this the right context?"
	case errors.As(err, &dns), errors.As(err, &op), errors.Is(err, context.DeadlineExceeded):
		hint = "the cluster at " + a.host + " cannot be reached; is it up, and is this the right context?"
	}
	if hint != "" {
		return fmt.Errorf("%w: %s: %w\n  %s", run.ErrEnvironment, doing, err, hint)
	}
	return fmt.Errorf("%w: %s: %w", run.ErrEnvironment, doing, err)
}

// decodeInto reads an object into a struct that names the fields of interest.
func decodeInto(u *unstructured.Unstructured, into any) error {
	b, err := u.MarshalJSON()
	if err != nil {
		return fmt.Errorf("reading %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("reading %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}
