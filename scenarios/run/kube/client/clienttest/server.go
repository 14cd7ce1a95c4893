// Package clienttest is an API server in memory, for tests of what uses a
// client.Client. It speaks the server's own protocol, without a network, so
// that it works in a testing/synctest bubble.
//
// It keeps objects, finds them by label, patches and watches them. It has no
// controllers, no validation and no optimistic locking; see [Server.OnRequest]
// for what it does not do by itself.
package clienttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"zeroloss/scenarios/run/kube/client"
)

// Server is the API server. It implements http.RoundTripper.
type Server struct {
	// Allowed answers whether a permission is granted; nil: all are.
	Allowed func(*authorizationv1.ResourceAttributes) bool

	scheme  *runtime.Scheme
	decoder runtime.Decoder
	tracker clienttesting.ObjectTracker

	mu        sync.Mutex
	onRequest []func(*http.Request) error
	requests  []string
}

// New makes a server that has these objects, typed or unstructured, and a
// client of it.
func New(t testing.TB, objects ...runtime.Object) (*client.Client, *Server) {
	t.Helper()
	scheme, err := client.NewScheme()
	require.NoError(t, err)
	s := &Server{scheme: scheme, decoder: serializer.NewCodecFactory(scheme).UniversalDeserializer()}
	s.tracker = clienttesting.NewObjectTracker(scheme, s.decoder)
	for _, o := range objects {
		require.NoError(t, s.tracker.Add(s.typed(t, o)))
	}
	c, err := client.New(&rest.Config{Host: "http://cluster.test", Transport: s})
	require.NoError(t, err)
	return c, s
}

func (s *Server) typed(t testing.TB, o runtime.Object) runtime.Object {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o
	}
	out, err := s.scheme.New(u.GroupVersionKind())
	require.NoError(t, err)
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out))
	return out
}

// OnRequest calls f before each request is served. A Status error of f is the
// server's answer, any other one the connection's; nil goes on.
func (s *Server) OnRequest(f func(*http.Request) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRequest = append(s.onRequest, f)
}

// Requests returns the requests that were served, as "GET /api/v1/pods".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// RoundTrip implements http.RoundTripper.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	hooks := slices.Clone(s.onRequest)
	s.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	for _, f := range hooks {
		if err := f(r); err != nil {
			var status apierrors.APIStatus
			if errors.As(err, &status) {
				return answer(r, nil, err), nil
			}
			return nil, err
		}
	}
	q, err := parse(r)
	if err != nil {
		return answer(r, nil, err), nil
	}
	if r.URL.Query().Get("watch") != "" {
		w, err := s.tracker.Watch(q.gvr, q.namespace)
		if err != nil {
			return answer(r, nil, err), nil
		}
		return s.stream(r, w), nil
	}
	o, err := s.serve(r, q)
	if err == nil && o != nil {
		err = s.setKind(o)
	}
	return answer(r, o, err), nil
}

// request is what a path means.
type request struct {
	gvr                          schema.GroupVersionResource
	namespace, name, subresource string
}

func parse(r *http.Request) (request, error) {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var q request
	switch {
	case len(part) > 2 && part[0] == "api":
		q.gvr.Version, part = part[1], part[2:]
	case len(part) > 3 && part[0] == "apis":
		q.gvr.Group, q.gvr.Version, part = part[1], part[2], part[3:]
	default:
		return q, apierrors.NewNotFound(schema.GroupResource{}, r.URL.Path)
	}
	if part[0] == "namespaces" && len(part) > 2 {
		q.namespace, part = part[1], part[2:]
	}
	part = append(part, "", "")
	q.gvr.Resource, q.name, q.subresource = part[0], part[1], part[2]
	return q, nil
}

