package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/loadgen/record"
	"zeroloss/reports/expect"
)

// good is a scenario that the table below spoils one line at a time.
const good = `# What it teaches.
#
# In two paragraphs.
apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: small, title: A small one}
spec:
  manifests: [mse-demo.yaml]
  registry: {pushDelay: 500ms}
  time:
    start: "00:04:50"
    duration: 70s
  set:
    b:
      offline: kill
      replicas: 3
  load:
    - name: base
      rate: 100/s
    - {name: gray, tag: gray, rate: 600/m, request: POST /A/a, body: x}
  steps:
    - {at: 10s, restart: b}
    - {after: gray.deregistered + 200ms, scale: b, to: 1}
  expect:
    - {arm: gray, metric: lost, is: 0}
    - {arm: base, metric: lost, is: ">= 10", role: contrast}
`

func decode(text string, o ...FieldOverride) (*Scenario, error) {
	return Decode(input.Source{Name: "s.yaml", Data: []byte(text)}, o...)
}

func TestDecode(t *testing.T) {
	s, err := decode(good)
	require.NoError(t, err)
	require.Equal(t, "What it teaches.\n\nIn two paragraphs.", s.Description)
	sp := s.Spec
	require.Equal(t, []string{"mse-demo.yaml"}, sp.Manifests)
	require.Equal(t, time.Date(2026, 1, 5, 0, 4, 50, 0, time.UTC), sp.Time.Start.Time())
	require.Equal(t, Time{Start: sp.Time.Start, Duration: Duration(70 * time.Second), Cycles: 1, Speed: 1}, sp.Time)
	require.Equal(t, Stream{
		Name: "base", Arm: "base", Rate: 100, Request: Request{"GET", "/A/a"}, Connections: "keep-alive", Timeout: Duration(2500 * time.Millisecond),
	}, sp.Load[0])
	require.Equal(t, Stream{
		Name: "gray", Arm: "gray", Tag: "gray", Rate: 10, Request: Request{"POST", "/A/a"}, Body: "x", Connections: "keep-alive", Timeout: Duration(2500 * time.Millisecond),
	}, sp.Load[1])
	require.Equal(t, After{Source: "gray", Event: record.KindDeregistered, Delay: 200 * time.Millisecond}, sp.Steps[1].After)
	require.Equal(t, 3, *sp.Set["b"].Replicas)
	e := sp.Expect[0].Parsed()
	require.Equal(t, "gray lost is 0", e.Name)
	require.Equal(t, expect.Gate, e.Role, "the default")
	require.Equal(t, 25, e.Line)
	require.Equal(t, "s.yaml", e.File)
	require.Equal(t, 15, s.Line("spec.set.b.offline"))
	require.Equal(t, 14, s.Line("spec.set.b.grace"), "the nearest part that is there")
}

