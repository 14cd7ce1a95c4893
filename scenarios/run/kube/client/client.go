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
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"zeroloss/scenarios/run"
)

// FieldManager names this program in server-side apply and in managedFields.
const FieldManager = "zeroloss"

// Client accesses one cluster. Its methods named after resources (Pods,
// Deployments, ...) return typed clients.
type Client struct {
	REST rest.Interface // of the core group: proxies, logs, evictions
	Host string         // of the API server, as errors name it

	groups  groups
	dynamic dynamic.Interface
}

// New makes a client of the cluster that config means. It connects to nothing.
func New(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 100, 200 // one run, whose clean-up has to be quick
	config.UserAgent = FieldManager
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of %q: %w", config.Host, err)
	}
	g, err := newGroups(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of %q: %w", config.Host, err)
	}
	return &Client{dynamic: d, REST: g.clients[corev1.SchemeGroupVersion], Host: config.Host, groups: g}, nil
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
