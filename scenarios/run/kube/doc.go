// Package kube is the runtime of a Kubernetes cluster: one of kind's, made or
// reused, or any that a kubeconfig names. A run has a namespace of its own, in
// which the plan's manifests are applied, a real Nacos is the registry, and a
// load pod generates the load and collects what the services tell. Where the
// rate needs more, several generate it, and the first of them collects.
//
// [Render] makes the objects of a run out of a plan, purely. [New] is the
// runtime; it executes what scenarios/run and control.Cluster decide, leaves
// pods to the cluster's own controllers and kubelets, and writes down what it
// sees of them. [NewAttached] is the runtime of a target: a Deployment that is
// there already, with nothing of ours in it. [Clean] removes what a crash has
// left, and gives targets back.
//
// It touches nothing but what carries its labels, a target as far as its plan's
// steps and change say, and no other cluster's kubeconfig.
package kube