func TestDecodeBadInput(t *testing.T) {
	// section is the part of good from one text up to another, or to the end.
	section := func(from, to string) string {
		_, rest, found := strings.Cut(good, from)
		require.True(t, found)
		if to != "" {
			rest, _, found = strings.Cut(rest, to)
			require.True(t, found)
		}
		return from + rest
	}
	cases := []struct{ name, old, new, want string }{
		{"unknown field", "  manifests:", "  manifest:", "s.yaml:7: spec.manifests is empty (list at least one file, such as mse-demo.yaml)\ns.yaml:8: unknown field \"manifest\" in spec (did you mean manifests?)"},
		{"unknown field deep", "rate: 100/s", "rat: 100/s", "s.yaml:18: the stream has no rate (add rate: 100/s)\ns.yaml:19: unknown field \"rat\" in spec.load[0] (did you mean rate?)"},
		{"no unit", "duration: 70s", "duration: 70", `s.yaml:12: duration: duration "70" has no unit (write 70s or 70ms)`},
		{"unknown unit", "duration: 70s", "duration: 70sec", `s.yaml:12: duration: invalid duration "70sec" (use the units ms, s, m, h or d: 500ms, 70s, 1m30s, 1d)`},
		{"negative", "pushDelay: 500ms", "pushDelay: -1s", `s.yaml:9: pushDelay: duration must not be negative, got "-1s" (write 1s)`},
		{"a push at once", "pushDelay: 500ms", "pushDelay: 0s", "s.yaml:9: pushDelay must be greater than 0 (omit it for the default, or write 1ms)"},
		{"rate without unit", "rate: 100/s", "rate: 100", `s.yaml:19: rate: rate "100" has no unit (write 100/s)`},
		{"rate with another", "rate: 100/s", "rate: 100/d", `s.yaml:19: rate: rate "100/d" has an unknown unit "d" (use /s, /m or /h, as in 100/s)`},
		{"no load by rate", "rate: 100/s", "rate: 0/s", `s.yaml:19: rate: rate must be greater than 0 and at most 100000/s, got "0/s"`},
		{"time of day", `"00:04:50"`, `"4:50am"`, `s.yaml:11: start: invalid time of day "4:50am" (write "00:04:50", or "2026-01-05 00:04:50")`},
		{"unknown mode", "offline: kill", "offline: lossles", `s.yaml:15: offline: unknown value "lossles" (did you mean lossless?)`},
		{"replicas", "replicas: 3", "replicas: -3", "s.yaml:16: replicas must be at least 0, got -3"},
		{"replicas in words", "replicas: 3", "replicas: three", `s.yaml:16: replicas must be a whole number, got "three"`},
		{"method", "POST /A/a", "PSOT /A/a", `s.yaml:20: request: unsupported method "PSOT" (did you mean POST?)`},
		{"path", "POST /A/a", "A/a", `s.yaml:20: request: invalid request "A/a" (write a method and a path, as in GET /A/a)`},
		{"body of a GET", "POST /A/a", "GET /A/a", "s.yaml:20: a GET request cannot have a body (write request: POST /A/a)"},
		{"stream twice", "name: gray", "name: base", `s.yaml:20: duplicate stream name "base" (first used in line 18)`},
		{"arm of two versions", "name: gray,", "name: gray, arm: base,", `s.yaml:20: arm "base" has streams with the tags "" and "gray" (all streams of an arm must have the same tag)`},
		{"no load", section("  load:", "  steps:"), "", "s.yaml:7: spec.load is empty: without requests nothing can be lost (add - {name: base, arm: base, rate: 100/s, request: GET /A/a})"},
		{"no expectations", section("  expect:", ""), "", "s.yaml:7: spec.expect is empty: a run without expectations proves nothing (add - {arm: gray, metric: lost, is: 0})"},
		{"event", "gray.deregistered", "gray.deregisterd", `s.yaml:23: after: unknown event "deregisterd" (did you mean deregistered?)`},
		{"event's form", "gray.deregistered + 200ms", "200ms", `s.yaml:23: after: invalid event "200ms" (write WORKLOAD_OR_ARM.EVENT + DELAY, as in gray.deregistered + 200ms)`},
		{"neither at nor after", "{at: 10s, restart: b}", "{restart: b}", "s.yaml:22: the step must have either at or after (for example at: 10s)"},
		{"both", "{at: 10s, restart: b}", "{at: 10s, after: b.ready, restart: b}", "s.yaml:22: the step must have either at or after (for example at: 10s)"},
		{"two verbs", "restart: b}", "restart: b, kill: b}", "s.yaml:22: the step must have exactly one verb, got 2 (for example restart: spring-cloud-b)"},
		{"after the end", "at: 10s", "at: 70s", "s.yaml:22: at is 1m10s, but the run ends after 1m10s"},
		{"scale to what", ", to: 1", "", "s.yaml:23: scale requires to (add to: 1)"},
		{"to without scale", "restart: b}", "restart: b, to: 1}", "s.yaml:22: to is only valid with scale"},
		{"not yet a step", "restart: b}", "fault: {drop: all}}", "s.yaml:22: step fault is not supported yet (supported: scale, restart, image, pause, resume, kill, drain, rule)"},
		{"which image", "restart: b}", "image: b}", "s.yaml:22: image requires ref (add ref: example.com/spring-cloud-b:2)"},
		{"ref without image", "restart: b}", "restart: b, ref: x:1}", "s.yaml:22: ref is only valid with image"},
		{"image and restart", "restart: b}", "restart: b, image: b, ref: x:1}", "s.yaml:22: the step must have exactly one verb, got 2 (for example restart: spring-cloud-b)"},
		{"pause to what", "restart: b}", "pause: b, to: 1}", "s.yaml:22: to is only valid with scale"},
		{"resume and pause", "restart: b}", "pause: b, resume: b}", "s.yaml:22: the step must have exactly one verb, got 2 (for example restart: spring-cloud-b)"},
		{"drain anywhere", "restart: b}", "drain: b}", "s.yaml:22: drain requires a cluster (add runtimes: [kube] under spec)"},
		{"a rule for nobody", "  set:", "  governance: [{window: 60s}]\n  set:", "s.yaml:13: the rule has no service (add online: spring-cloud-c)"},
		{"a rule that says nothing", "  set:", "  governance: [{online: c}]\n  set:", "s.yaml:13: the rule for c is empty (set registerDelay, healthPath, window, model or aligned)"},
		{"curve 9", "  set:", "  governance: [{online: c, curve: 9}]\n  set:", "s.yaml:13: curve must be between 1 and 5 for model power, got 9 (the nearest valid value is 5)"},
		{"half a curve", "  set:", "  governance: [{online: c, model: sermant, curve: 2.9}]\n  set:", "s.yaml:13: curve must be a whole number between 1 and 5 for model sermant, got 2.9 (the nearest valid value is 3)"},
		{"half a curve beyond", "  set:", "  governance: [{online: c, model: sermant-skew, curve: 5.2}]\n  set:", "s.yaml:13: curve must be a whole number between 1 and 5 for model sermant-skew, got 5.2 (the nearest valid value is 5)"},
		{"no curve", "  set:", "  governance: [{online: c, curve: nan}]\n  set:", "s.yaml:13: curve must be between 1 and 5 for model power, got NaN (the nearest valid value is 1)"},
		{"a curve for none", "  set:", "  governance: [{online: c, model: linear, curve: 2}]\n  set:", "s.yaml:13: model linear has no curve (remove curve, or use model power)"},
		{"aggression", "  set:", "  governance: [{online: c, model: envoy, curve: 0}]\n  set:", "s.yaml:13: curve must be between 0.1 and 10 for model envoy, got 0 (the nearest valid value is 0.1)"},
		{"a window of less than nothing", "  set:", "  governance: [{online: c, window: -1s}]\n  set:", `s.yaml:13: window: duration must not be negative, got "-1s" (write 1s)`},
		{"a window of nothing", "  set:", "  governance: [{online: c, window: 0s}]\n  set:", "s.yaml:13: window must be greater than 0 (omit it for the default, or write 1ms)"},
		{"a window of two days", "  set:", "  governance: [{online: c, window: 48h}]\n  set:", "s.yaml:13: window must be at most 1d, got 48h"},
		{"a delay of two days", "  set:", "  governance: [{online: c, registerDelay: 2d}]\n  set:", "s.yaml:13: registerDelay must be at most 1h, got 2d"},
		{"a path without slash", "  set:", "  governance: [{online: c, healthPath: up}]\n  set:", `s.yaml:13: healthPath must start with a slash, got "up" (write /up)`},
		{"a path with a query", "  set:", "  governance: [{online: c, healthPath: '/up?full=1'}]\n  set:", `s.yaml:13: healthPath must be a plain path, without query, fragment or escapes, got "/up?full=1" (write /up)`},
		{"a path with a fragment", "  set:", "  governance: [{online: c, healthPath: '/up#x'}]\n  set:", `s.yaml:13: healthPath must be a plain path, without query, fragment or escapes, got "/up#x" (write /up)`},
		{"a path escaped", "  set:", "  governance: [{online: c, healthPath: /%75p}]\n  set:", `s.yaml:13: healthPath must be a plain path, without query, fragment or escapes, got "/%75p" (write /up)`},
		{"by time and by health", "  set:", "  governance: [{online: c, healthPath: /up, registerDelay: 3s}]\n  set:", "s.yaml:13: a rule cannot have both registerDelay and healthPath (remove one of them)"},
		{"how often what", "  set:", "  governance: [{online: c, healthEvery: 2s, registerDelay: 3s}]\n  set:", "s.yaml:13: healthEvery requires healthPath"},
		{"unknown model", "  set:", "  governance: [{online: c, model: lineer}]\n  set:", `s.yaml:13: unknown model "lineer" (did you mean linear?)`},
		{"none of a window", "  set:", "  governance: [{online: c, model: none, window: 3s}]\n  set:", "s.yaml:13: model none cannot have a window or curve (remove them, or the model)"},
		{"two rules", "  set:", "  governance:\n    - {online: c, window: 3s}\n    - {online: b, window: 3s}\n    - {online: c, registerDelay: 3s}\n  set:", "s.yaml:16: duplicate rule for c (merge it with the rule in line 14)"},
		{"two rules that meet", "  set:", "  governance:\n    - {online: c, version: gray, window: 3s}\n    - {online: c, version: base, window: 3s}\n    - {online: c, registerDelay: 3s}\n  set:", "s.yaml:16: duplicate rule for c (merge it with the rule in line 14)"},
		{"two rules, one unread", "  set:", "  governance:\n    - {online: c, window: -1s}\n    - {online: c, registerDelay: 3s}\n  set:", "s.yaml:14: window: duration must not be negative, got \"-1s\" (write 1s)\ns.yaml:15: duplicate rule for c (merge it with the rule in line 14)"},
		{"a rule for who knows which", "  set:", "  governance:\n    - {online: c, version: [a], registerDelay: 2s}\n    - {online: c, version: gray, registerDelay: 3s}\n  set:", "s.yaml:14: version must be a single value, got a list"},
		{"a curve in words", "  set:", "  governance: [{online: c, curve: two, healthPath: up}]\n  set:", "s.yaml:13: curve must be a number, got \"two\"\ns.yaml:13: healthPath must start with a slash, got \"up\" (write /up)"},
		{"all of a rule", "  set:", "  governance:\n    - online: c\n      window: -1s\n      curve: 9\n      healthPath: up\n      registerDelay: 2d\n      model: powr\n  set:", strings.Join([]string{
			`s.yaml:15: window: duration must not be negative, got "-1s" (write 1s)`,
			`s.yaml:17: a rule cannot have both registerDelay and healthPath (remove one of them)`,
			`s.yaml:17: healthPath must start with a slash, got "up" (write /up)`,
			"s.yaml:18: registerDelay must be at most 1h, got 2d",
			`s.yaml:19: unknown model "powr" (did you mean power?)`,
		}, "\n")},
		{"all of a rule of a step", "restart: b}", "rule: {online: c, curve: 6, registerDelay: 2d}}", "s.yaml:22: curve must be between 1 and 5 for model power, got 6 (the nearest valid value is 5)\ns.yaml:22: registerDelay must be at most 1h, got 2d"},
		{"a rule in a step", "restart: b}", "rule: {online: c, curve: 6}}", "s.yaml:22: curve must be between 1 and 5 for model power, got 6 (the nearest valid value is 5)"},
		{"begins", "offline: kill", "initialPods: hot", `s.yaml:15: initialPods: unknown value "hot" (known: warm, cold)`},
		{"a start-up of two days", "offline: kill", "startupTime: 2d", "s.yaml:15: startupTime must be at most 1h, got 2d"},
		{"a difference of two days", "offline: kill", "registerDelay: 2d", "s.yaml:15: registerDelay must be at most 1h, got 2d"},
		{"skew", "offline: kill", "clockSkew: -30", `s.yaml:15: clockSkew: duration "30" has no unit (write 30s or 30ms)`},
		{"a runtime", "  set:", "  runtimes: [kuba]\n  set:", `s.yaml:13: unknown runtime "kuba" (did you mean kube?)`},
		{"a runtime twice", "  set:", "  runtimes:\n    - kube\n    - kube\n  set:", `s.yaml:15: duplicate runtime "kube"`},
		{"interleaved without a change", "  set:", "  arms: interleaved\n  set:", "s.yaml:13: arms: interleaved requires a target with a change (arms that share a topology run concurrently: omit arms)"},
		{"metric", "metric: lost, is: 0", "metric: lots, is: 0", `s.yaml:25: metric: unknown value "lots" (did you mean lost?)`},
		{"role", "role: contrast", "role: contrats", `s.yaml:26: role: unknown value "contrats" (did you mean contrast?)`},
		{"percentage", "is: 0", "is: 0.1%", `s.yaml:25: is: "0.1%" is a percentage (rounded percentages hide losses: use a count, such as 0 or "<= 7")`},
		{"predicted p99", "metric: lost, is: 0", "metric: p99, is: predicted", "s.yaml:25: is: only lost can be predicted, not p99 (compare with a number)"},
		{"speed", "  set:", "  time2: {}\n  set:", `s.yaml:13: unknown field "time2" in spec (did you mean time?)`},
		{"speed of nothing", "    duration: 70s", "    duration: 70s\n    speed: 0", "s.yaml:13: speed must be between 0.01 and 100, got 0 (1 is real time, 10 is ten times as fast)"},
		{"cycles", "    duration: 70s", "    duration: 70s\n    cycles: 0", "s.yaml:13: cycles must be between 1 and 1000, got 0"},
		{"field twice", "    duration: 70s", "    duration: 70s\n    duration: 80s", `s.yaml:13: duplicate field "duration"`},
		{"workload twice", "    b:\n", "    b: {grace: 3s}\n    b:\n", `s.yaml:15: duplicate key "b"`},
		{"empty value", "duration: 70s", "duration:", "s.yaml:12: duration is empty"},
		{"list for a word", "offline: kill", "offline: [kill]", "s.yaml:15: offline must be a single value, got a list"},
		{"mapping for a list", "  steps:\n    - {at: 10s, restart: b}\n    - {after: gray.deregistered + 200ms, scale: b, to: 1}", "  steps: {at: 10s}", "s.yaml:21: steps must be a list, got a mapping (start each item with a dash)"},
		{"readiness of both", "replicas: 3", "readiness: {tcpSocket: 1, httpGet: 2/x}", "s.yaml:16: readiness must have either tcpSocket or httpGet (for example {tcpSocket: 20002, period: 1s}, or none)"},
		{"readiness without port", "replicas: 3", "readiness: {httpGet: /up}", `s.yaml:16: httpGet must be PORT/PATH, got "/up" (for example 55199/readiness)`},
		{"name of a directory", "name: small", "name: ../small", `s.yaml:6: name "../small" cannot be used as a directory name (use letters, digits and dashes)`},
		{"a manifest", "apiVersion: zeroloss/v1\nkind: Scenario", "apiVersion: apps/v1\nkind: Deployment", `s.yaml:5: kind must be Scenario, got "Deployment" (to run Kubernetes manifests: zeroloss run -f FILE)`},
		{"another version", "zeroloss/v1", "zeroloss/v2", `s.yaml:4: unsupported apiVersion "zeroloss/v2" (write zeroloss/v1)`},
		{"not YAML", "  time:\n", "  time: :\n- x\n", "s.yaml:10: is not valid YAML: mapping values are not allowed in this context (check the indentation; a value that contains ': ' needs quotes)"},
		{"a word", good, "hello", "s.yaml:1: expected a scenario, got a value (start the file with apiVersion: zeroloss/v1)"},
		{"two documents", good, good + "---\n" + good, "s.yaml:31: unexpected second YAML document (a scenario file contains one document)"},
		{"empty", good, "", "s.yaml:1: is empty"},
		{"stream past the end", "rate: 100/s", "rate: 100/s\n      start: 60s\n      duration: 20s", "s.yaml:18: the stream ends after the run (1m10s) (shorten it, or raise time.duration)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			require.NotEqual(t, good, text)
			_, err := decode(text)
			require.EqualError(t, err, c.want)
			require.True(t, input.IsInvalid(err))
		})
	}
}

