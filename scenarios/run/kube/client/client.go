// Package client accesses the API of a cluster: typed clients of the groups in
// use, server-side apply, errors that say what to do, and watches that know
// their gaps.
//
//   - [New] and [FromContext] make a [Client].
//   - [Client.Explain] turns an API error into one that names the remedy.
//   - A [Reflector] lists and watches one resource; a [GapTracker] reports when
//     it may have missed something, and a [Heartbeat] when the API server does
//     not answer at all.
//   - [Client.CheckAccess] asks for permissions before anything is changed.
package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	appsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	batchv1 "k8s.io/client-go/kubernetes/typed/batch/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"
	policyv1 "k8s.io/client-go/kubernetes/typed/policy/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"zeroloss/scenarios/run"
)

// FieldManager names this program in server-side apply and in managedFields.
const FieldManager = "zeroloss"

// Client accesses one cluster. Its fields are the typed clients of client-go,
// so that c.Core.Pods(namespace) is what it is there.
type Client struct {
	Core          corev1.CoreV1Interface
	Apps          appsv1.AppsV1Interface
	Batch         batchv1.BatchV1Interface
	Policy        policyv1.PolicyV1Interface
	Discovery     discoveryv1.DiscoveryV1Interface
	Authorization authorizationv1.AuthorizationV1Interface
	// Interface is the dynamic client: for objects of the user that have to
	// keep fields that this program's types do not know.
	dynamic.Interface

	REST rest.Interface // of the core group: proxies, logs, evictions
	Host string         // of the API server, as errors name it
}

// New makes a client of the cluster that config means. It connects to nothing.
func New(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 200 // one run, whose clean-up has to be quick
	config.UserAgent = FieldManager
	c, err := newClient(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of %q: %w", config.Host, err)
	}
	return c, nil
}

func newClient(config *rest.Config) (*Client, error) {
	http, err := rest.HTTPClientFor(config) // all share its connections
	if err != nil {
		return nil, err
	}
	c := &Client{Host: config.Host}
	if c.Core, err = corev1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Apps, err = appsv1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Batch, err = batchv1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Policy, err = policyv1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Discovery, err = discoveryv1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Authorization, err = authorizationv1.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	if c.Interface, err = dynamic.NewForConfigAndClient(config, http); err != nil {
		return nil, err
	}
	core := rest.CopyConfig(config)
	core.APIPath, core.GroupVersion = "/api", &schema.GroupVersion{Version: "v1"}
	core.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	c.REST, err = rest.RESTClientForConfigAndClient(core, http)
	return c, err
}

// ConfigFromContext reads the connection of a kubeconfig's context; kubeconfig
// "" means the usual file.
func ConfigFromContext(kubeconfig, name string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: name})
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: reading the kubeconfig: %w", run.ErrEnvironment, err)
	}
	if _, ok := raw.Contexts[name]; !ok {
		var known []string
		for c := range raw.Contexts {
			known = append(known, c)
		}
		slices.Sort(known)
		return nil, fmt.Errorf("%w: the kubeconfig has no context %q\n  it has: %s", run.ErrEnvironment, name, OrNone(known))
	}
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: reading context %q: %w", run.ErrEnvironment, name, err)
	}
	return config, nil
}

// OrNone joins names for an error message; "none" if there are none.
func OrNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Sleep waits for d, or until ctx ends, whose cause it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
