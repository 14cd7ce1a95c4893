// Package plan turns a scenario and its manifests into a [Plan]: timed, typed
// steps, streams and settings, plain data that any runtime executes and every
// report reads. [Plan.String] is the dry run.
//
// It starts nothing and reads no clock; the same inputs give the same plan.
package plan

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/expect"
	"zeroloss/scenarios/control"
)

// Schema is the format of plan.json.
const Schema = "zeroloss.plan/v1"

// Plan is all that a run will do.
type Plan struct {
	Schema      string        `json:"schema"`
	Scenario    string        `json:"scenario"` // its name, or "manifests" for bare ones
	Title       string        `json:"title"`
	Description string        `json:"description,omitempty"` // the scenario's leading comment, for the report
	Seed        uint64        `json:"seed"`
	Speed       float64       `json:"speed"`    // durations are divided by it already, but for the sleeps inside of hooks' commands, which the shell divides
	Duration    time.Duration `json:"duration"` // of one cycle, from time zero, already divided by speed
	Cycles      int           `json:"cycles"`
	Runtimes    []string      `json:"runtimes,omitempty"` // that can carry it out; empty: all

	PushDelay time.Duration `json:"pushDelay"` // of the registry
	PushTick  time.Duration `json:"pushTick"`

	Arms          []Arm                `json:"arms"`
	Workloads     []Workload           `json:"workloads"` // the registry not among them
	Registry      Registry             `json:"registry"`
	Services      []Service            `json:"services"` // Kubernetes Services
	Control       control.Config       `json:"control"`
	Steps         []Step               `json:"steps"`
	Rules         []RuleSet            `json:"rules,omitempty"` // that steps put into force
	ScheduledJobs []ScheduledJob       `json:"scheduledJobs"`   // CronHPA jobs within Duration, for the dry run
	Streams       []traffic.Stream     `json:"streams"`
	Entry         Entry                `json:"entry"` // where the load goes
	Expect        []expect.Expectation `json:"expect"`
	Target        *Target              `json:"target,omitempty"` // a service that is there already; nil: the plan makes its own

	Corrections []Finding `json:"corrections"` // what was changed in a manifest, and why
	Warnings    []Finding `json:"warnings"`    // what will not be as written
	Margin      Margin    `json:"margin"`
}

// Arm is one side of the comparison.
type Arm struct {
	Name string `json:"name"`
	Tag  string `json:"tag"`
	// Workloads lists those that its requests can reach, by name, entry first.
	Workloads []string `json:"workloads"`
}

// Workload is a Deployment of a demo service.
type Workload struct {
	Name     string `json:"name"`
	Role     string `json:"role"`    // gateway, a, b, c; plain, target
	Service  string `json:"service"` // registry name
	Tag      string `json:"tag"`
	Replicas int    `json:"replicas"`
	// Cold: the pods that the run begins with are as new as later ones;
	// otherwise they have been in service for long.
	ColdStart bool `json:"cold,omitempty"`
	// Foreign: it is none of ours. It tells nothing of itself, is in no
	// registry that the run knows, and Settings are empty.
	External bool              `json:"external,omitempty"`
	Settings settings.Document `json:"settings"`      // a template: the runtime fills in who, where and events
	Env      map[string]string `json:"env,omitempty"` // for hooks
	Labels   map[string]string `json:"labels,omitempty"`
	File     string            `json:"file"`
	Line     int               `json:"line"`
}

// Registry is the Deployment of the registry, or the implied one.
type Registry struct {
	Workload string `json:"workload"` // nacos-server
	Port     int    `json:"port"`
	Implied  bool   `json:"implied"` // no manifest had one
}

// Service is a Kubernetes Service.
type Service struct {
	Name     string            `json:"name"`
	Port     int               `json:"port"`
	Target   int               `json:"target"`
	Selector map[string]string `json:"selector"`
}

// Entry is where the load goes: the pods of one workload, on one port.
type Entry struct {
	Workload string `json:"workload"`
	Service  string `json:"service,omitempty"` // the Kubernetes Service, where there is one
	Port     int    `json:"port"`
}

// RuleSet are what a step changes, under the version by which instances know
// them: the highest one wins, whenever its step comes. The plan's own rules are
// version 1, those of steps follow in the order of their time.
type RuleSet struct {
	Version int                        `json:"version"`
	Online  map[string]settings.Online `json:"online"` // by workload
}

// OnlineUnder is how a workload's instances come online by the rules of a version,
// if those say anything of it.
func (p *Plan) OnlineUnder(workload string, version int) (settings.Online, bool) {
	for _, r := range p.Rules {
		if r.Version == version {
			o, ok := r.Online[workload]
			return o, ok
		}
	}
	return settings.Online{}, false
}

// ScheduledJob is one execution of a CronHPA job.
type ScheduledJob struct {
	At       time.Duration `json:"at"`
	Workload string        `json:"workload"`
	Job      string        `json:"job"`
	Target   int           `json:"target"`
}

// Finding is a remark about an input.
type Finding struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

// Margin compares the shortest time from deregistering to closing, where
// lossless is on, with push delay plus tick. Ratio 0 means that lossless is
// on nowhere.
type Margin struct {
	Shortest time.Duration `json:"shortest"`
	Push     time.Duration `json:"push"`
	Ratio    float64       `json:"ratio"`
	Workload string        `json:"workload"`
}
