package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const module = "zeroloss/"

// layers is the import law: of the packages in this module, a package imports
// only those of lower layers. The rows have the order of the documentation.
var layers = map[string]struct {
	layer int
	why   string
}{
	"loadgen/record":         {0, "the vocabulary of what is observed"},
	"demo-services/machine":  {0, "the one loop around every Step machine"},
	"demo-services/settings": {0, "what a service is told"},
	"reports/exact":          {0, "numbers in, numbers out"},

	"demo-services/plain":    {0, "a service that is none of ours"},
	"demo-services/lossless": {1, "lifecycle decisions"},
	"demo-services/warmup":   {1, "weight as a function of age"},
	"demo-services/lane":     {1, "which instances a request may go to"},
	"demo-services/registry": {1, "pure table and push queue"},
	"loadgen/traffic":        {1, "a stream without sending it"},
	"internal/ctxtime":       {0, "sleep that ends with a context"},
	"internal/input":         {0, "YAML files, and the errors in them with their lines"},
	"internal/podspec":       {0, "hooks and probes of a container: manifests read them, the control plane runs them"},
	"manifests":              {1, "YAML, positions, the switch table"},
	"reports/expect":         {1, "the grammar of expectations"},

	"demo-services/consumer":          {2, "view and pick"},
	"reports/curve":                   {2, "what a warm-up promised and got"},
	"demo-services/registry/embedded": {2, "a Nacos-compatible server"},
	"demo-services/registry/nacos":    {2, "the only user of the SDK's client"},
	"scenarios/spec":                  {2, "the scenario as written"},
	"scenarios/control":               {2, "pure control plane"},

	"scenarios/replay":      {3, "the record of a run, replayed by fresh machines"},
	"demo-services/service": {3, "the framework that services share"},
	"loadgen":               {3, "vegeta"},
	"loadgen/faultserver":   {1, "loses exactly k requests, for tests of the instrument"},
	"scenarios/plan":        {3, "the scenario compiled"},

	"demo-services/chain": {4, "gateway, A, B, C"},
	"scenarios/rundir":    {4, "layout of a run on disk"},

	"reports/ledger/history": {4, "what happened to the instances of a run"},
	"reports/ledger/warmup":  {5, "what consumers made of each warm-up"},

	"reports/ledger": {6, "the account"},
	"scenarios/run":  {5, "the course of a run; what its runtimes share"},

	"scenarios/hook":  {1, "hooks as written: shell, curl, wget and other tools; what they do, read from the syntax tree"},
	"scenarios/image": {5, "the container image"},

	"loadgen/collect":                {4, "the load pod: generator and collector"},
	"scenarios/run/kube/owner":       {6, "whose an object in a cluster is, and whether its process still runs"},
	"scenarios/run/kube/client":      {7, "a cluster's API: typed clients, errors, watches that know their gaps"},
	"scenarios/run/kube/render":      {7, "a run's plan and manifests as Kubernetes objects, purely"},
	"scenarios/run/kube/kindcluster": {8, "kind's clusters: created, used, deleted by the run that created them"},
	"scenarios/run/kube/observe":     {8, "what a cluster shows, as events"},
	"scenarios/run/kube/drain":       {8, "a node that is cordoned and emptied"},
	"scenarios/run/kube/loadpods":    {8, "the load pods: start, stop, logs"},
	"scenarios/run/kube/target":      {9, "a Deployment that a run attaches to: changed and restored"},
	"scenarios/run/kube":             {10, "a cluster: kind's, or any"},
	"scenarios/run/local":            {6, "child processes on this machine"},
	"reports/gate":                   {7, "the verdict"},

	"internal/format": {0, "numbers, durations and probabilities as people read them"},
	"reports":         {8, "a run directory, counted and judged"},
	"reports/present": {9, "what every report says: labels, sentences, figures, their order"},

	"reports/internal/palette":    {1, "colours and marks of the page and the pictures"},
	"reports/internal/reporttest": {9, "reports and run directories for tests"},

	"reports/text":     {10, "the report on the terminal"},
	"reports/markdown": {10, "the report in a pull request"},
	"reports/junit":    {10, "the report for CI"},
	"reports/summary":  {10, "the report for programs: summary.json"},
	"reports/html":     {10, "the page"},
	"reports/chart":    {10, "the pictures"},
	"reports/compare":  {11, "what several runs show together"},
	"scenarios":        {8, "the catalogue"},

	"cmd/zeroloss/internal/cli": {12, "the verbs"},
	"cmd/zeroloss":              {13, "one-line main"},
	"e2e":                       {12, "tests of the whole"},
	"e2e/census":                {0, "how the source is laid out"},
}

// suites are contract suites: tests of any layer may import them.
var suites = map[string]string{
	"demo-services/registry/registrytest":  "what a Nacos server must do",
	"scenarios/run/runtimetest":            "what a runtime must do",
	"scenarios/run/kube/client/clienttest": "an API server in memory",
}

