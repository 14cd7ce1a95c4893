package registrytest_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
)

// TestPythonClient runs the same checks with the official Python client against
// both servers: register, list, push, disable and deregister. The API of version 1
// polls over HTTP, that of version 2 uses gRPC; nacos-sdk-python 2.0.11 has both.
// The interpreter is that of ZEROLOSS_PYTHON, or python3.
func TestPythonClient(t *testing.T) {
	python := pythonWithNacos(t)
	t.Run("embedded", func(t *testing.T) {
		s := startWithDerivedPort(t)
		runPython(t, python, registrytest.Target{Host: s.Host(), Port: s.Port()})
	})
	t.Run("real", func(t *testing.T) {
		if testing.Short() {
			t.Skip("a real server takes a minute")
		}
		runPython(t, python, registrytest.StartNacos(t).Target())
	})
}

// startWithDerivedPort starts an embedded server whose gRPC port is the HTTP port
// plus 1000, as the Python client expects.
func startWithDerivedPort(t *testing.T) *embedded.Server {
	t.Helper()
	for range 20 {
		s, err := embedded.Start(embedded.Options{Port: 20000 + rand.IntN(10000)})
		if err != nil {
			continue // one of the ports is in use
		}
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	t.Skip("no two free ports that are 1000 apart")
	return nil
}

func runPython(t *testing.T, python string, target registrytest.Target) {
	for _, version := range []string{"1", "2"} {
		t.Run("API "+version, func(t *testing.T) {
			if output, err := exec.CommandContext(t.Context(), python, "-c", map[string]string{"1": "import nacos", "2": "import v2.nacos"}[version]).CombinedOutput(); err != nil {
				t.Skipf("no Python client with this API (pip install nacos-sdk-python==2.0.11): %v: %s", err, output)
			}
			script, err := filepath.Abs(filepath.Join("testdata", "python"+version+".py"))
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), python, script, target.Host, strconv.Itoa(target.Port), "python"+version)
			cmd.Dir = t.TempDir() // the client writes logs and caches
			cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.Contains(t, string(output), "deregister")
		})
	}
}

// pythonWithNacos returns an interpreter that has the client, or skips the test.
func pythonWithNacos(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ZEROLOSS_PYTHON")
	if name == "" {
		name = "python3"
	}
	python, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no Python: %v", err)
	}
	if output, err := exec.CommandContext(t.Context(), python, "-c", "import nacos").CombinedOutput(); err != nil {
		t.Skipf("no Python client (pip install nacos-sdk-python==2.0.11): %v: %s", err, output)
	}
	return python
}