func TestDecodeSaysAllAtOnce(t *testing.T) {
	text := strings.NewReplacer("70s", "70", "100/s", "100", "offline: kill", "offline: die", "metric: lost, is: 0", "metric: lost, is: 1%").Replace(good)
	_, err := decode(text)
	var problems input.Problems
	require.ErrorAs(t, err, &problems)
	lines := []int{}
	for _, p := range problems {
		lines = append(lines, p.Line)
		require.NotEmpty(t, p.Hint)
	}
	require.Equal(t, []int{12, 15, 19, 25}, lines)
}

// TestRules: what a rule leaves open is as in MSE's console.
func TestRules(t *testing.T) {
	s, err := decode(strings.Replace(good, "  set:\n    b:\n", `  governance:
    - {online: c, version: base, window: 60s}
    - {online: c, version: gray, curve: 1, registerDelay: 5s}
    - {online: b, model: none}
    - {online: a, healthPath: /up, aligned: true}
  set:
    b:
      clockSkew: -90s
`, 1))
	require.NoError(t, err)
	one, yes := 1.0, true
	require.Equal(t, []Rule{
		{Online: "c", Version: "base", Window: Duration(time.Minute), Model: "power"},
		{Online: "c", Version: "gray", Window: Duration(2 * time.Minute), Model: "power", Curve: &one, RegisterDelay: Duration(5 * time.Second)},
		{Online: "b", Model: NoWarmup},
		{Online: "a", HealthPath: "/up", Aligned: &yes},
	}, s.Spec.Governance)
	require.Equal(t, Offset(-90*time.Second), s.Spec.Set["b"].ClockSkew)
	require.Equal(t, 16, s.Line("spec.governance[2]"))
}