// heavy lists the packages that may import a heavy dependency.
var heavy = map[string][]string{
	"github.com/tsenart/vegeta": {"loadgen"},
	"github.com/nacos-group":    {"demo-services/registry/nacos", "demo-services/registry/embedded"},
	"gonum.org/v1/plot":         {"reports/chart"},
	"k8s.io/": {"manifests", "scenarios/run/kube", "scenarios/run/kube/client", "scenarios/run/kube/owner", "scenarios/run/kube/render",
		"scenarios/run/kube/kindcluster", "scenarios/run/kube/observe", "scenarios/run/kube/drain", "scenarios/run/kube/loadpods", "scenarios/run/kube/target"},
	"sigs.k8s.io/kind":                       {"scenarios/run/kube/kindcluster"},
	"mvdan.cc/sh":                            {"scenarios/hook"},
	"github.com/google/go-containerregistry": {"scenarios/image"},
	"github.com/robfig/cron":                 {"scenarios/control"},
	"github.com/spf13/cobra":                 {"cmd/zeroloss/internal/cli"},
	"github.com/theory/jsonpath":             {"loadgen/traffic"},
	"google.golang.org/grpc":                 {"demo-services/registry/embedded"},
	"github.com/vbauerster/mpb":              {"cmd/zeroloss/internal/cli"},
	"github.com/stretchr/testify":            nil, // tests only
	"github.com/chromedp":                    nil,
	"github.com/rogpeppe/go-internal/":       {"scenarios/run/kube/render"}, // and tests
}

type pkg struct {
	ImportPath, Name, Doc              string
	Imports, TestImports, XTestImports []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		pkgs = append(pkgs, p)
	}
}

func ours(imports []string) []string {
	var own []string
	for _, i := range imports {
		if strings.HasPrefix(i, module) {
			own = append(own, strings.TrimPrefix(i, module))
		}
	}
	return own
}

// brokenRule returns the rule that is broken if from imports to, or "".
func brokenRule(from, to string) string {
	if _, ok := suites[to]; ok {
		return fmt.Sprintf("%s is a contract suite: for tests only", to)
	}
	a, okA := layers[from]
	b, okB := layers[to]
	demo, reports := "demo-services/", "reports"
	switch {
	case !okA || !okB:
		return "a package without a layer; give it a row in layers"
	case b.layer >= a.layer:
		return fmt.Sprintf("layer %d imports layer %d", a.layer, b.layer)
	case strings.HasPrefix(from, demo) && !strings.HasPrefix(to, demo) && to != "loadgen/record" && to != "internal/ctxtime":
		return "demo-services imports nothing from outside but loadgen/record and internal/ctxtime"
	case strings.HasPrefix(from, reports) && !strings.HasPrefix(to, reports) && !reportsMay(to):
		return "reports reads record, spec, plan, rundir and the pure deciders only"
	case strings.HasPrefix(to, "scenarios/run/") && !strings.HasPrefix(from, "cmd/") && !withinKube(from, to):
		return "only the command joins the runtimes, and scenarios/run/kube its own parts"
	}
	return ""
}

// withinKube reports whether both are parts of the Kubernetes runtime.
func withinKube(from, to string) bool {
	const kube = "scenarios/run/kube"
	return strings.HasPrefix(to, kube+"/") && (from == kube || strings.HasPrefix(from, kube+"/"))
}

func reportsMay(to string) bool {
	pure := []string{"internal/format", "loadgen/record", "loadgen/traffic", "scenarios/spec", "scenarios/plan", "scenarios/rundir", "scenarios/control",
		"demo-services/lossless", "demo-services/warmup", "demo-services/lane", "demo-services/consumer", "demo-services/settings"}
	return slices.Contains(pure, to)
}

func TestImportLaw(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t) {
		seen[p.ImportPath] = true
		if _, ok := suites[p.ImportPath]; ok {
			continue
		}
		if _, ok := layers[p.ImportPath]; !ok {
			t.Errorf("%s has no layer: give it a row, with why", p.ImportPath)
			continue
		}
		for _, to := range ours(p.Imports) {
			if why := brokenRule(p.ImportPath, to); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, why)
			}
		}
	}
	for name := range layers {
		if !seen[name] {
			t.Errorf("the table names %s, which is not there", name)
		}
	}
}

// TestImportLawFires checks that brokenRule reports violations.
func TestImportLawFires(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"loadgen/record", "loadgen"},
		{"demo-services/service", "loadgen/traffic"},
		{"reports/ledger", "loadgen/faultserver"},
		{"reports", "scenarios/run"},
		{"e2e", "scenarios/run/local"},
		{"scenarios/run", "scenarios/run/local"},
		{"scenarios/run/local", "scenarios/run/kube/client"},
		{"scenarios/run/kube/client", "scenarios/run/kube"},
		{"loadgen", "demo-services/registry/registrytest"},
		{"cmd/zeroloss", "no/such/room"},
	} {
		require.NotEmpty(t, brokenRule(c.from, c.to), "%s imports %s", c.from, c.to)
	}
	require.Empty(t, brokenRule("reports/ledger", "scenarios/plan"))
	require.Empty(t, brokenRule("scenarios/run/kube", "scenarios/run/kube/client"))
}

func TestHeavyDependenciesHaveNamedImporters(t *testing.T) {
	for _, p := range list(t) {
		for _, i := range p.Imports {
			for prefix, named := range heavy {
				_, suite := suites[p.ImportPath]
				if strings.HasPrefix(i, prefix) && !slices.Contains(named, p.ImportPath) && !suite {
					t.Errorf("%s imports %s, which is for %v", p.ImportPath, i, named)
				}
			}
		}
	}
}

func TestPackagesHaveNamesAndDocs(t *testing.T) {
	for _, p := range list(t) {
		require.NotContains(t, []string{"util", "utils", "common", "types", "helpers", "constants"}, p.Name, p.ImportPath)
		if p.ImportPath != "e2e" && utf8.RuneCountInString(p.Doc) < 30 {
			t.Errorf("%s has no doc comment that says what it is for", p.ImportPath)
		}
	}
}
