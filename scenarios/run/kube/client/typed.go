package client

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

// Object is a typed object of the API.
type Object interface {
	runtime.Object
	metav1.Object
}

// ResourceClient is the client of one resource in one namespace. Its methods
// are those of client-go's typed clients (v1.PodInterface, ...), which it is
// made of. These themselves are not used: they link the types of all API groups
// into the program, which makes it a third larger.
type ResourceClient[T Object, L runtime.Object] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	Delete(ctx context.Context, name string, o metav1.DeleteOptions) error
	DeleteCollection(context.Context, metav1.DeleteOptions, metav1.ListOptions) error
	Get(ctx context.Context, name string, o metav1.GetOptions) (T, error)
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Patch(ctx context.Context, name string, t types.PatchType, data []byte, o metav1.PatchOptions, subresources ...string) (T, error)
}

// NewScheme returns a scheme with the types of the API groups in use.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, policyv1.AddToScheme, discoveryv1.AddToScheme, authorizationv1.AddToScheme,
		autoscalingv1.AddToScheme, // what the scale subresource answers
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// groups has the REST client of each API group in use.
type groups struct {
	clients map[schema.GroupVersion]rest.Interface
	codec   runtime.ParameterCodec
}

func newGroups(config *rest.Config) (groups, error) {
	scheme, err := NewScheme()
	if err != nil {
		return groups{}, err
	}
	g := groups{clients: map[schema.GroupVersion]rest.Interface{}, codec: runtime.NewParameterCodec(scheme)}
	http, err := rest.HTTPClientFor(config) // all share its connections
	if err != nil {
		return groups{}, err
	}
	for _, gv := range []schema.GroupVersion{
		corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion, policyv1.SchemeGroupVersion,
		discoveryv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion,
	} {
		c := rest.CopyConfig(config)
		c.GroupVersion, c.APIPath = &gv, "/apis"
		if gv.Group == "" {
			c.APIPath = "/api"
		}
		c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		if g.clients[gv], err = rest.RESTClientForConfigAndClient(c, http); err != nil {
			return groups{}, err
		}
	}
	return g, nil
}

// typed returns the client of a resource; namespace "" is the whole cluster.
func typed[T Object, L runtime.Object](g groups, gv schema.GroupVersion, resource, namespace string, newObject func() T, newList func() L) ResourceClient[T, L] {
	return gentype.NewClientWithList(resource, g.clients[gv], g.codec, namespace, newObject, newList)
}

// Namespaces returns the client of namespaces.
func (c *Client) Namespaces() ResourceClient[*corev1.Namespace, *corev1.NamespaceList] {
	return typed(c.groups, corev1.SchemeGroupVersion, "namespaces", "", func() *corev1.Namespace { return &corev1.Namespace{} }, func() *corev1.NamespaceList { return &corev1.NamespaceList{} })
}

// Nodes returns the client of nodes.
func (c *Client) Nodes() ResourceClient[*corev1.Node, *corev1.NodeList] {
	return typed(c.groups, corev1.SchemeGroupVersion, "nodes", "", func() *corev1.Node { return &corev1.Node{} }, func() *corev1.NodeList { return &corev1.NodeList{} })
}

// Pods returns the client of a namespace's pods.
func (c *Client) Pods(namespace string) ResourceClient[*corev1.Pod, *corev1.PodList] {
	return typed(c.groups, corev1.SchemeGroupVersion, "pods", namespace, func() *corev1.Pod { return &corev1.Pod{} }, func() *corev1.PodList { return &corev1.PodList{} })
}

// Services returns the client of a namespace's Services.
func (c *Client) Services(namespace string) ResourceClient[*corev1.Service, *corev1.ServiceList] {
	return typed(c.groups, corev1.SchemeGroupVersion, "services", namespace, func() *corev1.Service { return &corev1.Service{} }, func() *corev1.ServiceList { return &corev1.ServiceList{} })
}

// Events returns the client of a namespace's Events.
func (c *Client) Events(namespace string) ResourceClient[*corev1.Event, *corev1.EventList] {
	return typed(c.groups, corev1.SchemeGroupVersion, "events", namespace, func() *corev1.Event { return &corev1.Event{} }, func() *corev1.EventList { return &corev1.EventList{} })
}

// Deployments returns the client of a namespace's Deployments.
func (c *Client) Deployments(namespace string) ResourceClient[*appsv1.Deployment, *appsv1.DeploymentList] {
	return typed(c.groups, appsv1.SchemeGroupVersion, "deployments", namespace, func() *appsv1.Deployment { return &appsv1.Deployment{} }, func() *appsv1.DeploymentList { return &appsv1.DeploymentList{} })
}

// ReplicaSets returns the client of a namespace's ReplicaSets.
func (c *Client) ReplicaSets(namespace string) ResourceClient[*appsv1.ReplicaSet, *appsv1.ReplicaSetList] {
	return typed(c.groups, appsv1.SchemeGroupVersion, "replicasets", namespace, func() *appsv1.ReplicaSet { return &appsv1.ReplicaSet{} }, func() *appsv1.ReplicaSetList { return &appsv1.ReplicaSetList{} })
}

// Jobs returns the client of a namespace's Jobs.
func (c *Client) Jobs(namespace string) ResourceClient[*batchv1.Job, *batchv1.JobList] {
	return typed(c.groups, batchv1.SchemeGroupVersion, "jobs", namespace, func() *batchv1.Job { return &batchv1.Job{} }, func() *batchv1.JobList { return &batchv1.JobList{} })
}

// PodDisruptionBudgets returns the client of a namespace's
// PodDisruptionBudgets.
func (c *Client) PodDisruptionBudgets(namespace string) ResourceClient[*policyv1.PodDisruptionBudget, *policyv1.PodDisruptionBudgetList] {
	return typed(c.groups, policyv1.SchemeGroupVersion, "poddisruptionbudgets", namespace, func() *policyv1.PodDisruptionBudget { return &policyv1.PodDisruptionBudget{} }, func() *policyv1.PodDisruptionBudgetList { return &policyv1.PodDisruptionBudgetList{} })
}

// EndpointSlices returns the client of a namespace's EndpointSlices.
func (c *Client) EndpointSlices(namespace string) ResourceClient[*discoveryv1.EndpointSlice, *discoveryv1.EndpointSliceList] {
	return typed(c.groups, discoveryv1.SchemeGroupVersion, "endpointslices", namespace, func() *discoveryv1.EndpointSlice { return &discoveryv1.EndpointSlice{} }, func() *discoveryv1.EndpointSliceList { return &discoveryv1.EndpointSliceList{} })
}

// reviews returns the client that asks for permissions.
func (c *Client) reviews() *gentype.Client[*authorizationv1.SelfSubjectAccessReview] {
	return gentype.NewClient("selfsubjectaccessreviews", c.groups.clients[authorizationv1.SchemeGroupVersion], c.groups.codec, "",
		func() *authorizationv1.SelfSubjectAccessReview { return &authorizationv1.SelfSubjectAccessReview{} })
}
