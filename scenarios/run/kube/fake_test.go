package kube

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
)

// fakeAPI is a cluster that a fake client stands for.
func fakeAPI(c dynamic.Interface) *api { return &api{&client.Client{Interface: c}} }

// serverWith is a cluster with these objects.
func serverWith(t *testing.T, objects ...runtime.Object) *api {
	c, _ := clienttest.New(t, objects...)
	return &api{c}
}
