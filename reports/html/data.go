package html

import (
	"cmp"
	"fmt"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// data is what the page's scripts draw from. Times are milliseconds since the start
// of the load, to the microsecond; texts that repeat are indices into Text.
type data struct {
	From      float64     `json:"from"` // left end of the axis
	To        float64     `json:"to"`
	Arms      []arm       `json:"arms"`
	Classes   []class     `json:"classes"`
	Phases    []string    `json:"phases"`    // in the order of the legend
	MarkKinds []markKind  `json:"markKinds"` // in the order of the legend
	Instances []instance  `json:"instances"`
	Releases  []release   `json:"releases"`
	Points    []series    `json:"points"`
	Losses    []loss      `json:"losses"`
	Groups    []lossGroup `json:"groups"`
	Text      []string    `json:"text"`
	Labels    dataLabels  `json:"labels"`
}

// dataLabels are wordings of package present that the scripts use.
type dataLabels struct {
	Masked string `json:"masked"`
}

type arm struct {
	Name    string   `json:"name"`
	Seconds [][5]int `json:"seconds"` // sent, ok, lost, masked, unsent
}

type class struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type markKind struct {
	Kind  string `json:"kind"`
	Label string `json:"label"`
	Shape string `json:"shape"`
}

type instance struct {
	Name       string  `json:"name"`
	Short      string  `json:"short"`
	Phases     []phase `json:"phases"`
	Marks      []mark  `json:"marks"`
	Received   int     `json:"received"`
	Lost       int     `json:"lost"`
	Incomplete string  `json:"incomplete,omitempty"`
}

type phase struct {
	Name string  `json:"n"`
	From float64 `json:"a"`
	To   float64 `json:"b"`
}

type mark struct {
	At   float64 `json:"t"`
	Kind string  `json:"k"`
	Text string  `json:"x,omitempty"`
}

type release struct {
	Short string   `json:"short"`
	Arms  []string `json:"arms"`
	From  float64  `json:"from"` // deletion
	To    float64  `json:"to"`   // exit
	Stale *span    `json:"stale,omitempty"`
}

// span is a stretch of time.
type span struct {
	From float64 `json:"a"`
	To   float64 `json:"b"`
}

type lossGroup struct {
	Title  string `json:"title"`
	Extent string `json:"extent"`
	Count  int    `json:"count"`
}

// loss is a row: arm, stream, seq, due, sent, done, class, client class,
// status, hop, caller, callee, phase, window, release, explanation, error, trail,
// group. All texts are indices.
type loss [19]any

func newData(doc *present.Document) data {
	l := doc.Run.Ledger
	d := data{
		To: format.Millis(present.RunEnd(l)), Arms: []arm{}, Classes: []class{}, Phases: []string{}, MarkKinds: []markKind{}, Instances: []instance{},
		Releases: []release{}, Points: points(doc.Run, pointCap), Losses: []loss{}, Groups: []lossGroup{},
		Labels: dataLabels{present.MaskedLabel},
	}
	for _, a := range l.Arms {
		d.Arms = append(d.Arms, arm{a.Name, seconds(l, a.Name)})
	}
	classes, counts := present.LossClasses(l)
	for _, c := range classes {
		d.Classes = append(d.Classes, class{string(c), counts[c]})
	}
	for _, c := range palette.Phases() {
		d.Phases = append(d.Phases, c.Name)
	}
	for _, m := range palette.Marks() {
		d.MarkKinds = append(d.MarkKinds, markKind{string(m.Kind), m.Label, m.Shape})
	}
	for _, in := range l.Instances {
		d.Instances = append(d.Instances, newInstance(in))
	}
	for _, rel := range l.Releases {
		d.Releases = append(d.Releases, newRelease(rel, d.To))
	}
	d.addLosses(doc.Losses)
	return d
}

// seconds adds up the streams of an arm.
func seconds(l *ledger.Ledger, arm string) [][5]int {
	out := [][5]int{}
	for _, s := range l.Streams {
		if s.Arm != arm {
			continue
		}
		for i, sec := range l.Seconds[s.Name] {
			if i == len(out) {
				out = append(out, [5]int{})
			}
			for j, n := range [5]int{sec.Sent, sec.OK, sec.Lost, sec.Masked, sec.Unsent} {
				out[i][j] += n
			}
		}
	}
	return out
}

func newInstance(in ledger.Instance) instance {
	out := instance{Name: in.Instance.String(), Short: present.ShortPod(in.Instance), Received: in.Received, Lost: in.Lost, Incomplete: in.Incomplete, Phases: []phase{}, Marks: []mark{}}
	for _, p := range in.Phases {
		out.Phases = append(out.Phases, phase{p.Name, format.Millis(p.From), format.Millis(p.To)})
	}
	for _, m := range in.Milestones {
		if shown(m.Kind) {
			out.Marks = append(out.Marks, mark{format.Millis(m.At), string(m.Kind), m.Text})
		}
	}
	return out
}

// shown reports whether the time line tells of an event. Events that happen all the
// time are only in the run directory.
func shown(k record.Kind) bool {
	switch k {
	case record.KindListChanged, record.KindListReceived, record.KindMachineInput, record.KindMachineOutput, record.KindSettingsApplied, record.KindNotified, record.KindHostStats, record.KindStalled, record.KindEndpointAdded, record.KindContainerStarted, record.KindDrainWait, record.KindEnd:
		return false
	default:
		return true
	}
}

func newRelease(rel ledger.Release, end float64) release {
	out := release{Short: present.ShortPod(rel.Instance), Arms: rel.Arms, From: format.Millis(rel.At), To: end}
	if out.Arms == nil {
		out.Arms = []string{}
	}
	if rel.Exited != nil {
		out.To = max(out.From, format.Millis(*rel.Exited))
	}
	if from, to, ok := present.StaleRoute(rel); ok {
		out.Stale = &span{format.Millis(from), format.Millis(to)}
		out.To = max(out.To, out.Stale.To)
	}
	return out
}

// addLosses fills Losses, group by group, and Groups and Text.
func (d *data) addLosses(groups []present.LossGroup) {
	t := texts{index: map[string]int{}}
	for i, g := range groups {
		d.Groups = append(d.Groups, lossGroup{g.Title, g.Extent, len(g.Losses)})
		for _, x := range g.Losses {
			d.Losses = append(d.Losses, loss{
				t.add(x.Arm), t.add(x.Stream), x.Seq, format.Millis(x.Due), format.Millis(x.Sent), format.Millis(x.Done), t.add(string(x.Class)), t.add(string(x.ClientClass)),
				x.Status, t.add(x.Hop), t.add(x.Caller.String()), t.add(x.Callee.String()), t.add(x.Phase), t.add(string(x.Window)),
				t.add(x.Release.String()), t.add(x.Explanation), t.add(x.Error), t.add(trail(x.Trail)), i,
			})
		}
	}
	d.Text = t.list
}

// trail writes the hops of a response in one line.
func trail(t record.Trail) string {
	var b strings.Builder
	for i, h := range t {
		if i > 0 {
			b.WriteString(" → ")
		}
		fmt.Fprintf(&b, "%s %s", h.Instance, format.Duration(h.Took))
		if h.Class != "" {
			fmt.Fprintf(&b, " (%s)", h.Class)
		}
		if c := h.Call; i == len(t)-1 && c != nil {
			fmt.Fprintf(&b, " → %s %s", cmp.Or(c.Callee.String(), c.Service), cmp.Or(string(c.Class), "ok"))
		}
	}
	return b.String()
}

// texts interns what repeats.
type texts struct {
	list  []string
	index map[string]int
}

func (t *texts) add(s string) int {
	i, ok := t.index[s]
	if !ok {
		i = len(t.list)
		t.index[s] = i
		t.list = append(t.list, s)
	}
	return i
}
