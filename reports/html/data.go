package html

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
)

// data is what the page's script draws from. Times are milliseconds since
// zero, to the microsecond; texts that repeat are indices into Text.
type data struct {
	From      float64    `json:"from"` // left end of the axis
	To        float64    `json:"to"`
	Arms      []arm      `json:"arms"`
	Classes   []class    `json:"classes"`
	Instances []instance `json:"instances"`
	Releases  []release  `json:"releases"`
	Points    []series   `json:"points"`
	Losses    []loss     `json:"losses"`
	Bursts    []burst    `json:"bursts"`
	Text      []string   `json:"text"`
}

type arm struct {
	Name    string   `json:"name"`
	Switch  string   `json:"switch"`
	Seconds [][5]int `json:"seconds"` // sent, ok, lost, masked, unsent
}

type class struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

type instance struct {
	Name     string  `json:"name"`
	Short    string  `json:"short"`
	Tag      string  `json:"tag"`
	Phases   []phase `json:"phases"`
	Marks    []mark  `json:"marks"`
	Received int     `json:"received"`
	Lost     int     `json:"lost"`
	Why      string  `json:"incomplete,omitempty"`
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
	Name  string   `json:"name"`
	Short string   `json:"short"`
	Arms  []string `json:"arms"`
	From  float64  `json:"from"` // the window: deletion to exit
	To    float64  `json:"to"`
	Stale *span    `json:"stale,omitempty"` // deregistered to last addressed
	Lost  int      `json:"lost"`
}

type span struct {
	From float64 `json:"a"`
	To   float64 `json:"b"`
}

// loss is a row: arm, stream, seq, due, sent, done, class, client class,
// status, hop, caller, callee, phase, window, release, why, error, trail,
// burst. All texts are indices.
type loss [19]any

func newData(r *reports.Report) data {
	l := r.Ledger
	d := data{Arms: []arm{}, Classes: []class{}, Instances: []instance{}, Releases: []release{}, Points: []series{}, Losses: []loss{}, Bursts: []burst{}}
	d.From, d.To = axis(l)
	for _, a := range l.Arms {
		d.Arms = append(d.Arms, arm{Name: a.Name, Switch: format.Switch(r, a.Name), Seconds: seconds(l, a.Name)})
	}
	present, counts := format.Classes(l)
	for _, c := range present {
		d.Classes = append(d.Classes, class{string(c), counts[c]})
	}
	for _, in := range l.Instances {
		d.Instances = append(d.Instances, newInstance(in))
	}
	for _, rel := range l.Releases {
		d.Releases = append(d.Releases, newRelease(rel, d.To))
	}
	d.Points = points(r, pointCap)
	d.losses(l)
	return d
}

// axis spans the run, from its zero.
func axis(l *ledger.Ledger) (from, to float64) {
	return 0, ms(format.End(l))
}

// seconds adds the streams of an arm.
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
	out := instance{Name: in.Instance.String(), Short: format.ShortPod(in.Instance), Tag: in.Tag, Received: in.Received, Lost: in.Lost, Why: in.Incomplete, Phases: []phase{}, Marks: []mark{}}
	for _, p := range in.Phases {
		out.Phases = append(out.Phases, phase{p.Name, ms(p.From), ms(p.To)})
	}
	for _, m := range in.Milestones {
		if drawn(m.Kind) {
			out.Marks = append(out.Marks, mark{ms(m.At), string(m.Kind), m.Text})
		}
	}
	return out
}

// drawn tells whether a mark is part of the picture; consumers' lists and the
// machines' inputs are too many, and are in the events.
func drawn(k record.Kind) bool {
	switch k {
	case record.KindListChanged, record.KindListReceived, record.KindMachineInput, record.KindMachineOutput, record.KindSettingsApplied, record.KindNotified, record.KindHostStats, record.KindStalled, record.KindEndpointAdded, record.KindContainerStarted, record.KindDrainWait, record.KindEnd:
		return false
	}
	return true
}

func newRelease(rel ledger.Release, end float64) release {
	out := release{Name: rel.Instance.String(), Short: format.ShortPod(rel.Instance), Arms: rel.Arms, From: ms(rel.At), To: end, Lost: rel.Lost}
	if out.Arms == nil {
		out.Arms = []string{}
	}
	if rel.Exited != nil {
		out.To = max(out.From, ms(*rel.Exited))
	}
	if from, to, ok := format.StaleRoute(rel); ok {
		out.Stale = &span{ms(from), ms(to)}
		out.To = max(out.To, out.Stale.To)
	}
	return out
}

// losses fills Losses, burst by burst, Bursts and Text.
func (d *data) losses(l *ledger.Ledger) {
	t := texts{index: map[string]int{}}
	sorted := byDue(l.Losses)
	var of []int
	d.Bursts, of = bursts(sorted)
	order := make([]int, len(sorted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(of[a], of[b]) })
	for _, i := range order {
		x := sorted[i]
		d.Losses = append(d.Losses, loss{
			t.add(x.Arm), t.add(x.Stream), x.Seq, ms(x.Due), ms(x.Sent), ms(x.Done), t.add(string(x.Class)), t.add(string(x.ClientClass)),
			x.Status, t.add(x.Hop), t.add(x.Caller.String()), t.add(x.Callee.String()), t.add(x.Phase), t.add(string(x.Window)),
			t.add(x.Release.String()), t.add(x.Explanation), t.add(x.Error), t.add(trail(x.Trail)), of[i],
		})
	}
	d.Text = t.list
}

func byDue(losses []ledger.Loss) []ledger.Loss {
	sorted := slices.Clone(losses)
	slices.SortStableFunc(sorted, func(a, b ledger.Loss) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Stream, b.Stream))
	})
	return sorted
}

// trail writes the hops of an answer as one line.
func trail(t record.Trail) string {
	var b strings.Builder
	for i, h := range t {
		if i > 0 {
			b.WriteString(" → ")
		}
		fmt.Fprintf(&b, "%s %s ms", h.Instance, format.Ms(h.Took))
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

// ms is d in milliseconds, to the microsecond.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
