package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"zeroloss/reports"
	"zeroloss/scenarios/spec"
)

// change reads a patch of the target's Deployment, as --change names it.
func (f *attachFlags) changed() (map[string]any, error) {
	if f.change == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.change)
	if err != nil {
		return nil, fmt.Errorf("reading --change: %w", err)
	}
	var patch map[string]any
	if err := yaml.UnmarshalStrict(text, &patch); err != nil {
		return nil, fmt.Errorf("--change %s is no patch: %w\n  as kubectl patch takes it: {spec: {template: {spec: {…}}}}", f.change, err)
	}
	if len(patch) == 0 {
		return nil, fmt.Errorf("--change %s is empty", f.change)
	}
	return patch, nil
}

// turns are the arms of n runs of each, in an order that is fair to both where
// something drifts meanwhile: before, after, after, before, and so on.
func turns(n int) []string {
	var out []string
	for i := range n {
		if i%2 == 0 {
			out = append(out, spec.ArmBefore, spec.ArmAfter)
		} else {
			out = append(out, spec.ArmAfter, spec.ArmBefore)
		}
	}
	return out
}

// inTurn runs a target as it is, and changed, again and again; then it holds
// both against each other.
func (f *attachFlags) inTurn(ctx context.Context, env Env, args []string) error {
	var runs []*reports.Report
	order := turns(f.repeat)
	first := f.in.seed
	for i, arm := range order {
		fmt.Fprintf(env.Stderr, "run %d of %d: %s\n", i+1, len(order), arm)
		f.in.arm, f.in.seed = arm, first+uint64(i)
		c, _, err := f.compile(env, args)
		if err != nil {
			return err
		}
		out := ""
		if f.out != "" {
			out = fmt.Sprintf("%s-%d-%s", f.out, i+1, arm)
		}
		r, err := f.once(ctx, env, c, out, "")
		if err != nil {
			return err
		}
		runs = append(runs, r)
		if !f.json {
			fmt.Fprintln(env.Stdout, line(i+1, r))
		}
	}
	return concludeRepeats(env, reports.Repeated(runs, spec.ArmBefore), f.json)
}

// concludeRepeats prints what several runs say together. Its error is the
// verdict's.
func concludeRepeats(env Env, r *reports.Repeats, json bool) error {
	write := reports.RepeatsText
	if json {
		write = reports.RepeatsJSON
	}
	return errors.Join(environmentError(write(env.Stdout, r)), ofVerdict(r.Verdict))
}
