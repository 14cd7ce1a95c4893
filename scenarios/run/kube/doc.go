// Package kube is the runtime of a Kubernetes cluster: one of kind's, created or
// reused, or any that a kubeconfig names. A run has a namespace of its own, in
// which the plan's manifests are applied, a real Nacos is the registry, and a
// load pod generates the load and collects the services' events. Where the rate
// needs more, several pods generate it, and the first of them collects.
//
// [New] is the runtime of a plan, [NewAttached] that of a target: a Deployment
// that exists already, with nothing of this program in it. [Clean] removes what
// killed runs have left, and restores targets. This package joins the parts:
//
//	owner        whose an object in a cluster is
//	client       the cluster's API
//	kindcluster  kind's clusters: created, used, deleted
//	render       a plan as Kubernetes objects (pure)
//	observe      what the cluster shows, as events
//	drain        a node that is cordoned and emptied
//	loadpods     the pods that send the load
//	target       the Deployment that a run attaches to
//
// It touches only objects that carry its labels, a target as far as its plan's
// steps and change say, and no kubeconfig.
package kube
