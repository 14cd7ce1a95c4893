package kube

import (
	"k8s.io/client-go/dynamic"

	"zeroloss/scenarios/run/kube/client"
)

// fakeAPI is a cluster that a fake client stands for.
func fakeAPI(c dynamic.Interface) *api { return &api{&client.Client{Interface: c}} }
