package image

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/hook"
)

// tiny is the path of a static program for Linux, built once for all tests.
var tiny string

func TestMain(m *testing.M) {
	os.Exit(withTiny(m.Run))
}

func withTiny(f func() int) int {
	dir, err := os.MkdirTemp("", "zeroloss-image-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tiny = filepath.Join(dir, "tiny")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", tiny, "./testdata/tiny")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the test's program: %v\n%s", err, out)
		return 1
	}
	return f()
}

func built(t *testing.T) *Image {
	t.Helper()
	img, err := Build(Options{Binary: tiny})
	require.NoError(t, err)
	return img
}

// entries reads the image's file system: headers by name, and contents.
func entries(t *testing.T, img *Image) (map[string]*tar.Header, map[string][]byte) {
	t.Helper()
	r := mutate.Extract(img.Image)
	defer r.Close()
	headers, contents := map[string]*tar.Header{}, map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		require.NoError(t, err)
		headers[strings.TrimSuffix(h.Name, "/")] = h
		contents[h.Name], err = io.ReadAll(tr)
		require.NoError(t, err)
	}
}

func TestImageHoldsTheBinaryAndItsNames(t *testing.T) {
	headers, contents := entries(t, built(t))
	want, err := os.ReadFile(tiny)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, contents["zeroloss"]), "the binary, unchanged")
	require.Equal(t, int64(0o755), headers["zeroloss"].Mode)
	for _, program := range append(hook.Programs(), "zeroloss") {
		h := headers["bin/"+program]
		require.NotNil(t, h, program)
		require.Equal(t, "zeroloss", filepath.Join("bin", h.Linkname), program)
	}
	require.Equal(t, "bin", filepath.Join("usr", headers["usr/bin"].Linkname), "/usr/bin has them, too")
	require.Equal(t, int64(0o1777), headers["tmp"].Mode, "/tmp is everybody's")
	require.Contains(t, string(contents["etc/passwd"]), "nonroot:x:65532:65532:")
	for name, h := range headers {
		require.Zero(t, h.Uid+h.Gid, "%s does not belong to the user", name)
		require.True(t, h.ModTime.Equal(epoch), "%s has no hour", name)
	}
	folders, links, files := 4, len(hook.Programs())+2, 3
	require.Len(t, headers, folders+links+files, "nothing else")
}

func TestImageRunsWithoutRights(t *testing.T) {
	file, err := built(t).ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "65532:65532", file.Config.User)
	require.Equal(t, []string{"/zeroloss"}, file.Config.Entrypoint)
	require.Equal(t, "/tmp", file.Config.WorkingDir)
	require.Contains(t, file.Config.Env, "PATH=/usr/bin:/bin")
	require.Equal(t, "linux/amd64", file.OS+"/"+file.Architecture)
	require.True(t, file.Created.Equal(epoch))
}

func TestSameBinarySameDigest(t *testing.T) {
	first, again := built(t), built(t)
	require.Equal(t, first.Digest, again.Digest)
	require.Equal(t, first.Ref(), again.Ref())
	require.Equal(t, repository+":"+strings.TrimPrefix(first.Digest, "sha256:")[:12], first.Ref())

	// A copy elsewhere, of another hour and mode, is the same binary.
	b, err := os.ReadFile(tiny)
	require.NoError(t, err)
	elsewhere := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.WriteFile(elsewhere, b, 0o600))
	moved, err := Build(Options{Binary: elsewhere})
	require.NoError(t, err)
	require.Equal(t, first.Digest, moved.Digest)

	// Another binary is not.
	require.NoError(t, os.WriteFile(elsewhere, append(b, 0), 0o600))
	other, err := Build(Options{Binary: elsewhere})
	require.NoError(t, err)
	require.NotEqual(t, first.Digest, other.Digest)
}

func TestSizesAreThoseOfTheArchive(t *testing.T) {
	img := built(t)
	info, err := os.Stat(tiny)
	require.NoError(t, err)
	require.Equal(t, info.Size(), img.Binary)
	m, err := img.Manifest()
	require.NoError(t, err)
	manifest, err := img.RawManifest()
	require.NoError(t, err)
	config, err := img.RawConfigFile()
	require.NoError(t, err)
	require.Len(t, m.Layers, 1)
	require.Equal(t, int64(len(manifest)+len(config))+m.Layers[0].Size, img.Compressed)
}

