package drain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run/kube/client"
)

// ErrRefused means that a PodDisruptionBudget does not allow an eviction now.
var ErrRefused = errors.New("refused by a PodDisruptionBudget")

// Evict requests a pod's eviction, once: the control plane repeats it after a
// refusal, and the client's own retries would hide that.
func Evict(ctx context.Context, c *client.Client, namespace, pod string) error {
	body, err := json.Marshal(policyv1.Eviction{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1.SchemeGroupVersion.String(), Kind: "Eviction"},
		ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: namespace},
	})
	if err != nil {
		return fmt.Errorf("evicting %s: %w", pod, err)
	}
	answer, err := c.REST.Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("eviction").MaxRetries(0).
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Raw()
	switch {
	case apierrors.IsNotFound(err):
		return nil // it is gone already
	case apierrors.IsTooManyRequests(err):
		return fmt.Errorf("%w: %s", ErrRefused, refusal(answer, err))
	}
	return c.Explain("evicting "+pod, err)
}

// refusal returns the budget's own words, if the answer has any.
func refusal(answer []byte, err error) string {
	var status metav1.Status
	if json.Unmarshal(answer, &status) != nil {
		return err.Error()
	}
	if status.Details != nil {
		for _, c := range status.Details.Causes {
			if c.Type == policyv1.DisruptionBudgetCause {
				return c.Message
			}
		}
	}
	return cmp.Or(status.Message, err.Error())
}
