package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"zeroloss/scenarios/hook"
)

// applets are what the binary is called by beside its own name.
var applets = append(hook.Programs(), "zeroloss")

// skeleton are the image's entries beside the binary, in their order: a folder
// goes before what it holds. Nothing here belongs to the user, so a process
// cannot change it even where the root file system is writable.
func skeleton() []tar.Header {
	dir := func(name string, mode int64) tar.Header {
		return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}
	}
	entries := []tar.Header{dir("bin/", 0o755)}
	for _, a := range applets {
		entries = append(entries, tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + a, Linkname: "../zeroloss", Mode: 0o777})
	}
	return append(entries,
		dir("etc/", 0o755),
		dir("tmp/", 0o1777),
		dir("usr/", 0o755),
		tar.Header{Typeflag: tar.TypeSymlink, Name: "usr/bin", Linkname: "../bin", Mode: 0o777},
	)
}

// files are the image's texts: names for the two users there are.
func files() map[string]string {
	return map[string]string{
		"etc/group":  fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", User),
		"etc/passwd": fmt.Sprintf("root:x:0:0:root:/:/bin/sh\nnonroot:x:%d:%d:nonroot:%s:/bin/sh\n", User, User, WorkDir),
	}
}

// layer packs the one layer of the image. It is compressed once and kept; the
// best compression would take three times as long for 0.5 % less.
func (b *program) layer() (v1.Layer, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(b.tar(z), z.Close()); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	})
}

// tar writes the image's file system. Owners, times and order are fixed, so
// the same binary gives the same bytes.
func (b *program) tar(w io.Writer) error {
	t := tar.NewWriter(w)
	put := func(h tar.Header, r io.Reader) error {
		h.ModTime, h.Format = epoch, tar.FormatUSTAR
		if err := t.WriteHeader(&h); err != nil {
			return fmt.Errorf("writing %s: %w", h.Name, err)
		}
		if _, err := io.Copy(t, r); err != nil {
			return fmt.Errorf("writing %s: %w", h.Name, err)
		}
		return nil
	}
	for _, h := range skeleton() {
		if err := put(h, bytes.NewReader(nil)); err != nil {
			return err
		}
	}
	texts := files()
	for _, name := range []string{"etc/group", "etc/passwd"} {
		h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(texts[name]))}
		if err := put(h, bytes.NewReader([]byte(texts[name]))); err != nil {
			return err
		}
	}
	f, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := put(tar.Header{Typeflag: tar.TypeReg, Name: "zeroloss", Mode: 0o755, Size: b.size}, f); err != nil {
		return err
	}
	return t.Close()
}
