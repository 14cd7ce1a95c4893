// Package kube is the runtime of a Kubernetes cluster: one of kind's, created or
// reused, or any that a kubeconfig names.
//
// [New] returns the runtime of a run with a namespace of its own. The plan's
// manifests are applied there, a real Nacos is the registry, and one or more load
// pods generate the load and collect what the services report. The runtime leaves
// pods to the cluster's own controllers and kubelets, and records what it observes
// of them. [NewAttached] returns the runtime of a target: a Deployment that exists
// already, and in which nothing is this program's. [Clean] removes and restores what
// killed runs have left.
//
// A run goes through these files: kube.go, connection.go (which cluster), images.go,
// deploy.go and startup.go (until registry and load are ready), direct.go (which
// joins executor.go, watch.go and the load), namespace.go (the end). attach.go is
// that of a target. The packages below do the work, and do not know each other's
// run:
//
//   - client: the API, and watches that know their gaps
//   - owner: whose an object is
//   - render: the objects of a run, purely
//   - kindcluster: kind clusters, created and deleted
//   - observe: what the cluster shows, as events
//   - loadpods: the load pods, and their logs
//   - drain: a node that is emptied
//   - target: a Deployment that is changed, and restored
//
// A run touches nothing but what carries its labels, a target as far as its plan's
// steps and change say, and no other cluster's kubeconfig.
package kube
