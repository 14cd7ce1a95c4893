package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// malformedInputs returns several kinds of malformed input, by name.
func malformedInputs(size int) map[string][]byte {
	random := make([]byte, size)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(random) // never fails
	const alphabet = "abc :-[]{}\n\"'&*!|>%@`#,?"
	text := make([]byte, size)
	for i, b := range random {
		text[i] = alphabet[int(b)%len(alphabet)]
	}
	fill := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)) }
	var keys bytes.Buffer
	for i := 0; keys.Len() < size; i++ {
		fmt.Fprintf(&keys, "k%d: v\n", i)
	}
	return map[string][]byte{
		"random":    random,
		"text":      text,
		"brackets":  fill("["),
		"nested":    fill("{a: "),
		"dashes":    fill("- "),
		"keys":      keys.Bytes()[:size],
		"documents": fill("---\na: b\n"),
		"objects":   fill("---\nkind: Deployment\nspec: {}\n"),
		"fields":    append([]byte("apiVersion: zeroloss/v1\nkind: Scenario\nmetadata: {name: x}\nspec:\n  load:\n"), fill("  - {nope: 1}\n")[:size/2]...),
	}
}

// An input of 10 MB is refused because of its size, and malformed input up to the
// limit because of its content: quickly, and with a short message. The test
// measures processor time, which does not depend on the load of the host.
func TestNonsenseIsRefusedSoon(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{10 << 20, 4<<20 - 1} {
		for name, data := range malformedInputs(size) {
			t.Run(fmt.Sprintf("%s %d", name, size), func(t *testing.T) {
				path := filepath.Join(dir, name+".yaml")
				require.NoError(t, os.WriteFile(path, data, 0o600))
				for _, args := range [][]string{{"run", path}, {"run", "-f", path}} {
					refusedQuickly(t, dir, args...)
				}
			})
		}
	}
	require.NoDirExists(t, filepath.Join(dir, "runs"))
}

func refusedQuickly(t *testing.T, dir string, args ...string) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(zeroloss, args...)
	cmd.Dir, cmd.Stderr = dir, &errs
	require.Error(t, cmd.Run())
	require.Equal(t, 2, cmd.ProcessState.ExitCode(), "%.2000s", errs.String())
	require.LessOrEqual(t, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), 2*time.Second, "%v", args)
	require.Less(t, errs.Len(), 10_000, "%.2000s", errs.String())
	require.NotContains(t, errs.String(), "goroutine")
}
