// Package plan compiles a scenario and its manifests to a [Plan]: workloads,
// timed steps, streams and settings as plain data, which every runtime executes
// and every report reads. [Plan.String] is the dry run.
//
// It starts nothing and reads no clock: the same input gives the same plan.
package plan

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/expect"
	"zeroloss/scenarios/control"
)

// Schema is the format of plan.json.
const Schema = "zeroloss.plan/v2"

// Plan is everything that a run does.
type Plan struct {
	Schema      string        `json:"schema"`
	Scenario    string        `json:"scenario"` // its name; "manifests" if it was generated from manifests
	Title       string        `json:"title"`
	Description string        `json:"description,omitempty"` // the comment at the top of the scenario
	Seed        uint64        `json:"seed"`
	Speed       float64       `json:"speed"`    // already applied to durations, except to sleeps in the commands of hooks: their shell applies it
	Duration    time.Duration `json:"duration"` // of one cycle, from time zero, divided by Speed
	Cycles      int           `json:"cycles"`
	Runtimes    []string      `json:"runtimes,omitempty"` // that can execute it; none: all

	PushDelay time.Duration `json:"pushDelay"` // of the registry
	PushTick  time.Duration `json:"pushTick"`

	Arms          []Arm                `json:"arms"`
	Workloads     []Workload           `json:"workloads"` // without the registry
	Registry      Registry             `json:"registry"`
	Services      []Service            `json:"services"` // Kubernetes Services
	Control       control.Config       `json:"control"`
	Steps         []Step               `json:"steps"`
	Rules         []RuleSet            `json:"rules,omitempty"` // that steps activate
	ScheduledJobs []ScheduledJob       `json:"scheduledJobs"`   // CronHPA jobs within Duration, for the dry run
	Streams       []traffic.Stream     `json:"streams"`
	Entry         Entry                `json:"entry"` // where the load goes
	Expect        []expect.Expectation `json:"expect"`
	Target        *Target              `json:"target,omitempty"` // a service that is deployed already; nil: the run creates its own

	Corrections []Finding `json:"corrections"` // what was read differently than a manifest says, and why
	Warnings    []Finding `json:"warnings"`    // what will not work as written
	Margin      Margin    `json:"margin"`
}

// Arm is one side of the comparison.
type Arm struct {
	Name string `json:"name"`
	Tag  string `json:"tag"`
	// Workloads that its requests can reach, in the order of the chain.
	Workloads []string `json:"workloads"`
}

// Workload is a Deployment.
type Workload struct {
	Name     string `json:"name"`
	Role     string `json:"role"`    // gateway, a, b, c; plain, target
	Service  string `json:"service"` // registry name
	Tag      string `json:"tag"`
	Replicas int    `json:"replicas"`
	// ColdStart: the pods at the start of the run are cold, like those created
	// later; otherwise they are warm.
	ColdStart bool `json:"coldStart,omitempty"`
	// External: it is not a demo service. It reports no events, is not in the
	// run's registry, and has no Settings.
	External bool              `json:"external,omitempty"`
	Settings settings.Document `json:"settings"`      // a template: the runtime fills in names, addresses and where events go
	Env      map[string]string `json:"env,omitempty"` // for hooks
	// FieldRefs are variables that hold a field of the pod: status.podIP,
	// metadata.name or metadata.namespace.
	FieldRefs map[string]string `json:"fieldRefs,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	File      string            `json:"file"`
	Line      int               `json:"line"`
}

// Registry is the Deployment of the registry.
type Registry struct {
	Workload string `json:"workload"` // nacos-server
	Port     int    `json:"port"`
	Implied  bool   `json:"implied"` // no manifest has one
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
	Service  string `json:"service,omitempty"` // the Kubernetes Service, if there is one
	Port     int    `json:"port"`
}

// RuleSet is what a step changes. Instances use the rules with the highest
// version that they have received. The plan's own rules are version 1; those of
// steps follow in the order of their times.
type RuleSet struct {
	Version int                        `json:"version"`
	Online  map[string]settings.Online `json:"online"` // by workload
}

// OnlineUnder returns how the instances of a workload come online under the
// rules of a version; false if these do not apply to the workload.
func (p *Plan) OnlineUnder(workload string, version int) (settings.Online, bool) {
	for _, r := range p.Rules {
		if r.Version == version {
			o, ok := r.Online[workload]
			return o, ok
		}
	}
	return settings.Online{}, false
}

// ScheduledJob is an execution of a CronHPA job.
type ScheduledJob struct {
	At       time.Duration `json:"at"`
	Workload string        `json:"workload"`
	Job      string        `json:"job"`
	Target   int           `json:"target"`
}

// Finding is a remark about a line of an input file.
type Finding struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
}

// Margin compares the shortest time from deregistering to closing of a lossless
// workload with the duration of a push (push delay plus tick). Ratio is 0 if no
// workload that is released is lossless.
type Margin struct {
	Shortest time.Duration `json:"shortest"`
	Push     time.Duration `json:"push"`
	Ratio    float64       `json:"ratio"`
	Workload string        `json:"workload"`
}
