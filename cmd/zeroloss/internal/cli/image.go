package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"zeroloss/scenarios/image"
	"zeroloss/scenarios/run/kube/kindcluster"
)

// imageFlags select the binary and where the image goes.
type imageFlags struct {
	binary string
	ref    string
	push   string
	load   string // kind, or kind:CLUSTER
	tar    string
	asJSON bool
}

func newImage(Env) *cobra.Command {
	var f imageFlags
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Build the container image, and push, load or save it",
		Long: `Builds a container image that contains only a zeroloss binary for Linux, by default
this one. It needs no container engine. The binary also serves as the image's sh,
wget, curl and sleep, so hooks run unchanged. The image runs as user 65532 and works
with a read-only root file system. Hooks start in /tmp and can write there.

  zeroloss image                                   print name, digest and size
  zeroloss image --load kind:mine                  load into the nodes of kind cluster "mine"
  zeroloss image --tar - | docker load             load into the local container engine
  zeroloss image --push ghcr.io/me/zeroloss:v1     push with the credentials of docker login

The same binary always gives the same digest.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.binary, "binary", "", "statically linked zeroloss binary for Linux (default: this one)")
	p.StringVar(&f.ref, "ref", "", "image name (default: derived from the content)")
	p.StringVar(&f.push, "push", "", "push to this reference, registry/repository:tag")
	p.StringVar(&f.load, "load", "", "load into a kind cluster, kind:CLUSTER (kind alone: "+kindcluster.DefaultName+")")
	p.StringVar(&f.tar, "tar", "", `write an archive for docker load to this file ("-" for stdout)`)
	p.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (f *imageFlags) run(ctx context.Context, out, errs io.Writer) error {
	if err := f.check(); err != nil {
		return inputError(err)
	}
	if f.tar != "" { // fail before building
		if _, err := os.Stat(filepath.Dir(f.tar)); err != nil {
			return environmentError(fmt.Errorf("writing the image to %q: %w", f.tar, err))
		}
	}
	img, err := image.Build(image.Options{Binary: f.binary})
	switch {
	case err != nil && f.binary != "":
		return inputError(err)
	case err != nil:
		return environmentError(err)
	}
	ref := cmp.Or(f.ref, f.push, img.Ref())
	info := out
	if f.tar == "-" {
		info = errs
	}
	if err := f.deliver(ctx, img, ref, out); err != nil {
		if ctx.Err() != nil {
			return withCode(exitInterrupted, err)
		}
		return environmentError(err)
	}
	return f.print(info, img, ref)
}

func (f *imageFlags) check() error {
	for _, ref := range []string{f.ref, f.push} {
		if ref == "" {
			continue
		}
		if err := image.CheckRef(ref); err != nil {
			return fmt.Errorf("%w\n  expected [registry/]repository[:tag], e.g. ghcr.io/me/zeroloss:v1", err)
		}
	}
	if kind, _, _ := strings.Cut(f.load, ":"); f.load != "" && kind != "kind" {
		return fmt.Errorf("--load must be kind:CLUSTER, got %q\n  to load into the local container engine: zeroloss image --tar - | docker load", f.load)
	}
	return nil
}

func (f *imageFlags) deliver(ctx context.Context, img *image.Image, ref string, out io.Writer) error {
	if f.tar != "" {
		if err := writeArchive(f.tar, out, img, ref); err != nil {
			return err
		}
	}
	if f.load != "" {
		err := kindcluster.ReplaceImage(ctx, f.cluster(), ref, func(w io.Writer) error { return image.WriteTar(w, ref, img) })
		if err != nil {
			return err
		}
	}
	if f.push != "" {
		if err := image.Push(ctx, f.push, img); err != nil {
			return fmt.Errorf("%w\n  check that the registry is reachable and that you may push to it; zeroloss uses the credentials of docker login REGISTRY", err)
		}
	}
	return nil
}

// cluster returns the name of the kind cluster to load the image into.
func (f *imageFlags) cluster() string {
	_, name, _ := strings.Cut(f.load, ":")
	return cmp.Or(name, kindcluster.DefaultName)
}

// writeArchive writes the archive to file atomically; "-" is out.
func writeArchive(file string, out io.Writer, img *image.Image, ref string) (err error) {
	if file == "-" {
		return image.WriteTar(out, ref, img)
	}
	part, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-")
	if err != nil {
		return fmt.Errorf("writing the image to %q: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	w := bufio.NewWriter(part)
	err = errors.Join(image.WriteTar(w, ref, img), w.Flush(), part.Chmod(0o644), part.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(part.Name(), file); err != nil {
		return fmt.Errorf("writing the image to %q: %w", file, err)
	}
	return nil
}

// print describes the image and where it went.
func (f *imageFlags) print(w io.Writer, img *image.Image, ref string) error {
	if f.asJSON {
		return json.NewEncoder(w).Encode(map[string]any{
			"ref": ref, "digest": img.Digest, "arch": img.Arch, "compressed_bytes": img.Compressed, "binary_bytes": img.Binary})
	}
	const megabyte = 1e6
	fmt.Fprintf(w, "image   %s\ndigest  %s\nfor     linux/%s\nsize    %.1f MB compressed, binary %.1f MB\n",
		ref, img.Digest, img.Arch, float64(img.Compressed)/megabyte, float64(img.Binary)/megabyte)
	if f.tar != "" && f.tar != "-" {
		fmt.Fprintf(w, "wrote   %s\n", f.tar)
	}
	if f.load != "" {
		fmt.Fprintf(w, "loaded  into the nodes of kind cluster %s\n", f.cluster())
	}
	if f.push != "" {
		fmt.Fprintf(w, "pushed  %s@%s\n", f.push, img.Digest)
	}
	return nil
}
