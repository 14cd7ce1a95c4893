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
	"zeroloss/scenarios/rundir"
)

// nodeImageEnv names the image of a kind cluster's nodes where no flag does.
const nodeImageEnv = "ZEROLOSS_NODE_IMAGE"

// clusterFlags say which cluster.
type clusterFlags struct {
	context, kubeconfig, cluster string
}

// register defines them; absent says what becomes of a kind cluster that is not
// there.
func (f *clusterFlags) register(p *pflag.FlagSet, absent string) {
	p.StringVar(&f.context, "context", "", "kube: work in this context of the kubeconfig, instead of a kind cluster")
	p.StringVar(&f.kubeconfig, "kubeconfig", "", "kube: the kubeconfig of --context (default: the usual one)")
	p.StringVar(&f.cluster, "cluster", kube.DefaultCluster, "kube: name of the kind cluster"+absent)
}

// kubeFlags are those of the runtime of a cluster.
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
	f.clusterFlags.register(p, "; one that is not there is made, and deleted afterwards")
	p.StringVar(&f.nodeImage, "node-image", "", "kube: image of a new kind cluster's nodes (default: $"+nodeImageEnv+", else kind's own)")
	p.StringVar(&f.image, "image", "", "kube: zeroloss' image, where the nodes can pull it (default: this program, loaded into kind's nodes)")
	p.StringVar(&f.registryImage, "registry-image", kube.RegistryImage, "kube: image of the Nacos server")
	p.IntVar(&f.loadPods, "load-pods", 0, loadPodsHelp())
	p.StringVar(&f.runID, "run-id", "", "kube: id of the run; its namespace is "+kube.NamespacePrefix+"<id> (default: of the time)")
	p.BoolVar(&f.keep, "keep", false, "kube: leave namespace and cluster as they are at the end")
}

func loadPodsHelp() string {
	return fmt.Sprintf("kube: how many pods share the load (0: one for each %d requests a second)", plan.RatePerLoadPod)
}

// check refuses what cannot be carried out in a cluster, before anything is
// started.
func (f *kubeFlags) check(c *scenarios.Prepared) error {
	if f.context != "" && f.image == "" {
		return errors.New("nothing can be loaded into the nodes of a context\n  put the image where they can pull it (zeroloss image --push REF), then add --image REF")
	}
	if err := kube.CheckRun(f.runID); f.runID != "" && err != nil {
		return err
	}
	_, err := kube.Render(c.Plan, c.Manifests, kube.RenderOptions{Run: "check", LoadPods: f.loadPods})
	return err
}

func (f *kubeFlags) runtime(env Env, c *scenarios.Prepared, dir *rundir.Dir) run.Runtime {
	return kube.New(kube.Options{
		Dir: dir, Manifests: c.Manifests, Run: cmp.Or(f.runID, newRunID(time.Now())),
		Context: f.context, Kubeconfig: f.kubeconfig, Cluster: f.cluster, NodeImage: cmp.Or(f.nodeImage, env.Getenv(nodeImageEnv)),
		Image: f.image, Binary: env.Executable, RegistryImage: f.registryImage, LoadPods: f.loadPods, Keep: f.keep,
	})
}

// newRunID names a run in a cluster: a DNS label, and nobody else's.
func newRunID(now time.Time) string {
	return fmt.Sprintf("%s-%04x", now.UTC().Format("20060102-150405"), rand.N(1<<16))
}

func newRender(env Env) *cobra.Command {
	var in inputFlags
	var rbac, diff bool
	var o kube.RenderOptions
	cmd := &cobra.Command{
		Use:   "render [SCENARIO|FILE]",
		Short: "Print the YAML that a run in a cluster applies",
		Long: `Prints what "run --runtime kube" would apply, with the repairs that the manifests
need there in a comment before it. --diff shows them against what was written;
--rbac prints the rights that a run needs instead.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if rbac {
				text, err := kube.RBAC()
				if err != nil {
					return environmentError(err)
				}
				return printed(cmd.OutOrStdout(), text)
			}
			c, err := in.compile(env, args)
			if err != nil {
				return err
			}
			r, err := kube.Render(c.Plan, c.Manifests, o)
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
			return printed(cmd.OutOrStdout(), text)
		},
	}
	in.register(cmd)
	p := cmd.Flags()
	p.BoolVar(&rbac, "rbac", false, "print the rights that a run needs")
	p.BoolVar(&diff, "diff", false, "print what is changed in the manifests")
	p.StringVar(&o.Run, "run-id", "run", "id of the run; its namespace is "+kube.NamespacePrefix+"<id>")
	p.StringVar(&o.Image, "image", "zeroloss.local/zeroloss:dev", "zeroloss' image")
	p.StringVar(&o.RegistryImage, "registry-image", kube.RegistryImage, "image of the Nacos server")
	p.IntVar(&o.LoadPods, "load-pods", 0, loadPodsHelp())
	return cmd
}

func printed(w io.Writer, text string) error {
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
		Short: "Remove what runs in a cluster have left after a crash",
		Long: `Deletes the kind clusters that runs of this user have made, and the namespaces that
runs have left in a cluster, where the process they belonged to is gone. It goes by
its own marks and labels, and touches nothing else: a cluster that has the name of
one that a run has made, and is another, is left alone.
A Deployment that attach has scaled or changed is given back, unless somebody else
has scaled or changed it since.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := kube.Clean(cmd.Context(), kube.CleanOptions{
				Context: f.context, Kubeconfig: f.kubeconfig, Cluster: f.cluster, All: all, Namespace: namespace,
				Say: func(s string) { fmt.Fprintln(cmd.OutOrStdout(), s) },
			})
			return environmentError(err)
		},
	}
	f.register(cmd.Flags(), " to look into, if it is there")
	cmd.Flags().StringVar(&namespace, "namespace", "", "look only at the Deployments of this namespace, which needs no right beyond it")
	cmd.Flags().BoolVar(&all, "all", false, "also what was kept on purpose, what belongs to runs of other hosts, or of this one before it was started anew, and clusters that do not answer")
	return cmd
}
