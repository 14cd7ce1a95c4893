package spec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"zeroloss/internal/input"
	"zeroloss/reports/expect"
)

// Defaults and limits. The default and most tags of the fields tell editors the
// same.
const (
	defaultPushDelay = 500 * time.Millisecond
	defaultDuration  = time.Minute
	defaultTimeout   = 2500 * time.Millisecond
	defaultPeriod    = time.Second
	maxSpeed         = 100
	maxCycles        = 1000
	maxDuration      = 24 * time.Hour
)

// checker fills in defaults and validates what involves more than one field.
type checker struct {
	s        *Scenario
	bad      map[string]bool // paths with a problem already reported
	problems input.Problems
}

// missing reports a missing field, unless it is present and invalid.
func (c *checker) missing(path, field, text, hint string) {
	if !c.bad[join(path, field)] {
		c.problem(path, text, hint)
	}
}

func (c *checker) problem(path, text, hint string) {
	c.problems = append(c.problems, c.s.Problem(path, text, hint))
}

// all runs every check. Their order does not matter: problems are sorted by line.
func (c *checker) all() input.Problems {
	c.head()
	c.runtimes()
	c.time()
	c.order()
	c.governance()
	c.set()
	c.load()
	c.target()
	c.steps()
	c.expectations()
	return c.problems
}

func (c *checker) head() {
	s := c.s
	if s.APIVersion == "" {
		c.missing("", "apiVersion", "apiVersion is missing", "start the file with apiVersion: "+APIVersion)
	}
	if s.Kind == "" {
		c.missing("", "kind", "kind is missing", "add kind: "+Kind)
	}
	switch name := s.Metadata.Name; {
	case name == "":
		c.missing("metadata", "name", "metadata.name is missing", "run directories are named after it")
	case strings.ContainsAny(name, "/\\ \t\n") || name[0] == '.' || name[0] == '-':
		c.problem("metadata.name", fmt.Sprintf("name %q cannot be used as a directory name", name), "use letters, digits and dashes")
	}
	if len(s.Spec.Manifests) == 0 && s.Spec.Target == nil && !c.bad["spec.target"] {
		c.missing("spec", "manifests", "spec.manifests is empty", "list at least one file, such as mse-demo.yaml")
	}
}

func (c *checker) time() {
	sp := &c.s.Spec
	orDefault(&sp.Registry.PushDelay, defaultPushDelay)
	orDefault(&sp.Time.Duration, defaultDuration)
	if time.Time(sp.Time.Start).IsZero() {
		if err := sp.Time.Start.UnmarshalText([]byte("00:00:00")); err != nil {
			c.problem("spec.time", err.Error(), "")
		}
	}
	if d := time.Duration(sp.Time.Duration); d > maxDuration {
		c.problem("spec.time.duration", fmt.Sprintf("duration must be at most 24h, got %s", d), "")
	}
	if sp.Time.Cycles == 0 && c.s.lines["spec.time.cycles"] == 0 {
		sp.Time.Cycles = 1
	}
	if n := sp.Time.Cycles; (n < 1 || n > maxCycles) && !c.bad["spec.time.cycles"] {
		c.problem("spec.time.cycles", fmt.Sprintf("cycles must be between 1 and %d, got %d", maxCycles, n), "")
	}
	if sp.Time.Speed == 0 && c.s.lines["spec.time.speed"] == 0 {
		sp.Time.Speed = 1
	}
	if err := CheckSpeed(sp.Time.Speed); err != nil && !c.bad["spec.time.speed"] {
		c.problem("spec.time.speed", err.Error(), "1 is real time, 10 is ten times as fast")
	}
}

// CheckSpeed returns an error for a speed out of range.
func CheckSpeed(speed float64) error {
	if math.IsNaN(speed) || speed < 0.01 || speed > maxSpeed {
		return fmt.Errorf("speed must be between 0.01 and %d, got %v", maxSpeed, speed)
	}
	return nil
}

func orDefault(d *Duration, v time.Duration) {
	if *d == 0 {
		*d = Duration(v)
	}
}

// order checks the arms field: whether arms run concurrently or in turn.
func (c *checker) order() {
	changed := c.s.Spec.Target != nil && c.s.Spec.Target.Change != nil
	switch arms := c.s.Spec.Arms; {
	case arms == "interleaved" && !changed:
		c.problem("spec.arms", "arms: interleaved requires a target with a change", "arms that share a topology run concurrently: omit arms")
	case arms == "concurrent" && changed:
		c.problem("spec.arms", "a target with a change cannot run its arms concurrently: it is either unchanged or changed", "omit arms")
	}
}

func (c *checker) set() {
	for _, workload := range slices.Sorted(maps.Keys(c.s.Spec.Set)) {
		d := c.s.Spec.Set[workload]
		path := "spec.set." + workload
		for _, n := range []struct {
			name  string
			value *int
			least int
		}{{"replicas", d.Replicas, 0}, {"coldStartRequests", d.ColdStartRequests, 0}, {"workers", d.Workers, 1}, {"queue", d.Queue, 1}} {
			if n.value != nil && *n.value < n.least {
				c.problem(path+"."+n.name, fmt.Sprintf("%s must be at least %d, got %d", n.name, n.least, *n.value), "")
			}
		}
		c.probe(path+".readiness", d.Readiness)
	}
}

