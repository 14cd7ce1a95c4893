package embedded_test

import (
	"testing"
	"time"

	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
)

func TestContract(t *testing.T) {
	s := start(t, embedded.Options{})
	registrytest.Run(t, registrytest.Target{
		Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), PushDelay: 500 * time.Millisecond,
	})
}
