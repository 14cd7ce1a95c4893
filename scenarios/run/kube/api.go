package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"zeroloss/loadgen/collect"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/render"
)

// Resources that a run touches; rbac.go grants them.
var (
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	nodes       = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	k8sEvents   = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	jobs        = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	replicaSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	budgets     = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}
	slices1     = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
)

// api is a cluster, as far as a run needs it.
type api struct{ *client.Client }

const manager = client.FieldManager

func newAPI(c *rest.Config) (*api, error) {
	made, err := client.New(c)
	return &api{made}, err
}

// reimage changes the template as kubectl set image would.
func (a *api) reimage(ctx context.Context, namespace, name, image string) error {
	return a.AnnotatePodTemplate(ctx, namespace, name, "changing the image of "+name, render.ImageAnnotation, image)
}

// loadClient reaches a load pod through the cluster's API: the way that is
// open wherever kubectl works.
func (a *api) loadClient(namespace, pod string) *collect.Client {
	return &collect.Client{Do: func(ctx context.Context, method, path string, body []byte) (io.ReadCloser, error) {
		where, query, _ := strings.Cut(path, "?")
		req := a.REST.Verb(method).Namespace(namespace).Resource("pods").
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
