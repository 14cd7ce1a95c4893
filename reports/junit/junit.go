// Package junit writes a report as JUnit XML, with a test case for each
// expectation of the scenario.
package junit

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
	"zeroloss/reports/present"
)

type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []suite  `xml:"testsuite"`
}

type suite struct {
	Name       string     `xml:"name,attr"`
	Tests      int        `xml:"tests,attr"`
	Failures   int        `xml:"failures,attr"`
	Errors     int        `xml:"errors,attr"`
	Skipped    int        `xml:"skipped,attr"`
	Time       string     `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr,omitempty"`
	Properties []property `xml:"properties>property"`
	Cases      []testCase `xml:"testcase"`
	Out        string     `xml:"system-out,omitempty"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	File    string   `xml:"file,attr,omitempty"`
	Line    int      `xml:"line,attr,omitempty"`
	Failure *message `xml:"failure"`
	Error   *message `xml:"error"`
	Skipped *message `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

type message struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Render writes d. A failed gate is a failure, an expectation that proves nothing
// is an error, and an info that is not met is skipped. If the measurement is not
// reliable, every case is an error, so that none looks passed.
func Render(w io.Writer, d *present.Document) error {
	m := d.Run.Meta
	s := suite{
		Name: "zeroloss." + d.Scenario, Time: fmt.Sprintf("%.3f", d.Run.Ledger.Duration.Seconds()), Timestamp: m.Started,
		Properties: []property{
			{"verdict", d.Verdict.Name}, {"runtime", m.Runtime},
			{"seed", fmt.Sprint(m.Seed)}, {"speed", fmt.Sprint(m.Speed)},
		},
		Out: d.Headline + "\n" + strings.Join(d.Verdict.Reasons, "\n"),
	}
	for _, e := range d.Expectations {
		s.add(newCase(d, e))
	}
	if len(s.Cases) == 0 { // a suite without a case passes
		s.add(testCase{
			Class: s.Name, Name: "the run proves something",
			Error: &message{Type: "invalid", Message: strings.Join(d.Verdict.Reasons, "; ")},
		})
	}
	return write(w, suites{Suites: []suite{s}})
}

func write(w io.Writer, all suites) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	return nil
}

func (s *suite) add(c testCase) {
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

// newCase names the case "role: expectation" in the class "zeroloss.scenario.arm".
func newCase(d *present.Document, e present.Expectation) testCase {
	evidence := strings.Join(e.Evidence, "\n")
	c := testCase{
		Class: "zeroloss." + d.Scenario + "." + e.Arm, Name: e.Role + ": " + e.Name,
		File: e.File, Line: e.Line, Out: e.Result() + "\n" + evidence,
	}
	m := &message{Type: e.Role, Message: e.Result(), Text: evidence}
	if len(e.Evidence) > 0 {
		m.Message += ": " + strings.Join(e.Evidence, "; ")
	}
	if e.Why != "" {
		m.Text = e.Why + "\n" + m.Text
	}
	switch {
	case d.Verdict.Unfit:
		c.Error = &message{Type: "invalid", Message: "the run is invalid: " + strings.Join(d.Verdict.Reasons, "; "), Text: evidence}
	case e.Verdict == string(gate.Pass):
	case e.Role == string(expect.Info):
		c.Skipped = m
	case e.Verdict == string(gate.Fail):
		c.Failure = m
	default:
		c.Error = m
	}
	return c
}
