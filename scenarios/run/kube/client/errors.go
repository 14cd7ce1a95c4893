package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"zeroloss/scenarios/run"
)

// Explain says what a failed request to the cluster means and what to do about
// it. doing names the request: "listing pods". The result wraps err and
// [run.ErrEnvironment]; it is nil if err is.
func (c *Client) Explain(doing string, err error) error {
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
		hint = "permissions are missing; zeroloss render --rbac prints those that a run needs"
	case errors.As(err, &cert), errors.Is(err, http.ErrSchemeMismatch):
		hint = "what answers at " + c.Host + " is not the cluster that the kubeconfig means; is this the right context?"
	case errors.As(err, &dns), errors.As(err, &op), errors.Is(err, context.DeadlineExceeded):
		hint = "the cluster at " + c.Host + " cannot be reached; is it up, and is this the right context?"
	}
	if hint != "" {
		return fmt.Errorf("%w: %s: %w\n  %s", run.ErrEnvironment, doing, err, hint)
	}
	return fmt.Errorf("%w: %s: %w", run.ErrEnvironment, doing, err)
}

// IgnoreNotFound returns nil if err says that an object does not exist.
func IgnoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// IgnoreForbidden returns nil if err says that a permission is missing.
func IgnoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}
