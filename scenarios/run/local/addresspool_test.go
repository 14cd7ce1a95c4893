package local

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/run"
)

func TestAddressesAreNotUsedTwice(t *testing.T) {
	a, err := newAddressPool(1)
	require.NoError(t, err)
	defer a.close()
	if a.singleAddress() {
		t.Skip("this system has but 127.0.0.1")
	}
	seen := map[string]bool{a.node().ip: true}
	for i := range 600 {
		p, err := a.allocate(fmt.Sprint(i), 80)
		require.NoError(t, err)
		require.False(t, seen[p.ip], p.ip)
		require.NotNil(t, net.ParseIP(p.ip), p.ip)
		seen[p.ip] = true
		again, err := a.allocate(fmt.Sprint(i), 80)
		require.NoError(t, err)
		require.Equal(t, p, again, "a container that restarts keeps its pod's address")
	}
	b, err := newAddressPool(1)
	require.NoError(t, err)
	defer b.close()
	require.NotEqual(t, a.octet, b.octet, "two runs at once")
}

func TestAddressesRunOut(t *testing.T) {
	a := &addressPool{octet: 16, next: 256 * hostsPerOctet, allocated: map[string]podAddr{}}
	_, err := a.allocate("late", 80)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "is left for late")
}

func TestSingleAddress(t *testing.T) {
	a := &addressPool{allocated: map[string]podAddr{}}
	x, err := a.allocate("x", 20002, 54199)
	require.NoError(t, err)
	y, err := a.allocate("y", 20002, 54199)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", x.ip)
	all := map[int]bool{x.port(20002): true, x.port(54199): true, y.port(20002): true, y.port(54199): true}
	require.Len(t, all, 4, "ports of their own")
	require.Nil(t, x.source())
	require.NoError(t, checkPortsFree(x, "x", 20002, 54199))
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	err = checkPortsFree(podAddr{ip: "127.0.0.1"}, "spring-cloud-b", port)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, fmt.Sprintf("port %d is in use; spring-cloud-b needs it", port))
}
