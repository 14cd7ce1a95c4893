package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"zeroloss/scenarios"
)

// inputFlags select what to compile: a scenario, or manifests without one.
type inputFlags struct {
	files []string // -f
	seed  uint64
	speed float64
	set   []string
	arm   string // with interleaved arms: the one to run
}

func (f *inputFlags) register(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringSliceVarP(&f.files, "filename", "f", nil, `Kubernetes manifests to run without a scenario file ("-" for stdin)`)
	p.Uint64Var(&f.seed, "seed", 0, "random seed for pod names, load balancing and jitter (0: pick one)")
	p.Float64Var(&f.speed, "speed", 0, "run topology timings (sleeps, grace, cron, probes) this many times faster")
	p.StringArrayVar(&f.set, "set", nil, "set a field of the scenario, e.g. --set time.duration=30s (repeatable)")
}

// compile reads and compiles what the arguments and flags name. It starts
// nothing; an error means that the input is wrong.
func (f *inputFlags) compile(env Env, args []string) (*scenarios.Prepared, error) {
	if err := f.check(args); err != nil {
		return nil, inputError(err)
	}
	if f.seed == 0 {
		f.seed = rand.Uint64N(1_000_000) + 1
	}
	r := scenarios.Request{Manifests: f.files, Stdin: env.Stdin, Set: f.set, Seed: f.seed, Speed: f.speed, Arm: f.arm}
	if len(args) == 1 {
		r.Scenario = args[0]
	}
	p, err := scenarios.Prepare(r)
	return p, inputError(err)
}

func (f *inputFlags) check(args []string) error {
	switch {
	case f.speed < 0:
		return fmt.Errorf("--speed must not be negative, got %v", f.speed)
	case len(f.files) > 0 && len(args) > 0:
		return fmt.Errorf("give either a scenario (%s) or manifests (-f), not both", args[0])
	case len(f.files) == 0 && len(args) == 0:
		return errors.New("no scenario given\n  to list the catalogue: zeroloss list")
	}
	return nil
}
