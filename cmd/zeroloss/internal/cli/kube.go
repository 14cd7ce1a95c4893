package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zeroloss/scenarios"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube"
	"zeroloss/scenarios/run/kube/kindcluster"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// nodeImageEnv is the environment variable with the node image of a new kind
// cluster. --node-image overrides it.
const nodeImageEnv = "ZEROLOSS_NODE_IMAGE"

// clusterFlags select the cluster.
type clusterFlags struct {
	context, kubeconfig, cluster string
}

// register defines the flags; clusterUsage is the help of --cluster.
func (f *clusterFlags) register(p *pflag.FlagSet, clusterUsage string) {
	p.StringVar(&f.context, "context", "", "kube: kubeconfig context to use instead of a kind cluster")
	p.StringVar(&f.kubeconfig, "kubeconfig", "", "kube: kubeconfig file for --context (default: as for kubectl)")
	p.StringVar(&f.cluster, "cluster", kindcluster.DefaultName, "kube: "+clusterUsage)
}

// kubeFlags are the flags of the kube runtime.
type kubeFlags struct {
	clusterFlags
	nodeImage     string
	image         string
	registryImage string
	loadPods      int
	runID         string
	keep          bool
}

func (f *kubeFlags) register(p *pflag.FlagSet) {
	f.clusterFlags.register(p, "kind cluster to use; created if missing and then deleted afterwards")
	p.StringVar(&f.nodeImage, "node-image", "", "kube: node image for a new kind cluster (default: $"+nodeImageEnv+", or the default of kind)")
	p.StringVar(&f.image, "image", "", "kube: zeroloss image, pullable by the nodes (default: this binary, loaded into the kind nodes)")
	p.StringVar(&f.registryImage, "registry-image", render.RegistryImage, "kube: Nacos server image")
	p.IntVar(&f.loadPods, "load-pods", 0, loadPodsHelp())
	p.StringVar(&f.runID, "run-id", "", "kube: run ID; the namespace is "+owner.NamespacePrefix+"<id> (default: the time and a random suffix)")
	p.BoolVar(&f.keep, "keep", false, "kube: do not delete the namespace and cluster")
}

func loadPodsHelp() string {
	return fmt.Sprintf("kube: number of load pods (0: one per %d requests per second)", plan.RatePerLoadPod)
}

// check returns why the plan cannot run in a cluster. It starts nothing.
func (f *kubeFlags) check(c *scenarios.Prepared) error {
	if f.context != "" && f.image == "" {
		return errors.New("--context cannot load local images into the nodes\n  push the image (zeroloss image --push REF), then add --image REF")
	}
	if err := kube.CheckRunID(f.runID); f.runID != "" && err != nil {
		return err
	}
	_, err := render.Render(c.Plan, c.Manifests, render.Options{Run: "check", LoadPods: f.loadPods})
	return err
}

func (f *kubeFlags) runtime(env Env, c *scenarios.Prepared, dir *rundir.Dir) run.Runtime {
	return kube.New(kube.Options{
		Dir: dir, Manifests: c.Manifests, Run: cmp.Or(f.runID, newRunID(time.Now())),
		Context: f.context, Kubeconfig: f.kubeconfig, Cluster: f.cluster, NodeImage: cmp.Or(f.nodeImage, env.Getenv(nodeImageEnv)),
		Image: f.image, Binary: env.Executable, RegistryImage: f.registryImage, LoadPods: f.loadPods, Keep: f.keep,
	})
}

// newRunID returns a unique run ID that is a DNS label.
func newRunID(now time.Time) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102-150405"), rand.N(1<<16))
}

func newRender(env Env) *cobra.Command {
	var in inputFlags
	var rbac, diff bool
	var o render.Options
	cmd := &cobra.Command{
		Use:   "render [SCENARIO|FILE]",
		Short: "Print the YAML that the kube runtime applies",
		Long: `Prints the YAML that "run --runtime kube" applies. Comments at the top list the changes
that the manifests need in a cluster; --diff shows these changes as a diff. --rbac
prints the RBAC rules that a run needs instead.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rbac {
				text, err := render.RBAC()
				if err != nil {
					return environmentError(err)
				}
				return printText(cmd.OutOrStdout(), text)
			}
			c, err := in.compile(env, args)
			if err != nil {
				return err
			}
			r, err := render.Render(c.Plan, c.Manifests, o)
			if err != nil {
				return inputError(err)
			}
			text, err := r.YAML()
			if diff {
				text, err = r.Diff()
			}
			if err != nil {
				return environmentError(err)
			}
			return printText(cmd.OutOrStdout(), text)
		},
	}
	in.register(cmd)
	p := cmd.Flags()
	p.BoolVar(&rbac, "rbac", false, "print the required RBAC rules and exit")
	p.BoolVar(&diff, "diff", false, "print the changes to the manifests as a diff")
	p.StringVar(&o.Run, "run-id", "run", "run ID; the namespace is "+owner.NamespacePrefix+"<id>")
	p.StringVar(&o.Image, "image", "zeroloss.local/zeroloss:dev", "zeroloss image")
	p.StringVar(&o.RegistryImage, "registry-image", render.RegistryImage, "Nacos server image")
	p.IntVar(&o.LoadPods, "load-pods", 0, loadPodsHelp())
	return cmd
}

func printText(w io.Writer, text string) error {
	if _, err := io.Copy(w, strings.NewReader(text)); err != nil {
		return environmentError(err)
	}
	return nil
}

func newClean(Env) *cobra.Command {
	var f clusterFlags
	var all bool
	var namespace string
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Delete what killed runs left behind, and restore their targets",
		Long: `Deletes kind clusters and namespaces left behind by runs whose process no longer exists.
It recognises them by their owner labels and touches nothing else: a cluster with
the same name that zeroloss did not create is never deleted.

Restores Deployments that attach scaled or changed, unless someone else has scaled or
changed them since.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := kube.Clean(cmd.Context(), kube.CleanOptions{
				Context: f.context, Kubeconfig: f.kubeconfig, Cluster: f.cluster, All: all, Namespace: namespace,
				Say: func(s string) { fmt.Fprintln(cmd.OutOrStdout(), s) },
			})
			return environmentError(err)
		},
	}
	f.register(cmd.Flags(), "kind cluster to clean up, if it exists")
	cmd.Flags().StringVar(&namespace, "namespace", "", "only restore Deployments in this namespace; needs no permissions outside it")
	cmd.Flags().BoolVar(&all, "all", false, "also delete what --keep kept, what runs on other hosts or before the last reboot left, and unreachable clusters")
	return cmd
}
