package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zeroloss/reports"
	"zeroloss/scenarios"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube"
	"zeroloss/scenarios/run/kube/target"
)

// attachFlags are the flags of attach: the target, what happens to it, and what
// the run may do to the cluster.
type attachFlags struct {
	clusterFlags
	input          inputFlags
	deployment     string // namespace/name, or name
	namespace      string
	url            string
	request        string
	header         []string
	rate           string
	connections    string
	duration       time.Duration
	at             time.Duration
	restart        bool
	observe        bool
	settle         time.Duration
	scaleTo        int
	okStatus       []string
	okJSONPath     string
	okEquals       string
	okMatch        string
	instanceHeader string
	nacos          string

	allowChanges, allowLoad, inCluster bool
	maxRate                            float64
	abortAfter                         int
	image                              string
	printRBAC, printScenario, json     bool
	out                                string
	repeat                             int
	patchFile                          string
}

func newAttach(env Env) *cobra.Command {
	f := attachFlags{}
	cmd := &cobra.Command{
		Use:   "attach [FILE]",
		Short: "Observe a release of your own service",
		Long: `Sends load to an existing service, watches its pods and endpoints during a release,
and reports which requests were lost and why. The service needs no instrumentation.

  zeroloss attach --deployment shop/orders --url http://orders.example --observe
  zeroloss attach --deployment shop/orders --url http://orders.example --restart --allow-changes

By default attach changes nothing in the cluster: with --observe you trigger the
release yourself. --restart, --scale-to and --change need --allow-changes.

FILE is a scenario with a target. Use it for several streams or for your own steps.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), env, args) },
	}
	p := cmd.Flags()
	f.register(p, "kind cluster to use; must exist")
	p.StringVar(&f.deployment, "deployment", "", "target Deployment, as NAMESPACE/NAME")
	p.StringVar(&f.namespace, "namespace", "", "namespace of --deployment, if it does not include one")
	p.StringVar(&f.url, "url", "", "URL to send requests to, e.g. http://orders.example:8080/path")
	p.StringVar(&f.request, "request", "", `method and path, e.g. "POST /orders" (default: GET and the path of --url)`)
	p.StringArrayVar(&f.header, "header", nil, `request header, e.g. "Host: orders.example" (repeatable); ${NAME} expands to an environment variable whose value is not recorded`)
	p.StringVar(&f.rate, "rate", "20/s", "request rate, e.g. 20/s")
	p.StringVar(&f.connections, "connections", "new", "new: one connection per request, like many clients; keep-alive: reuse connections")
	p.DurationVar(&f.duration, "duration", time.Minute, "how long to send load")
	p.DurationVar(&f.at, "at", 10*time.Second, "when to restart or scale the target, counted from the start of the load")
	p.BoolVar(&f.restart, "restart", false, "restart the target's pods, like kubectl rollout restart")
	p.DurationVar(&f.settle, "settle", 0, "with --observe: end the run this long after the release completes (0: run for --duration)")
	p.IntVar(&f.scaleTo, "scale-to", -1, "scale to N replicas, then back half-way through the remaining time")
	p.BoolVar(&f.observe, "observe", false, "only observe; trigger the release yourself")
	p.StringArrayVar(&f.okStatus, "ok-status", nil, "status of a successful response, e.g. 204, 2xx or 200-204 (repeatable; default 2xx)")
	p.StringVar(&f.okJSONPath, "ok-json", "", "JSONPath (RFC 9535) that must match in a successful response")
	p.StringVar(&f.okEquals, "ok-equals", "", "value that --ok-json must select")
	p.StringVar(&f.okMatch, "ok-match", "", "regular expression that the body of a successful response must match")
	p.StringVar(&f.instanceHeader, "instance-header", "", "response header that contains the name or IP of the pod that answered")
	p.StringVar(&f.nacos, "nacos", "", "Nacos service to record changes of, as HOST:PORT/SERVICE")
	p.BoolVar(&f.allowChanges, "allow-changes", false, "allow writes to the cluster: --restart, --scale-to or --change on the target, and a load pod")
	p.BoolVar(&f.allowLoad, "allow-load", false, "allow a load pod in its own namespace, but no other change")
	p.BoolVar(&f.inCluster, "in-cluster", false, "send the load from a pod instead of from this machine")
	p.StringVar(&f.image, "image", "", "zeroloss image for the load pod, pullable by the nodes (default: this binary, loaded into the kind nodes)")
	p.Float64Var(&f.maxRate, "max-rate", 50, "refuse a total rate above N requests per second")
	p.IntVar(&f.abortAfter, "abort-after", 100, "abort after N lost requests and restore the target (0: never)")
	p.BoolVar(&f.printRBAC, "rbac", false, "print the required RBAC rules and exit")
	p.BoolVar(&f.printScenario, "scenario", false, "print the equivalent scenario and exit")
	p.StringVar(&f.patchFile, "change", "", "file with a patch of the target, as for kubectl patch: runs alternate without it (before) and with it (after)")
	p.IntVar(&f.repeat, "repeat", 1, "with --change: number of runs of each arm")
	p.StringVar(&f.out, "out", "", "run directory (default runs/<scenario>-<time>; runs/latest links to it)")
	p.BoolVar(&f.json, "json", false, "print only summary.json")
	p.Uint64Var(&f.input.seed, "seed", 0, "random seed (0: pick one)")
	p.StringArrayVar(&f.input.set, "set", nil, "set a field of the scenario, e.g. --set time.duration=30s (repeatable)")
	return cmd
}

func (f *attachFlags) run(ctx context.Context, env Env, args []string) error {
	c, text, err := f.compile(env, args)
	if err != nil {
		return err
	}
	switch {
	case f.printScenario:
		return printText(env.Stdout, text)
	case f.printRBAC:
		text, err := target.RBAC(c.Plan, f.inCluster)
		if err != nil {
			return environmentError(err)
		}
		return printText(env.Stdout, text)
	}
	if err := f.checkAllowed(c.Plan); err != nil {
		return inputError(err)
	}
	printFindings(env.Stderr, c.Plan)
	if c.Plan.Target.Change != nil {
		return f.alternate(ctx, env, args)
	}
	format := "text"
	if f.json {
		format = "json"
	}
	r, err := f.once(ctx, env, c, f.out, format)
	if err != nil {
		return err
	}
	return verdictError(r.Result.Verdict)
}

// checkAllowed returns why the flags do not allow the plan, or why it cannot run.
func (f *attachFlags) checkAllowed(p *plan.Plan) error {
	if p.Target.Change == nil && f.repeat != 1 {
		return errors.New("--repeat needs --change: without it every repetition releases the service again\n  run attach once before and once after your change, then compare the runs: zeroloss compare DIR DIR")
	}
	if f.repeat < 1 {
		return fmt.Errorf("--repeat must be at least 1, got %d", f.repeat)
	}
	if _, err := run.ResolveHeaders(p.Streams); err != nil {
		return err
	}
	if err := errors.Join(target.CheckRate(p, f.maxRate), target.CheckAllowed(p, f.inCluster, f.allowChanges, f.allowLoad)); err != nil {
		return err
	}
	if f.inCluster && f.context != "" && f.image == "" {
		return errors.New("--context cannot load local images into the nodes\n  push the image (zeroloss image --push REF), then add --image REF")
	}
	return nil
}

// once runs, judges and writes the reports to out. It prints the result in the
// given format, or not at all if format is "". The error carries the exit code
// of a run without a verdict.
func (f *attachFlags) once(ctx context.Context, env Env, c *scenarios.Prepared, out, format string) (*reports.Report, error) {
	o := kube.AttachOptions{
		Options: kube.Options{
			Run: newRunID(time.Now()), Context: f.context, Kubeconfig: f.kubeconfig, Cluster: f.cluster,
			Image: f.image, Binary: env.Executable, Manifests: c.Manifests,
		},
		InCluster: f.inCluster, AbortAfter: f.abortAfter,
	}
	rt := kube.NewAttached(o)
	if err := rt.Check(ctx, c.Plan); err != nil {
		if ctx.Err() != nil {
			return nil, withCode(exitInterrupted, err)
		}
		return nil, environmentError(err)
	}
	dir, err := createRunDir(c, out, plan.AttachRuntime)
	if err != nil {
		return nil, environmentError(err)
	}
	rt.SetDir(dir)
	r, path, err := closeAndAssemble(dir, runPlan(ctx, env, c, dir, rt))
	return writeAndPrint(ctx, env, r, path, format, err)
}

// compile compiles the scenario file, or the scenario that the flags describe.
func (f *attachFlags) compile(env Env, args []string) (*scenarios.Prepared, string, error) {
	var text []byte
	name := "the flags"
	if len(args) == 1 {
		if f.deployment != "" || f.url != "" || f.patchFile != "" {
			return nil, "", inputError(fmt.Errorf("give either a scenario (%s) or --deployment, --url and --change, not both", args[0]))
		}
		name = args[0]
	} else {
		s, err := f.scenario()
		if err != nil {
			return nil, "", inputError(err)
		}
		if text, err = yaml.Marshal(s); err != nil {
			return nil, "", environmentError(err)
		}
	}
	if text != nil {
		env.Stdin, args = bytes.NewReader(text), []string{"-"}
	}
	c, err := f.input.compile(env, args)
	if err != nil {
		return nil, "", err
	}
	if text != nil {
		for i := range c.Plan.Warnings { // the scenario came from flags, not from a file
			c.Plan.Warnings[i].File, c.Plan.Warnings[i].Line = name, 0
		}
	}
	if c.Plan.Target == nil {
		return nil, "", inputError(fmt.Errorf("%s has no target: it starts its own services\n  run it with: zeroloss run %s", name, name))
	}
	return c, string(c.Scenario), nil
}
