package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

const (
	shownTypes = 15
	// What the layout aims at. These are symptoms of mixed responsibilities,
	// not targets by themselves.
	maxMethods = 30
	maxFiles   = 25
)

func (c *Census) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "files\tlines\ttypes\t  package\t")
	var total Package
	for _, p := range c.Packages {
		fmt.Fprintf(w, "%d\t%d\t%d\t  %s\t\n", p.Files, p.Lines, p.Types, p.Dir)
		total.Files, total.Lines, total.Types = total.Files+p.Files, total.Lines+p.Lines, total.Types+p.Types
	}
	fmt.Fprintf(w, "%d\t%d\t%d\t  all (and %d lines of tests)\t\n", total.Files, total.Lines, total.Types, c.TestLines)
	_ = w.Flush()
	fmt.Fprintf(&b, "\nmethods  files  type\n")
	for i, t := range c.Types {
		if i >= shownTypes {
			break
		}
		fmt.Fprintf(&b, "%7d  %5d  %s\n", t.Methods, t.Files, t.Name)
	}
	fmt.Fprintf(&b, "\ntypes with over %d methods: %d\n", maxMethods, c.wideTypes())
	fmt.Fprintf(&b, "packages with over %d files: %d\n", maxFiles, c.widePackages())
	fmt.Fprintf(&b, "functions over %d lines: %d\n", maxFunctionLines, len(c.Functions))
	for _, f := range c.Functions {
		fmt.Fprintf(&b, "  %d  %s %s\n", f.Lines, f.At, f.Name)
	}
	fmt.Fprintf(&b, "names in the vocabulary list: %d\n", len(c.Private))
	for _, n := range c.Private {
		fmt.Fprintf(&b, "  %s: %s -> %s\n", n.At, n.Name, n.Better)
	}
	return b.String()
}

func (c *Census) wideTypes() (n int) {
	for _, t := range c.Types {
		if t.Methods > maxMethods {
			n++
		}
	}
	return n
}

func (c *Census) widePackages() (n int) {
	for _, p := range c.Packages {
		if p.Files > maxFiles {
			n++
		}
	}
	return n
}
