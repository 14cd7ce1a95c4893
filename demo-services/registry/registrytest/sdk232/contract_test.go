// Package sdk232 holds the servers to the contract with the oldest SDK that
// services are likely to bring along, nacos-sdk-go v2.3.2: it has the server cut
// lists to clusters, where newer ones do that themselves. It is a module of its
// own, as a build has one SDK.
package sdk232

import (
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
)

func TestContract(t *testing.T) {
	// What v2.3.2 calls itself. (Newer ones call themselves by another number.)
	require.Equal(t, "Nacos-Go-Client:v2.2.7", constant.CLIENT_VERSION)
	targets := map[string]func(*testing.T) registrytest.Target{"embedded": startEmbedded, "real": startReal}
	var columns [2]registrytest.Column
	t.Run("servers", func(t *testing.T) {
		for i, name := range []string{"real", "embedded"} {
			t.Run(name, func(t *testing.T) {
				target := targets[name](t)
				t.Parallel()
				columns[i] = registrytest.Column{Name: target.Name, Results: registrytest.Run(t, target)}
			})
		}
	})
	t.Log("with nacos-sdk-go v2.3.2\n" + registrytest.Table(columns[:]...))
}

func startEmbedded(t *testing.T) registrytest.Target {
	s, err := embedded.Start(embedded.Options{Timing: registry.Timing{OverlayTTL: registrytest.OverlayTTL}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return registrytest.Target{
		Name: "embedded", Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), PushDelay: 500 * time.Millisecond,
		Down: func(t testing.TB) { require.NoError(t, s.Down()) },
		Up:   func(t testing.TB) { require.NoError(t, s.Up()) },
	}
}

func startReal(t *testing.T) registrytest.Target {
	if testing.Short() {
		t.Skip("a real server takes a minute")
	}
	return registrytest.StartNacos(t).Target()
}
