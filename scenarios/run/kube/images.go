package kube

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"zeroloss/scenarios/image"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/kindcluster"
	"zeroloss/scenarios/run/kube/render"
)

// ownImage is the image of this program, built while the cluster is connected to.
type ownImage struct {
	*image.Image
	err error
}

// buildOwnImage starts to build the image of this program. It returns nil if --image
// names an image, or if --context is set: images can only be loaded into kind nodes.
func buildOwnImage(o Options) <-chan ownImage {
	if o.Image != "" || o.Context != "" {
		return nil
	}
	c := make(chan ownImage, 1)
	go func() {
		img, err := image.Build(image.Options{Binary: o.Binary})
		c <- ownImage{img, err}
	}()
	return c
}

// loadImages loads the images that a run needs into the nodes of a kind cluster, and
// returns the name of this program's own. withRegistry includes the registry's.
func loadImages(ctx context.Context, o Options, conn *connection, own <-chan ownImage, withRegistry bool, logf func(string, ...any)) (string, error) {
	if conn.kind == nil {
		if o.Image == "" {
			return "", fmt.Errorf("%w: --context %q cannot load local images into its nodes\n  push the image (zeroloss image --push REF), and pass --image REF", run.ErrEnvironment, o.Context)
		}
		return o.Image, nil
	}
	logf("loading images into the nodes")
	registryImage := cmp.Or(o.RegistryImage, render.RegistryImage)
	if archive, ok := kindcluster.EngineImage(ctx, registryImage); ok && withRegistry {
		if err := conn.kind.LoadImage(ctx, registryImage, archive); err != nil {
			return "", err
		}
	}
	if own == nil {
		return o.Image, nil
	}
	select {
	case b := <-own:
		if b.err != nil {
			return "", fmt.Errorf("%w: %w", run.ErrEnvironment, b.err)
		}
		ref := b.Ref()
		return ref, conn.kind.LoadImage(ctx, ref, func(w io.Writer) error { return image.WriteTar(w, ref, b.Image) })
	case <-ctx.Done():
		return "", fmt.Errorf("%w: while the image was built", run.ErrInterrupted)
	}
}
