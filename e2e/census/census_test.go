package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestTakeCountsWhatIsThere(t *testing.T) {
	root := t.TempDir()
	write(t, root, "kube/a.go", "package kube\n\ntype eye struct{ here int }\n\nfunc (e *eye) one() {}\n")
	write(t, root, "kube/b.go", "package kube\n\nfunc (e eye) two() {}\n")
	write(t, root, "kube/b_test.go", "package kube\n\ntype eye2 struct{}\n")
	write(t, root, "other/a.go", "package other\n\nvar eye int\n")
	write(t, root, "kube/testdata/x.go", "not Go")

	c, err := Take(root, Vocabulary{{"kube", "eye", "gapTracker"}, {"kube", "here", "localGenerator"}, {".", "b.go", "two.go"}})
	require.NoError(t, err)
	require.Equal(t, []Package{{"kube", 2, 8, 1}, {"other", 1, 3, 0}}, c.Packages)
	require.Equal(t, []Type{{"kube.eye", 2, 2}}, c.Types)
	require.Equal(t, 3, c.TestLines)
	require.Equal(t, []Name{{"kube/a.go:3", "eye", "gapTracker"}, {"kube/a.go:3", "here", "localGenerator"}, {"kube/b.go", "b.go", "two.go"}}, c.Private)
}

func TestLongFunctionsAreListed(t *testing.T) {
	root := t.TempDir()
	body := ""
	for range maxFunctionLines {
		body += "\n"
	}
	write(t, root, "a.go", "package a\n\nfunc long() {"+body+"}\n\nfunc short() {}\n")
	c, err := Take(root, nil)
	require.NoError(t, err)
	require.Equal(t, []Function{{"a.go:3", "long", maxFunctionLines + 1}}, c.Functions)
}

// TestVocabularyIsReadable holds vocabulary.txt to its own format.
func TestVocabularyIsReadable(t *testing.T) {
	words, err := readVocabulary()
	require.NoError(t, err)
	require.Greater(t, len(words), 90)
}