func TestOverrides(t *testing.T) {
	one, err := ParseFieldOverride("time.speed=10")
	require.NoError(t, err)
	two, err := ParseFieldOverride("set.b.offline=reject")
	require.NoError(t, err)
	s, err := decode(good, one, two)
	require.NoError(t, err)
	require.Equal(t, 10.0, s.Spec.Time.Speed)
	require.Equal(t, "reject", s.Spec.Set["b"].Offline)

	_, err = decode(good, FieldOverride{"time.sped", "10"})
	require.EqualError(t, err, `s.yaml:11: unknown field "sped" in spec.time (did you mean speed?)`)
	for _, text := range []string{"", "x", "=1", "a..b=1", ".a=1"} {
		_, err := ParseFieldOverride(text)
		require.ErrorContains(t, err, "expected key=value", text)
	}
}

// TestValuesRoundTrip: what is read is written so that it is read again.
func TestValuesRoundTrip(t *testing.T) {
	type value interface {
		UnmarshalText([]byte) error
		MarshalText() ([]byte, error)
	}
	for text, pair := range map[string][2]value{
		"1m30s":                     {new(Duration), new(Duration)},
		"-1m30s":                    {new(Offset), new(Offset)},
		"00:04:50":                  {new(Clock), new(Clock)},
		"2026-11-21 10:00:00":       {new(Clock), new(Clock)},
		"0.5/s":                     {new(Rate), new(Rate)},
		"POST /A/a?x=y":             {new(Request), new(Request)},
		"gray.deregistered + 200ms": {new(After), new(After)},
		"b.ready":                   {new(After), new(After)},
	} {
		require.NoError(t, pair[0].UnmarshalText([]byte(text)))
		written, err := pair[0].MarshalText()
		require.NoError(t, err)
		require.Equal(t, text, string(written))
		require.NoError(t, pair[1].UnmarshalText(written))
		require.Equal(t, pair[0], pair[1])
	}
}