func (s *Server) serve(r *http.Request, q request) (runtime.Object, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	switch {
	case r.Method == http.MethodPost && q.subresource == "eviction":
		return &metav1.Status{Status: metav1.StatusSuccess}, s.tracker.Delete(q.gvr, q.namespace, q.name)
	case r.Method == http.MethodPost || r.Method == http.MethodPut:
		return s.write(r.Method, q, body)
	case r.Method == http.MethodPatch:
		return s.patch(q, types.PatchType(r.Header.Get("Content-Type")), body, r.URL.Query().Get("dryRun") != "")
	case r.Method == http.MethodGet && q.name != "":
		return s.tracker.Get(q.gvr, q.namespace, q.name)
	}
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	switch {
	case r.Method == http.MethodGet:
		return s.list(q, selector)
	case q.name != "":
		return &metav1.Status{Status: metav1.StatusSuccess}, s.tracker.Delete(q.gvr, q.namespace, q.name)
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, s.deleteAll(q, selector)
}

func (s *Server) write(method string, q request, body []byte) (runtime.Object, error) {
	o, _, err := s.decoder.Decode(body, nil, nil)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if review, ok := o.(*authorizationv1.SelfSubjectAccessReview); ok {
		review.Status.Allowed = s.Allowed == nil || s.Allowed(review.Spec.ResourceAttributes)
		return review, nil
	}
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if q.namespace != "" {
		m.SetNamespace(q.namespace)
	}
	if method == http.MethodPost {
		err = s.tracker.Create(q.gvr, o, q.namespace)
	} else {
		err = s.tracker.Update(q.gvr, o, q.namespace)
	}
	return o, err
}

// patch applies a patch; by server-side apply, an object that does not exist is
// created.
func (s *Server) patch(q request, kind types.PatchType, body []byte, dryRun bool) (runtime.Object, error) {
	was, err := s.tracker.Get(q.gvr, q.namespace, q.name)
	if kind == types.ApplyPatchType {
		if apierrors.IsNotFound(err) {
			return s.write(http.MethodPost, q, body)
		}
		kind = types.StrategicMergePatchType
	}
	if err != nil {
		return nil, err
	}
	_, o, err := clienttesting.ObjectReaction(s.tracker)(clienttesting.NewPatchAction(q.gvr, q.namespace, q.name, kind, body))
	if err == nil && dryRun {
		err = s.tracker.Update(q.gvr, was, q.namespace)
	}
	if d, ok := o.(*appsv1.Deployment); ok && err == nil && q.subresource == "scale" {
		return scaleOf(d), nil
	}
	return o, err
}

// scaleOf is what the API server answers about a Deployment's scale subresource:
// an object of another kind and group than the Deployment.
func scaleOf(d *appsv1.Deployment) *autoscalingv1.Scale {
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: d.Name, Namespace: d.Namespace}}
	scale.SetGroupVersionKind(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	if d.Spec.Replicas != nil {
		scale.Spec.Replicas = *d.Spec.Replicas
	}
	return scale
}

func (s *Server) list(q request, selector labels.Selector) (runtime.Object, error) {
	kind, err := s.kindOf(q.gvr)
	if err != nil {
		return nil, err
	}
	list, err := s.tracker.List(q.gvr, kind, q.namespace)
	if err != nil {
		return nil, err
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(o runtime.Object) bool {
		m, err := meta.Accessor(o)
		return err != nil || !selector.Matches(labels.Set(m.GetLabels()))
	})
	for _, o := range all {
		if err := s.setKind(o); err != nil {
			return nil, err
		}
	}
	if m, err := meta.ListAccessor(list); err == nil && m.GetResourceVersion() == "" {
		m.SetResourceVersion("1")
	}
	return list, meta.SetList(list, all)
}

func (s *Server) deleteAll(q request, selector labels.Selector) error {
	list, err := s.list(q, selector)
	if err != nil {
		return err
	}
	return meta.EachListItem(list, func(o runtime.Object) error {
		m, err := meta.Accessor(o)
		if err != nil {
			return err
		}
		return s.tracker.Delete(q.gvr, m.GetNamespace(), m.GetName())
	})
}

// kindOf finds the kind of a resource among those of the scheme.
func (s *Server) kindOf(gvr schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	for kind := range s.scheme.KnownTypes(gvr.GroupVersion()) {
		gvk := gvr.GroupVersion().WithKind(kind)
		if plural, _ := meta.UnsafeGuessKindToResource(gvk); plural == gvr {
			return gvk, nil
		}
	}
	return schema.GroupVersionKind{}, apierrors.NewNotFound(gvr.GroupResource(), "")
}

func (s *Server) setKind(o runtime.Object) error {
	kinds, _, err := s.scheme.ObjectKinds(o)
	if err != nil {
		if _, ok := o.(*metav1.Status); ok {
			return nil
		}
		return err
	}
	o.GetObjectKind().SetGroupVersionKind(kinds[0])
	return nil
}

func (s *Server) stream(r *http.Request, w watch.Interface) *http.Response {
	body, to := io.Pipe()
	context.AfterFunc(r.Context(), func() { _ = to.CloseWithError(r.Context().Err()) })
	go func() {
		defer w.Stop()
		encoder := json.NewEncoder(to)
		for {
			select {
			case <-r.Context().Done():
				return
			case e, ok := <-w.ResultChan():
				if !ok {
					_ = to.Close()
					return
				}
				_ = s.setKind(e.Object) // of the scheme, or a Status
				if encoder.Encode(map[string]any{"type": e.Type, "object": e.Object}) != nil {
					return // the client has gone
				}
			}
		}
	}()
	return response(r, http.StatusOK, body)
}

func answer(r *http.Request, o any, err error) *http.Response {
	code := http.StatusOK
	if err != nil {
		var known apierrors.APIStatus
		if !errors.As(err, &known) {
			known = apierrors.NewInternalError(err)
		}
		status := known.Status()
		status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		o, code = status, int(status.Code)
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("an object that is not JSON: %v", err))
	}
	return response(r, code, io.NopCloser(bytes.NewReader(b)))
}

func response(r *http.Request, code int, body io.ReadCloser) *http.Response {
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, ContentLength: -1, Request: r,
	}
}
