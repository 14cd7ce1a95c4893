package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"zeroloss/scenarios"
)

// inputFlags say what to compile: a scenario, or bare manifests.
type inputFlags struct {
	files []string // -f
	seed  uint64
	speed float64
	set   []string
	arm   string // of arms that run one after the other: this one
}

func (f *inputFlags) register(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringSliceVarP(&f.files, "filename", "f", nil, "bare manifests instead of a scenario; - is standard input")
	p.Uint64Var(&f.seed, "seed", 0, "of pod names, balancers and jitter; 0 draws one")
	p.Float64Var(&f.speed, "speed", 0, "divide the durations of the topology by this")
	p.StringArrayVar(&f.set, "set", nil, "change a field of the scenario, as --set time.duration=30s")
}

// compile reads and compiles what args and flags name. Its error is the
// input's: nothing has been started.
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
		return fmt.Errorf("--speed %v is below 0", f.speed)
	case len(f.files) > 0 && len(args) > 0:
		return fmt.Errorf("a scenario (%s) or bare manifests (-f), not both", args[0])
	case len(f.files) == 0 && len(args) == 0:
		return errors.New("which scenario? see: zeroloss list")
	}
	return nil
}
