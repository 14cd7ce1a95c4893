package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"zeroloss/reports"
	"zeroloss/reports/compare"
	"zeroloss/scenarios/spec"
)

// readPatch reads the patch of the target's Deployment from the file of --change.
func (f *attachFlags) readPatch() (map[string]any, error) {
	if f.patchFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.patchFile)
	if err != nil {
		return nil, fmt.Errorf("reading --change: %w", err)
	}
	var patch map[string]any
	if err := yaml.UnmarshalStrict(text, &patch); err != nil {
		return nil, fmt.Errorf("--change %s is not a patch: %w\n  expected a patch as for kubectl patch: {spec: {template: {spec: {…}}}}", f.patchFile, err)
	}
	if len(patch) == 0 {
		return nil, fmt.Errorf("--change %s is an empty patch", f.patchFile)
	}
	return patch, nil
}

// abbaOrder returns the arms of n runs each in ABBA order (before, after, after,
// before, …), so that drift affects both arms equally.
func abbaOrder(n int) []string {
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

// alternate runs the target without and with the change in turn, then compares
// the arms.
func (f *attachFlags) alternate(ctx context.Context, env Env, args []string) error {
	var runs []*reports.Report
	order := abbaOrder(f.repeat)
	first := f.input.seed
	for i, arm := range order {
		fmt.Fprintf(env.Stderr, "run %d of %d: %s\n", i+1, len(order), arm)
		f.input.arm, f.input.seed = arm, first+uint64(i)
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
			fmt.Fprintln(env.Stdout, summaryLine(i+1, r))
		}
	}
	return concludeComparison(env, compare.New(runs, spec.ArmBefore), f.json)
}

// concludeComparison prints the comparison of several runs. The error carries the
// exit code of their verdict.
func concludeComparison(env Env, c *compare.Comparison, json bool) error {
	write := compare.Text
	if json {
		write = compare.JSON
	}
	return errors.Join(environmentError(write(env.Stdout, c)), verdictError(c.Verdict))
}
