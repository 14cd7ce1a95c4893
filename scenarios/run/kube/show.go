package kube

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"
)

// YAML is all objects, with the repairs in a comment before them.
func (r *Rendered) YAML() (string, error) {
	var b strings.Builder
	for _, x := range r.Repairs {
		fmt.Fprintf(&b, "# %s: %s\n", x.Object, x.Text)
	}
	for _, o := range r.Objects() {
		text, err := yaml.Marshal(o)
		if err != nil {
			return "", fmt.Errorf("printing %s: %w", id(o), err)
		}
		b.WriteString("---\n")
		b.Write(text)
	}
	return b.String(), nil
}

// Diff is what was changed in the manifests, and what was added to them, by
// lines of their YAML in its canonical form.
func (r *Rendered) Diff() (string, error) {
	var b strings.Builder
	for _, x := range r.Repairs {
		fmt.Fprintf(&b, "# %s: %s\n", x.Object, x.Text)
	}
	for _, o := range r.Objects() {
		before := ""
		if was, ok := r.before[id(o)]; ok {
			text, err := yaml.Marshal(was)
			if err != nil {
				return "", fmt.Errorf("printing %s: %w", id(o), err)
			}
			before = string(text)
		}
		after, err := yaml.Marshal(o)
		if err != nil {
			return "", fmt.Errorf("printing %s: %w", id(o), err)
		}
		if before == string(after) {
			continue
		}
		fmt.Fprintf(&b, "--- %s\n+++ %s\n", id(o), id(o))
		writeDiff(&b, lines(before), lines(string(after)))
	}
	return b.String(), nil
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// around is how many unchanged lines stand around a change.
const around = 3

// writeDiff writes the lines that differ, by a longest common subsequence:
// manifests are short.
func writeDiff(b *strings.Builder, was, is []string) {
	// common[i][j] is the length of the longest common subsequence of was[i:]
	// and is[j:].
	common := make([][]int, len(was)+1)
	for i := range common {
		common[i] = make([]int, len(is)+1)
	}
	for i := len(was) - 1; i >= 0; i-- {
		for j := len(is) - 1; j >= 0; j-- {
			if was[i] == is[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	for i, j := 0, 0; i < len(was) || j < len(is); {
		switch {
		case i < len(was) && j < len(is) && was[i] == is[j]:
			out = append(out, " "+was[i])
			i, j = i+1, j+1
		case j == len(is) || i < len(was) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "-"+was[i])
			i++
		default:
			out = append(out, "+"+is[j])
			j++
		}
	}
	writeHunks(b, out)
}

// writeHunks leaves out what is far from any change.
func writeHunks(b *strings.Builder, all []string) {
	near := make([]bool, len(all))
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			near[k] = true
		}
	}
	for i, line := range all {
		switch {
		case near[i]:
			b.WriteString(line + "\n")
		case i > 0 && near[i-1]:
			b.WriteString("@@\n")
		}
	}
}
