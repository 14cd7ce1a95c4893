// Package observe turns what a cluster shows of a run's pods into events: for
// the control plane ([Reporter]: pods, EndpointSlices and Kubernetes Events),
// and for the record of a target ([DeploymentWatch], [RegistryWatch]).
//
// The functions on objects of the API are pure. What keeps state is told of
// objects by a watch, in any order and any number of times.
package observe
