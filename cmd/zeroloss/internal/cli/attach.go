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
)

// attachFlags are those of attach: what to attach to, what to do to it, and
// what is allowed.
type attachFlags struct {
	clusterFlags
	in       inputFlags
	deploy   string // namespace/name, or name
	ns       string
	url      string
	request  string
	header   []string
	rate     string
	conns    string
	duration time.Duration
	at       time.Duration
	restart  bool
	observe  bool
	settle   time.Duration
	scaleTo  int
	status   []string
	jsonPath string
	equals   string
	match    string
	who      string
	nacos    string

	changes, load, inCluster bool
	maxRate                  float64
	abortAfter               int
	image                    string
	rbac, show, json         bool
	out                      string
	repeat                   int
	change                   string
}

func newAttach(env Env) *cobra.Command {
	f := attachFlags{}
	cmd := &cobra.Command{
		Use:   "attach [FILE]",
		Short: "Watch a service of your own through a release",
		Long: `Sends load to a service that is there already, watches its pods and endpoints while
it is released, and says what was lost and why. Nothing of ours is in the service.

  zeroloss attach --deployment shop/orders --url http://orders.example --observe
  zeroloss attach --deployment shop/orders --url http://orders.example --restart --allow-changes

Without --allow-changes nothing is written to the cluster: --observe waits for a
release that somebody else makes. FILE is a scenario with a target, for more than
one stream, or steps of your own.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), env, args) },
	}
	p := cmd.Flags()
	f.clusterFlags.register(p, "; it has to be there")
	p.StringVar(&f.deploy, "deployment", "", "the target, as NAMESPACE/NAME")
	p.StringVar(&f.ns, "namespace", "", "of a target that is named without one")
	p.StringVar(&f.url, "url", "", "where the load goes, as http://orders.example:8080/path")
	p.StringVar(&f.request, "request", "", `method and path, as "POST /orders" (default: GET and the path of --url)`)
	p.StringArrayVar(&f.header, "header", nil, `of each request, as "Host: orders.example"; ${NAME} in it is an environment variable, whose value is not written down`)
	p.StringVar(&f.rate, "rate", "20/s", "of requests")
	p.StringVar(&f.conns, "connections", "new", "new (one for each request, as of many clients) or keep-alive")
	p.DurationVar(&f.duration, "duration", time.Minute, "of the load")
	p.DurationVar(&f.at, "at", 10*time.Second, "when the target is restarted or scaled, after the load has begun")
	p.BoolVar(&f.restart, "restart", false, "restart its pods, as kubectl rollout restart")
	p.DurationVar(&f.settle, "settle", 0, "with --observe: end once the release has been over for so long, at the latest after --duration; 0 waits for --duration")
	p.IntVar(&f.scaleTo, "scale-to", -1, "scale it to so many replicas, and back again half-way to the end")
	p.BoolVar(&f.observe, "observe", false, "do nothing to it: somebody else releases it meanwhile")
	p.StringArrayVar(&f.status, "ok-status", nil, "a good status, as 204, 2xx or 200-204 (default 2xx)")
	p.StringVar(&f.jsonPath, "ok-json", "", "a JSON path (RFC 9535) that selects something of a good answer, neither null nor false")
	p.StringVar(&f.equals, "ok-equals", "", "what --ok-json has to select")
	p.StringVar(&f.match, "ok-match", "", "a regular expression that the body of a good answer matches")
	p.StringVar(&f.who, "instance-header", "", "the header in which an answer names its pod, or the pod's address")
	p.StringVar(&f.nacos, "nacos", "", "a registry that lists it, as HOST:PORT/SERVICE, whose changes are written down")
	p.BoolVar(&f.changes, "allow-changes", false, "allow writes to the cluster: to the target what --restart or --scale-to say, and a load pod")
	p.BoolVar(&f.load, "allow-load", false, "allow a load pod, in a namespace of its own, and nothing else")
	p.BoolVar(&f.inCluster, "in-cluster", false, "send the load from a pod, instead of from this machine")
	p.StringVar(&f.image, "image", "", "zeroloss' image for the load pod, where the nodes can pull it (default: this program, loaded into kind's nodes)")
	p.Float64Var(&f.maxRate, "max-rate", 50, "refuse a load of more requests a second")
	p.IntVar(&f.abortAfter, "abort-after", 100, "stop once so many requests are lost, and give the target its replicas back; 0 is never")
	p.BoolVar(&f.rbac, "rbac", false, "print the rights that it needs, and do nothing")
	p.BoolVar(&f.show, "scenario", false, "print the scenario that the flags mean, and do nothing")
	p.StringVar(&f.change, "change", "", "what to try, a file as kubectl patch takes it: runs without it (before) and with it (after) take turns")
	p.IntVar(&f.repeat, "repeat", 1, "with --change: how many runs of each")
	p.StringVar(&f.out, "out", "", "run directory (default runs/<scenario>-<time>; runs/latest points to it)")
	p.BoolVar(&f.json, "json", false, "print summary.json alone")
	p.Uint64Var(&f.in.seed, "seed", 0, "0 draws one")
	p.StringArrayVar(&f.in.set, "set", nil, "change a field of the scenario, as --set time.duration=30s")
	return cmd
}

func (f *attachFlags) run(ctx context.Context, env Env, args []string) error {
	c, text, err := f.compile(env, args)
	if err != nil {
		return err
	}
	switch {
	case f.show:
		return printed(env.Stdout, text)
	case f.rbac:
		text, err := kube.AttachRBAC(c.Plan, f.inCluster)
		if err != nil {
			return environmentError(err)
		}
		return printed(env.Stdout, text)
	}
	if err := f.permitted(c.Plan); err != nil {
		return inputError(err)
	}
	remarks(env.Stderr, c.Plan)
	if c.Plan.Target.Change != nil {
		return f.inTurn(ctx, env, args)
	}
	format := "text"
	if f.json {
		format = "json"
	}
	r, err := f.once(ctx, env, c, f.out, format)
	if err != nil {
		return err
	}
	return ofVerdict(r.Result.Verdict)
}

// permitted refuses what the flags do not allow, and what cannot be.
func (f *attachFlags) permitted(p *plan.Plan) error {
	if p.Target.Change == nil && f.repeat != 1 {
		return errors.New("--repeat wants a --change to repeat with and without: repeats would release your service again and again by themselves\n  run it once before and once after the change, and hold them against each other: zeroloss compare DIR DIR")
	}
	if f.repeat < 1 {
		return fmt.Errorf("--repeat %d is below 1", f.repeat)
	}
	if _, err := run.Sent(p.Streams); err != nil {
		return err
	}
	if err := errors.Join(kube.CheckRate(p, f.maxRate), kube.CheckAllowed(p, f.inCluster, f.changes, f.load)); err != nil {
		return err
	}
	if f.inCluster && f.context != "" && f.image == "" {
		return errors.New("nothing can be loaded into the nodes of a context\n  put the image where they can pull it (zeroloss image --push REF), then add --image REF")
	}
	return nil
}

// once runs, judges and reports into out, and prints the result as format, if
// that is one. Its error carries the exit code of a run without a verdict.
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
	dir, err := prepare(c, out, plan.AttachRuntime)
	if err != nil {
		return nil, environmentError(err)
	}
	rt.Into(dir)
	r, path, err := concluded(dir, carryOut(ctx, env, c, dir, rt))
	return told(ctx, env, r, path, format, err)
}

// compile makes a plan of a file, or of the scenario that the flags mean.
func (f *attachFlags) compile(env Env, args []string) (*scenarios.Prepared, string, error) {
	var text []byte
	name := "the flags"
	if len(args) == 1 {
		if f.deploy != "" || f.url != "" || f.change != "" {
			return nil, "", inputError(fmt.Errorf("a scenario (%s) or --deployment, --url and --change, not both", args[0]))
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
	c, err := f.in.compile(env, args)
	if err != nil {
		return nil, "", err
	}
	if text != nil {
		for i := range c.Plan.Warnings { // no file of the user's
			c.Plan.Warnings[i].File, c.Plan.Warnings[i].Line = name, 0
		}
	}
	if c.Plan.Target == nil {
		return nil, "", inputError(fmt.Errorf("%s has no target: it makes its own services\n  zeroloss run %s", name, name))
	}
	return c, string(c.Scenario), nil
}
