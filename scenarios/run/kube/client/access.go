package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
)

// Permission is one verb on a resource ("pods", "pods/log") of an API group.
// Namespace "" is the whole cluster.
type Permission struct{ Group, Resource, Verb, Namespace string }

func (p Permission) String() string {
	s := p.Verb + " " + p.Resource
	if p.Group != "" {
		s += "." + p.Group
	}
	if p.Namespace != "" {
		return s + " in namespace " + p.Namespace
	}
	return s + " in the cluster"
}

// CheckAccess asks the cluster for each permission (a SelfSubjectAccessReview).
// Its error names all that are missing; hint says how they are granted.
func (c *Client) CheckAccess(ctx context.Context, all []Permission, hint string) error {
	var missing []string
	for _, p := range all {
		resource, sub, _ := strings.Cut(p.Resource, "/")
		review, err := c.reviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: p.Group, Resource: resource, Subresource: sub, Verb: p.Verb, Namespace: p.Namespace,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return c.Explain("asking for permissions", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, p.String())
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: permissions are missing: %s\n  %s", run.ErrEnvironment, strings.Join(missing, ", "), hint)
	}
	return nil
}

// PolicyRules returns the RBAC rules that grant the permissions of a namespace,
// one per resource, in the order in which resources first appear.
func PolicyRules(all []Permission, namespace string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, p := range all {
		if p.Namespace != namespace {
			continue
		}
		i := slices.IndexFunc(rules, func(r rbacv1.PolicyRule) bool { return r.APIGroups[0] == p.Group && r.Resources[0] == p.Resource })
		if i < 0 {
			i = len(rules)
			rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{p.Group}, Resources: []string{p.Resource}})
		}
		rules[i].Verbs = append(rules[i].Verbs, p.Verb)
	}
	return rules
}
