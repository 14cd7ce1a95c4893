// Package kube is the runtime for Kubernetes: a kind cluster, which it creates or
// reuses, or any cluster in a kubeconfig.
//
// [New] returns the runtime of a run with a namespace of its own. The plan's
// manifests are applied there, a real Nacos is the registry, and one or more load
// pods generate the load and collect what the services report. The runtime leaves
// pods to the cluster's own controllers and kubelets, and records what it observes
// of them. [NewAttached] returns the runtime of a target: an existing Deployment that
// zeroloss does not instrument. [Clean] deletes what killed runs left behind and
// restores their targets.
//
// A run goes through these files: kube.go, connection.go (which cluster), images.go,
// deploy.go and startup.go (until registry and load are ready), direct.go (which
// joins executor.go, watch.go and the load), namespace.go (the end). attach.go does
// the same for a target. The packages below do the work. They do not import this
// package:
//
//   - client: the API, and watches that know their gaps
//   - owner: labels that say which run an object belongs to
//   - render: plan and manifests to Kubernetes objects (pure)
//   - kindcluster: creates, reuses and deletes kind clusters
//   - observe: what the cluster shows, as events
//   - loadpods: the load pods and their logs
//   - drain: cordons a node and evicts its pods
//   - target: changes and restores the Deployment of attach
//
// A run changes only objects that carry its labels, and a target only as the plan's
// steps and change say. It never writes to the user's kubeconfig.
package kube
