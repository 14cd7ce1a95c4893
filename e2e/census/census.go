package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Census is the layout of one checkout. Lines, files, types and functions are
// those of non-test Go files.
type Census struct {
	Packages  []Package
	Types     []Type // by number of methods, most first
	Functions []Function
	Private   []Name // declared names that the vocabulary lists
	TestLines int
}

// Package is one directory of Go files.
type Package struct {
	Dir                 string
	Files, Lines, Types int
}

// Type is a named type and the number of its methods, over all files.
type Type struct {
	Name    string // dir.Type
	Methods int
	Files   int // that declare its methods
}

// Function is one longer than maxFunctionLines.
type Function struct {
	At    string // file:line
	Name  string
	Lines int
}

// Name is a declared name, or a file, that the vocabulary lists.
type Name struct{ At, Name, Better string }

const maxFunctionLines = 60

//go:embed vocabulary.txt
var vocabulary string

// Vocabulary maps a private word to the standard term, by directory prefix.
type Vocabulary []Word

// Word is one line of vocabulary.txt: a directory, a name declared there (or
// a file name), and the better term.
type Word struct{ Dir, Name, Better string }

func readVocabulary() (Vocabulary, error) {
	var out Vocabulary
	for i, line := range strings.Split(vocabulary, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		left, better, ok := strings.Cut(line, "->")
		words := strings.Fields(left)
		if !ok || len(words) < 2 {
			return nil, fmt.Errorf("vocabulary.txt:%d: want DIR NAME… -> TERM, got %q", i+1, line)
		}
		for _, w := range words[1:] {
			out = append(out, Word{Dir: words[0], Name: w, Better: strings.TrimSpace(better)})
		}
	}
	return out, nil
}

func (v Vocabulary) better(dir, name string) (string, bool) {
	for _, w := range v {
		if w.Name == name && (w.Dir == "." || dir == w.Dir || strings.HasPrefix(dir, w.Dir+"/")) {
			return w.Better, true
		}
	}
	return "", false
}

// Take measures the checkout at root.
func Take(root string, words Vocabulary) (*Census, error) {
	t := taker{root: root, words: words, fset: token.NewFileSet(), packages: map[string]*Package{}, methods: map[string]map[string]int{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		return t.file(path)
	})
	if err != nil {
		return nil, err
	}
	return t.census(), nil
}

type taker struct {
	root     string
	words    Vocabulary
	fset     *token.FileSet
	packages map[string]*Package
	methods  map[string]map[string]int // dir.Type → file → methods
	out      Census
}

func (t *taker) file(path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(t.root, path)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	dir := filepath.ToSlash(filepath.Dir(rel))
	base := filepath.Base(rel)
	if better, ok := t.words.better(dir, base); ok {
		t.out.Private = append(t.out.Private, Name{rel, base, better})
	}
	lines := strings.Count(string(src), "\n")
	if strings.HasSuffix(path, "_test.go") {
		t.out.TestLines += lines
		return nil
	}
	f, err := parser.ParseFile(t.fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parsing %s: %w", rel, err)
	}
	p := t.packages[dir]
	if p == nil {
		p = &Package{Dir: dir}
		t.packages[dir] = p
	}
	p.Files++
	p.Lines += lines
	ast.Inspect(f, func(n ast.Node) bool {
		t.node(n, p, rel)
		return true
	})
	return nil
}

func (t *taker) node(n ast.Node, p *Package, file string) {
	switch n := n.(type) {
	case *ast.TypeSpec:
		p.Types++
		t.name(n.Name, p.Dir, file)
	case *ast.FuncDecl:
		t.name(n.Name, p.Dir, file)
		from, to := t.fset.Position(n.Pos()).Line, t.fset.Position(n.End()).Line
		if size := to - from + 1; size > maxFunctionLines {
			t.out.Functions = append(t.out.Functions, Function{fmt.Sprintf("%s:%d", file, from), n.Name.Name, size})
		}
		if n.Recv != nil {
			if name := receiver(n.Recv.List[0].Type); name != "" {
				key := p.Dir + "." + name
				if t.methods[key] == nil {
					t.methods[key] = map[string]int{}
				}
				t.methods[key][file]++
			}
		}
	case *ast.ValueSpec:
		for _, id := range n.Names {
			t.name(id, p.Dir, file)
		}
	case *ast.Field:
		for _, id := range n.Names {
			t.name(id, p.Dir, file)
		}
	}
}

func (t *taker) name(id *ast.Ident, dir, file string) {
	if better, ok := t.words.better(dir, id.Name); ok {
		at := fmt.Sprintf("%s:%d", file, t.fset.Position(id.Pos()).Line)
		t.out.Private = append(t.out.Private, Name{at, id.Name, better})
	}
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func (t *taker) census() *Census {
	for _, p := range t.packages {
		t.out.Packages = append(t.out.Packages, *p)
	}
	slices.SortFunc(t.out.Packages, func(a, b Package) int { return strings.Compare(a.Dir, b.Dir) })
	for name, files := range t.methods {
		n := 0
		for _, m := range files {
			n += m
		}
		t.out.Types = append(t.out.Types, Type{name, n, len(files)})
	}
	slices.SortFunc(t.out.Types, func(a, b Type) int {
		if a.Methods != b.Methods {
			return b.Methods - a.Methods
		}
		return strings.Compare(a.Name, b.Name)
	})
	slices.SortFunc(t.out.Functions, func(a, b Function) int { return b.Lines - a.Lines })
	return &t.out
}
