package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Dynamic returns the dynamic client of a resource in a namespace; "" is the whole
// cluster. It is for objects of the user that have to keep fields that this
// program's types do not know.
func (c *Client) Dynamic(gvr schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.dynamic.Resource(gvr)
	}
	return c.dynamic.Resource(gvr).Namespace(namespace)
}

// Scale sets a Deployment's replicas through its scale subresource.
func (c *Client) Scale(ctx context.Context, namespace, name string, replicas int) error {
	patch := fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)
	_, err := c.Deployments(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: FieldManager}, "scale")
	return c.Explain(fmt.Sprintf("scaling %s to %d", name, replicas), err)
}

// RestartedAtAnnotation is what kubectl rollout restart sets on a pod template.
const RestartedAtAnnotation = "kubectl.kubernetes.io/restartedAt"

// Restart does what kubectl rollout restart does: it changes the pod template,
// and the Deployment's strategy does the rest.
func (c *Client) Restart(ctx context.Context, namespace, name string, now time.Time) error {
	return c.AnnotatePodTemplate(ctx, namespace, name, "restarting "+name, RestartedAtAnnotation, now.Format(time.RFC3339Nano))
}

// AnnotatePodTemplate sets an annotation of a Deployment's pod template, which
// starts a rollout. doing names the request in errors.
func (c *Client) AnnotatePodTemplate(ctx context.Context, namespace, name, doing, key, value string) error {
	return c.patchSpec(ctx, namespace, name, doing, map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]any{key: value},
	}}})
}

// SetPaused does what kubectl rollout pause and resume do.
func (c *Client) SetPaused(ctx context.Context, namespace, name string, paused bool) error {
	doing := "resuming " + name
	if paused {
		doing = "pausing " + name
	}
	return c.patchSpec(ctx, namespace, name, doing, map[string]any{"paused": paused})
}

func (c *Client) patchSpec(ctx context.Context, namespace, name, doing string, spec map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	_, err = c.Deployments(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: FieldManager})
	return c.Explain(doing, err)
}

// DeletePod removes a pod from the API at once, without a grace period.
func (c *Client) DeletePod(ctx context.Context, namespace, name string) error {
	zero := int64(0)
	err := c.Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
	return c.Explain("deleting pod "+name, IgnoreNotFound(err))
}

// LogTail returns the end of a container's log, of its previous instance if
// that is asked for; "" if there is none.
func (c *Client) LogTail(ctx context.Context, namespace, pod string, previous bool) string {
	req := c.REST.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").Param("tailLines", "8").Param("limitBytes", "2000")
	if previous {
		req = req.Param("previous", "true")
	}
	b, err := req.Do(ctx).Raw()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Post sends a JSON body to a pod's port through the API server's proxy.
func (c *Client) Post(ctx context.Context, namespace, pod string, port int, path string, body []byte) error {
	return c.REST.Post().Namespace(namespace).Resource("pods").Name(fmt.Sprintf("%s:%d", pod, port)).
		SubResource("proxy").Suffix(path).SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
}
