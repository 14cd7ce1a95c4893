package registrytest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/registrytest"
)

// TestPythonClient runs the same checks with the official Python client 1.x, which
// polls over HTTP, against both servers: register, list, notify, disable,
// deregister and configuration. nacos-sdk-python 2.0.11 contains its API, too. The
// interpreter is that of ZEROLOSS_PYTHON, or python3.
func TestPythonClient(t *testing.T) {
	python := pythonWithNacos(t)
	t.Run("embedded", func(t *testing.T) {
		target, _ := startEmbedded(t)
		runPython(t, python, target)
	})
	t.Run("real", func(t *testing.T) {
		if testing.Short() {
			t.Skip("a real server takes a minute")
		}
		runPython(t, python, registrytest.StartNacos(t).Target())
	})
}

func runPython(t *testing.T, python string, target registrytest.Target) {
	script, err := filepath.Abs(filepath.Join("testdata", "python1.py"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, script, target.Host, strconv.Itoa(target.Port), "python1")
	cmd.Dir = t.TempDir() // the client writes logs and caches
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "configuration")
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
		t.Skipf("no Python client (pip install nacos-sdk-python==1.0.0): %v: %s", err, output)
	}
	return python
}
