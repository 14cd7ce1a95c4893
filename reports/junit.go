package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Out        string          `xml:"system-out,omitempty"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes one case an expectation: a failed gate is a failure, what
// proves nothing an error, an unmet info is skipped. Where the instrument was
// not fit every case is an error: none may look passed.
func JUnit(w io.Writer, r *Report) error {
	s := junitSuite{
		Name: "zeroloss." + r.Meta.Scenario, Time: fmt.Sprintf("%.3f", r.Ledger.Duration.Seconds()), Timestamp: r.Meta.Started,
		Properties: []junitProperty{
			{"verdict", string(r.Result.Verdict)}, {"runtime", r.Meta.Runtime},
			{"seed", fmt.Sprint(r.Meta.Seed)}, {"speed", fmt.Sprint(r.Meta.Speed)},
		},
		Out: headline(r) + "\n" + strings.Join(r.Result.Reasons, "\n"),
	}
	for _, o := range r.Result.Expectations {
		s.add(junitCaseOf(r, o))
	}
	if len(s.Cases) == 0 { // a suite without a case passes
		s.add(junitCase{
			Class: s.Name, Name: "the run proves something",
			Error: &junitMessage{Type: "invalid", Message: strings.Join(r.Result.Reasons, "; ")},
		})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{s}}); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	return nil
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitCaseOf(r *Report, o gate.Outcome) junitCase {
	e := o.Expectation
	evidence := strings.Join(o.Evidence, "\n")
	c := junitCase{
		Class: "zeroloss." + r.Meta.Scenario + "." + e.Arm, Name: string(e.Role) + ": " + e.Name,
		File: e.File, Line: e.Line, Out: fmt.Sprintf("want %s, got %s\n%s", o.Want, o.Got, evidence),
	}
	m := &junitMessage{Type: string(e.Role), Message: fmt.Sprintf("want %s, got %s", o.Want, o.Got), Text: evidence}
	if len(o.Evidence) > 0 {
		m.Message += ": " + strings.Join(o.Evidence, "; ")
	}
	if e.Why != "" {
		m.Text = e.Why + "\n" + m.Text
	}
	switch {
	case r.Result.InstrumentUnfit:
		c.Error = &junitMessage{Type: "invalid", Message: "the run is invalid: " + strings.Join(r.Result.Reasons, "; "), Text: evidence}
	case o.Verdict == gate.Pass:
	case e.Role == expect.Info:
		c.Skipped = m
	case o.Verdict == gate.Fail:
		c.Failure = m
	default:
		c.Error = m
	}
	return c
}