func TestSchemaNamesEveryField(t *testing.T) {
	b, err := Schema()
	require.NoError(t, err)
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Enum    []string `json:"enum"`
				Default any      `json:"default"`
			} `json:"properties"`
			AdditionalProperties *bool `json:"additionalProperties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(b, &s))
	require.Equal(t, []string{"lossless", "deregister-first", "close-first", "kill", "reject"}, s.Defs["WorkloadOverride"].Properties["offline"].Enum)
	require.Equal(t, 1.0, s.Defs["Time"].Properties["cycles"].Default)
	require.Equal(t, "500ms", s.Defs["Registry"].Properties["pushDelay"].Default)
	for name, d := range s.Defs {
		require.NotNil(t, d.AdditionalProperties, name)
		require.False(t, *d.AdditionalProperties, "%s takes unknown fields", name)
	}
	require.Len(t, s.Defs["Step"].Properties, len(fieldNames(reflect.TypeFor[Step]())))
}

// FuzzDecode: no scenario makes the decoder panic, and what is wrong is
// always an input.Problem.
func FuzzDecode(f *testing.F) {
	f.Add(good)
	names, err := filepath.Glob("../*.yaml")
	require.NoError(f, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(b))
	}
	for i := range strings.Count(good, "\n") {
		lines := strings.Split(good, "\n")
		f.Add(strings.Join(append(lines[:i:i], lines[i+1:]...), "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decode(text)
		if err != nil && !input.IsInvalid(err) {
			t.Errorf("not a problem of the input: %v", err)
		}
		if err == nil && (len(s.Spec.Load) == 0 || s.Spec.Time.Duration <= 0 || s.Spec.Time.Speed <= 0) {
			t.Errorf("accepted, and cannot be run: %+v", s.Spec)
		}
	})
}
