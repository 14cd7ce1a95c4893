package client

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// applied lists the resources that Apply knows. render.RBAC grants them.
var applied = map[string]schema.GroupVersionResource{
	"v1/Namespace":                  {Version: "v1", Resource: "namespaces"},
	"v1/Pod":                        {Version: "v1", Resource: "pods"},
	"v1/Service":                    {Version: "v1", Resource: "services"},
	"v1/ConfigMap":                  {Version: "v1", Resource: "configmaps"},
	"v1/Secret":                     {Version: "v1", Resource: "secrets"},
	"apps/v1/Deployment":            {Group: "apps", Version: "v1", Resource: "deployments"},
	"batch/v1/Job":                  {Group: "batch", Version: "v1", Resource: "jobs"},
	"policy/v1/PodDisruptionBudget": {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
}

// Apply applies an object by server-side apply and takes over its fields. o
// marshals to the object's JSON, with apiVersion and kind.
func (c *Client) Apply(ctx context.Context, o any) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("applying an object: %w", err)
	}
	var u unstructured.Unstructured
	if err := json.Unmarshal(data, &u.Object); err != nil {
		return nil, fmt.Errorf("applying an object: %w", err)
	}
	gvr, ok := applied[u.GetAPIVersion()+"/"+u.GetKind()]
	if !ok {
		return nil, fmt.Errorf("objects of kind %q (%s) are not applied", u.GetKind(), u.GetAPIVersion())
	}
	force := true
	got, err := c.Dynamic(gvr, u.GetNamespace()).Patch(ctx, u.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: FieldManager, Force: &force})
	if err != nil {
		return nil, c.Explain(fmt.Sprintf("applying %s/%s", u.GetKind(), u.GetName()), err)
	}
	return got, nil
}