func (c *checker) probe(path string, p *Probe) {
	if p == nil || p.None {
		return
	}
	orDefault(&p.Period, defaultPeriod)
	if (p.TCPSocket == 0) == (p.HTTPGet == "") && !c.bad[path] {
		c.problem(path, "readiness must have either tcpSocket or httpGet", "for example {tcpSocket: 20002, period: 1s}, or none")
	}
	if p.TCPSocket < 0 || p.TCPSocket > 65535 {
		c.problem(path+".tcpSocket", fmt.Sprintf("tcpSocket must be between 1 and 65535, got %d", p.TCPSocket), "")
	}
	if p.HTTPGet != "" {
		if _, _, err := p.Port(); err != nil {
			c.problem(path+".httpGet", err.Error(), "for example 55199/readiness")
		}
	}
}

// Port returns the port that the probe connects to, and the path of httpGet.
func (p Probe) Port() (port int, path string, err error) {
	if p.HTTPGet == "" {
		return p.TCPSocket, "", nil
	}
	number, rest, _ := strings.Cut(strings.TrimPrefix(p.HTTPGet, ":"), "/")
	if _, err := fmt.Sscanf(number+" ", "%d ", &port); err != nil || port < 1 || port > 65535 {
		return 0, "", fmt.Errorf("httpGet must be PORT/PATH, got %q", p.HTTPGet)
	}
	return port, "/" + rest, nil
}

func (c *checker) load() {
	load := c.s.Spec.Load
	if len(load) == 0 {
		c.missing("spec", "load", "spec.load is empty: without requests nothing can be lost", "add - {name: base, arm: base, rate: 100/s, request: GET /A/a}")
	}
	names, tags := map[string]int{}, map[string]string{}
	for i := range load {
		path := fmt.Sprintf("spec.load[%d]", i)
		s := &load[i]
		c.stream(path, s)
		if first, twice := names[s.Name]; twice && s.Name != "" {
			c.problem(path+".name", fmt.Sprintf("duplicate stream name %q", s.Name), fmt.Sprintf("first used in line %d", first))
		}
		names[s.Name] = c.s.Line(path + ".name")
		if tag, known := tags[s.Arm]; known && tag != s.Tag {
			c.problem(path, fmt.Sprintf("arm %q has streams with the tags %q and %q", s.Arm, tag, s.Tag), "all streams of an arm must have the same tag")
		} else {
			tags[s.Arm] = s.Tag
		}
	}
}

func (c *checker) stream(path string, s *Stream) {
	if s.Name == "" {
		c.missing(path, "name", "the stream has no name", "add name: base")
	}
	if s.Rate == 0 {
		c.missing(path, "rate", "the stream has no rate", "add rate: 100/s")
	}
	if s.Arm == "" {
		s.Arm = s.Tag
	}
	if s.Arm == "" {
		s.Arm = "base"
	}
	if s.Request == (Request{}) {
		s.Request = Request{Method: "GET", Path: "/A/a"}
		if s.Workload != "" || c.s.Spec.Target != nil {
			s.Request.Path = "/"
		}
	}
	if s.Body != "" && s.Request.Method != "POST" && !c.bad[path+".request"] {
		c.problem(path+".body", "a GET request cannot have a body", "write request: POST "+s.Request.Path)
	}
	if s.Connections == "" {
		s.Connections = "keep-alive"
	}
	c.external(path, s)
	orDefault(&s.Timeout, defaultTimeout)
	end := time.Duration(s.Start) + time.Duration(s.Duration)
	if c.bad["spec.time.duration"] || c.bad[path] {
		return
	}
	if end > time.Duration(c.s.Spec.Time.Duration) || s.Start >= c.s.Spec.Time.Duration {
		c.problem(path, fmt.Sprintf("the stream ends after the run (%s)", time.Duration(c.s.Spec.Time.Duration)), "shorten it, or raise time.duration")
	}
}

// expectations parses each expectation. Whether it can apply to this plan is
// checked when the plan is compiled.
func (c *checker) expectations() {
	if len(c.s.Spec.Expect) == 0 {
		c.missing("spec", "expect", "spec.expect is empty: a run without expectations proves nothing", "add - {arm: gray, metric: lost, is: 0}")
	}
	for i := range c.s.Spec.Expect {
		e := &c.s.Spec.Expect[i]
		path := fmt.Sprintf("spec.expect[%d]", i)
		if c.bad[path] {
			continue
		}
		if e.Role == "" {
			e.Role = string(expect.Gate)
		}
		parsed, errs := expect.Parse(expect.Line{
			Name: e.Name, Arm: e.Arm, Metric: e.Metric, Is: string(e.Is), Role: e.Role, Why: e.Why,
			Stream: e.Stream, Hop: e.Hop, Window: e.Window, Classes: e.Class,
		})
		parsed.File, parsed.Line = c.s.File, c.s.Line(path)
		e.parsed = parsed
		for _, err := range errs {
			c.problems = append(c.problems, c.s.Expectation(path, err))
		}
	}
}

// Expectation converts an error of the expectation's parser to a Problem with
// its line and a hint.
func (s *Scenario) Expectation(path string, err expect.Error) input.Problem {
	hint := err.Hint
	if err.Got != "" {
		hint = input.DidYouMean(err.Got, err.Choices)
	}
	text := err.Text
	if err.Field == "is" || !strings.Contains(text, err.Field) {
		text = err.Field + ": " + text
	}
	return s.Problem(path+"."+err.Field, text, hint)
}
