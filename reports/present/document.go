// Package present decides what every report says: labels, sentences, formatted
// figures, their order and grouping. The terminal text, the page, Markdown, JUnit
// and the pictures render the same [Document], so one fact has one wording.
//
// To change a label or a sentence, change it here; to change where it stands,
// change the renderer. Labels that belong to no row or sentence are in labels.go.
package present

import (
	"errors"
	"fmt"

	"zeroloss/reports"
)

// ErrNoLedger is returned for a report that has nothing to present.
var ErrNoLedger = errors.New("the report has no ledger")

// Document is everything that a report says.
type Document struct {
	// Run has the raw figures, for what is drawn rather than said.
	Run *reports.Report

	Scenario string // name
	Title    string // the scenario's title, or its name
	Started  string
	Headline string // "base lost 27 of 7,000, gray lost 0 of 7,000."
	Verdict  Verdict

	Arms         []Arm
	Figures      Table
	Expectations []Expectation
	Losses       []LossGroup
	Releases     []Release
	Instances    []Instance
	Warmups      []Warmup
	Quality      Quality
	Propagation  Propagation
	Notes        []Note
	Findings     []Finding

	Description []string // paragraphs that explain the scenario
	Command     string   // that runs it again
	Facts       []Fact
}

// New puts r into words. It returns ErrNoLedger if r has no ledger.
func New(r *reports.Report) (*Document, error) {
	if r == nil || r.Ledger == nil {
		return nil, fmt.Errorf("presenting the run: %w", ErrNoLedger)
	}
	l := r.Ledger
	d := &Document{
		Run: r, Scenario: r.Meta.Scenario, Title: title(r), Started: startTime(r.Meta.Started),
		Headline: headline(l), Verdict: newVerdict(r.Result),
		Arms: arms(r), Figures: figures(r), Expectations: expectations(r.Result), Losses: lossGroups(l.Losses),
		Releases: releases(l), Instances: instances(l), Warmups: warmups(l),
		Quality: quality(l, r.Result.Criteria), Propagation: propagation(r),
		Notes: notes(l), Findings: findings(r.Plan), Command: command(r.Meta), Facts: facts(r),
	}
	if r.Plan != nil {
		d.Description = paragraphs(r.Plan.Description)
	}
	return d, nil
}

func title(r *reports.Report) string {
	if r.Plan != nil && r.Plan.Title != "" {
		return r.Plan.Title
	}
	return r.Meta.Scenario
}