// patched is a copy of tiny with bytes changed.
func patched(t *testing.T, change func([]byte)) string {
	t.Helper()
	b, err := os.ReadFile(tiny)
	require.NoError(t, err)
	change(b)
	path := filepath.Join(t.TempDir(), "patched")
	require.NoError(t, os.WriteFile(path, b, 0o755))
	return path
}

const (
	offOSABI, offMachine, offPhoff = 7, 18, 32 // in the header of 64-bit ELF
)

func setMachine(m elf.Machine) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[offMachine:], uint16(m)) }
}

func TestArchIsTheBinarys(t *testing.T) {
	img, err := Build(Options{Binary: patched(t, setMachine(elf.EM_AARCH64))})
	require.NoError(t, err)
	file, err := img.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "arm64", img.Arch)
	require.Equal(t, "arm64", file.Architecture)
}

func TestUnfitBinariesAreRefusedWithTheCure(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	foreign, err := exec.LookPath("go") // Go's own, of another module
	require.NoError(t, err)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Binary: script}, "it is not a Linux program"},
		{Options{Binary: patched(t, func(b []byte) { b[offOSABI] = byte(elf.ELFOSABI_FREEBSD) })}, "it is a program for ELFOSABI_FREEBSD, not for Linux"},
		{Options{Binary: patched(t, func(b []byte) {
			first := binary.LittleEndian.Uint64(b[offPhoff:])
			binary.LittleEndian.PutUint32(b[first:], uint32(elf.PT_INTERP))
		})}, "it is linked dynamically"},
		{Options{Binary: patched(t, setMachine(elf.EM_MIPS))}, "unsupported architecture EM_MIPS"},
		{Options{Binary: tiny, Arch: "arm64"}, "it is built for amd64"},
		{Options{Binary: foreign}, ""}, // static or not, for Linux or not: it is not ours
	} {
		_, err := Build(c.o)
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "CGO_ENABLED=0 GOOS=linux GOARCH=")
	}
	_, err = Build(Options{Binary: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestArchiveIsDockers(t *testing.T) {
	img := built(t)
	for ref, want := range map[string]string{
		img.Ref():            img.Ref(),
		"zeroloss":           "zeroloss:latest",
		"127.0.0.1:5000/a/b": "127.0.0.1:5000/a/b:latest",
		"ghcr.io/me/x:v1":    "ghcr.io/me/x:v1",
	} {
		var archive bytes.Buffer
		require.NoError(t, WriteTar(&archive, ref, img))
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
		m, err := tarball.LoadManifest(open)
		require.NoError(t, err)
		require.Equal(t, []string{want}, m[0].RepoTags)
		back, err := tarball.Image(open, nil)
		require.NoError(t, err)
		digest, err := back.ConfigName()
		require.NoError(t, err)
		config, err := img.ConfigName()
		require.NoError(t, err)
		require.Equal(t, config, digest)
	}
}

func TestPush(t *testing.T) {
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	img := built(t)
	require.NoError(t, Push(t.Context(), host+"/me/zeroloss:v1", img))
	tag, err := name.NewTag(host + "/me/zeroloss:v1")
	require.NoError(t, err)
	there, err := remote.Image(tag)
	require.NoError(t, err)
	digest, err := there.Digest()
	require.NoError(t, err)
	require.Equal(t, img.Digest, digest.String())
}

func TestPushIsRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(srv.Close)
	ref, img := strings.TrimPrefix(srv.URL, "http://")+"/me/zeroloss:v1", built(t)
	require.ErrorContains(t, Push(t.Context(), ref, img), "pushing \""+ref)
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, Push(ended, ref, img), context.Canceled)
}

func TestReferences(t *testing.T) {
	img := built(t)
	for _, bad := range []string{"", "UPPER:x", "a:b:c", "x@sha256:aa", "a b"} {
		require.ErrorContains(t, CheckRef(bad), "reading image reference", bad)
		require.Error(t, WriteTar(io.Discard, bad, img), bad)
		require.Error(t, Push(t.Context(), bad, img), bad)
	}
	require.NoError(t, CheckRef("localhost:5001/a:b"))
}
