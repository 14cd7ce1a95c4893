// Package image builds the container image of zeroloss without a Dockerfile
// and without an engine: nothing but the binary, which is also the image's
// shell, curl, wget and the other tools of package hook, so that hooks run in it as written. What runs
// the image, and where, it does not know. Begin with Build.
package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// User is the numeric user and group that the image's processes run as.
// Kubernetes' runAsNonRoot wants a number to be sure.
const User = 65532

// WorkDir is where processes of the image start: the one writable directory,
// as wget writes into its current one.
const WorkDir = "/tmp"

// Options say what to build. The zero value is an image of this very
// executable.
type Options struct {
	// Binary is the path of a zeroloss built for Linux and linked statically;
	// "" is this executable.
	Binary string
	// Arch is the machine's name as GOARCH has it; "" is whatever Binary is
	// for. Another one than Binary's is an error.
	Arch string
}

// Image is a container image in memory.
type Image struct {
	v1.Image
	// Arch is the machine it runs on, as GOARCH names it.
	Arch string
	// Digest is that of its manifest, "sha256:…". The same binary gives the
	// same digest.
	Digest string
	// Compressed is what a registry stores and a node pulls, in bytes; Binary
	// is the size of the binary in it.
	Compressed, Binary int64
}

// repository cannot be pulled from anywhere: what was not loaded is missing,
// and nobody else's image comes in its place.
const repository = "zeroloss.local/zeroloss"

// Ref is the image's name where none is given. The tag follows the content, so
// a name never means an older build.
func (i *Image) Ref() string { return repository + ":" + i.Digest[len("sha256:"):][:12] }

// Build makes the image. It fails when the binary could not run in an empty
// file system, and says how to build one that can.
func Build(o Options) (*Image, error) {
	path := o.Binary
	if path == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this executable: %w", err)
		}
		path = exe
	}
	b, err := readBinary(path, o.Arch)
	if err != nil {
		return nil, err
	}
	layer, err := b.layer()
	if err != nil {
		return nil, fmt.Errorf("packing %q: %w", path, err)
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "zeroloss image"}})
	if err != nil {
		return nil, fmt.Errorf("adding the layer: %w", err)
	}
	if img, err = configured(img, b.arch); err != nil {
		return nil, err
	}
	return described(img, b)
}

// epoch is when everything in the image was made: an image is told by what it
// holds, not by its hour.
var epoch = time.Unix(0, 0).UTC()

func configured(img v1.Image, arch string) (v1.Image, error) {
	file, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", arch
	file.Created = v1.Time{Time: epoch}
	file.Config = v1.Config{
		Entrypoint: []string{"/zeroloss"},
		User:       fmt.Sprintf("%d:%d", User, User),
		WorkingDir: WorkDir,
		Env:        []string{"PATH=/usr/bin:/bin", "HOME=" + WorkDir},
		Labels:     map[string]string{"org.opencontainers.image.title": "zeroloss"},
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, fmt.Errorf("configuring the image: %w", err)
	}
	return img, nil
}

func described(img v1.Image, b *program) (*Image, error) {
	digest, err := img.Digest()
	if err != nil {
		return nil, fmt.Errorf("computing the image's digest: %w", err)
	}
	m, err := img.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading the image's manifest: %w", err)
	}
	size, err := img.Size()
	if err != nil {
		return nil, fmt.Errorf("measuring the manifest: %w", err)
	}
	size += m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	return &Image{Image: img, Arch: b.arch, Digest: digest.String(), Compressed: size, Binary: b.size}, nil
}

// CheckRef says whether ref can name an image: [host/]repository[:tag]. A
// digest cannot be chosen.
func CheckRef(ref string) error {
	_, err := tagOf(ref)
	return err
}

func tagOf(ref string) (name.Tag, error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return tag, fmt.Errorf("reading image reference %q: %w", ref, err)
	}
	if written := ":" + tag.TagStr(); !strings.HasSuffix(ref, written) {
		return name.NewTag(ref + written) // engines want it spelled out
	}
	return tag, nil
}

// WriteTar writes img, named ref, as the archive that `docker load` and `ctr
// images import` read.
func WriteTar(w io.Writer, ref string, img *Image) error {
	tag, err := tagOf(ref)
	if err != nil {
		return err
	}
	if err := tarball.Write(tag, img.Image, w); err != nil {
		return fmt.Errorf("writing the archive of %q: %w", ref, err)
	}
	return nil
}

// Push uploads img to the registry that ref names, with the credentials that
// `docker login` left. Registries on loopback are spoken to without TLS.
func Push(ctx context.Context, ref string, img *Image) error {
	tag, err := tagOf(ref)
	if err != nil {
		return err
	}
	if err := remote.Write(tag, img.Image, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("pushing %q: %w", ref, err)
	}
	return nil
}
