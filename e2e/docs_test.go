package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// markdown returns the repository's Markdown files with their contents.
func markdown(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			out[f] = string(b)
		}
	}
	require.Contains(t, out, "../README.md")
	return out
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// TestDocumentationLinksResolve checks that every relative link leads to a file or
// folder.
func TestDocumentationLinksResolve(t *testing.T) {
	for file, text := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), m[1]))
			require.NoError(t, err, "%s links to %s", file, m[1])
		}
	}
}

// invocation is a command line in the documentation: zeroloss, a command, and
// what follows on the line.
var invocation = regexp.MustCompile("zeroloss ([a-z]+)([^\n`]*)")

var flagName = regexp.MustCompile(`(?:^|[\s` + "`" + `(])--([a-z][a-z-]+)`)

// TestDocumentedCommandsExist checks that each documented command and flag
// exists.
func TestDocumentedCommandsExist(t *testing.T) {
	help := map[string]string{}
	helpOf := func(command string) string {
		if _, ok := help[command]; !ok {
			out, err := exec.Command(zeroloss, command, "--help").CombinedOutput()
			require.NoError(t, err, "zeroloss %s", command)
			help[command] = string(out)
		}
		return help[command]
	}
	checked := 0
	for file, text := range markdown(t) {
		if filepath.Base(file) == "CHANGELOG.md" { // it names what is no more
			continue
		}
		text = strings.ReplaceAll(text, "\\\n", " ")
		for _, code := range codeSpans(text) {
			for _, m := range invocation.FindAllStringSubmatch(code, -1) {
				if !strings.HasPrefix(strings.TrimSpace(code), "zeroloss") && !strings.Contains(code, "bin/zeroloss") && !strings.Contains(code, "\nzeroloss") {
					continue
				}
				text := helpOf(m[1])
				require.Contains(t, text, "zeroloss "+m[1], "%s: %q is not a command", file, m[0])
				for _, f := range flagName.FindAllStringSubmatch(m[2], -1) {
					require.Regexp(t, "--"+f[1]+`\s`, text, "%s: %q", file, m[0])
					checked++
				}
			}
		}
	}
	require.Greater(t, checked, 20, "flags were found in the documentation")
}

var comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)

var codeSpan = regexp.MustCompile("(?s)```[a-z]*\n(.*?)```|`([^`\n]+)`")

// codeSpans returns the code blocks and spans of a Markdown text.
func codeSpans(text string) (out []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		out = append(out, comment.ReplaceAllString(m[1]+m[2], ""))
	}
	return out
}

// TestDocumentedScenarioIsValid checks that the documented example compiles.
func TestDocumentedScenarioIsValid(t *testing.T) {
	text := markdown(t)["../docs/scenarios.md"]
	_, rest, ok := strings.Cut(text, "```yaml\n")
	require.True(t, ok)
	example, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(example), 0o600))
	out, err := exec.Command(zeroloss, "validate", file).CombinedOutput()
	require.NoError(t, err, string(out))
}
