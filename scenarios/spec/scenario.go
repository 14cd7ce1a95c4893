// Package spec is the Scenario as a person writes it: [Decode] reads it
// strictly, fills in defaults, and says everything that is wrong at once, each
// with its line; [FromManifests] makes one for bare manifests; [Schema] is its
// JSON Schema for editors.
//
// It knows no settings, pods or offsets: what a scenario means is decided in
// scenarios/plan.
package spec

import (
	"zeroloss/internal/input"
	"zeroloss/reports/expect"
)

// What a scenario begins with.
const (
	APIVersion = "zeroloss/v1"
	Kind       = "Scenario"
)

// Scenario is one experiment.
type Scenario struct {
	APIVersion string   `yaml:"apiVersion" doc:"zeroloss/v1"`
	Kind       string   `yaml:"kind" doc:"Scenario"`
	Metadata   Metadata `yaml:"metadata"`
	Spec       Spec     `yaml:"spec"`

	// Teach is the leading comment, without its number signs.
	Description string `yaml:"-" json:"-"`
	// Bare: made from manifests alone.
	Bare bool `yaml:"-" json:"-"`
	// File is its name in messages.
	File string `yaml:"-" json:"-"`

	lines map[string]int
}

// Metadata names a scenario.
type Metadata struct {
	Name  string `yaml:"name" doc:"short name, as the run directory bears it"`
	Title string `yaml:"title,omitempty" doc:"one sentence for the report"`
}

// Spec says what is run.
type Spec struct {
	Manifests  []string                    `yaml:"manifests,omitempty" doc:"Kubernetes YAML: of the catalogue, or paths beside this file"`
	Runtimes   StringList                  `yaml:"runtimes,omitempty" doc:"where it can be run, of local and kube; all by default"`
	Registry   Registry                    `yaml:"registry,omitempty" doc:"the embedded registry"`
	Time       Time                        `yaml:"time,omitempty"`
	Arms       string                      `yaml:"arms,omitempty" enum:"concurrent,interleaved" doc:"at the same moment (default), or one after the other: of a target with a change, which are always"`
	Governance []Rule                      `yaml:"governance,omitempty" doc:"warm-up, tag routes, lanes: the console's rules"`
	Set        map[string]WorkloadOverride `yaml:"set,omitempty" doc:"small differences to the manifests, by workload"`
	ImageRoles map[string]string           `yaml:"standIns,omitempty" doc:"image to demo service (gateway, a, b, c, registry), for images of other names"`
	Target     *Target                     `yaml:"target,omitempty" doc:"a service that is there already, instead of manifests; run by: zeroloss attach FILE"`
	Load       []Stream                    `yaml:"load" doc:"open-loop streams of requests"`
	Steps      []Step                      `yaml:"steps,omitempty" doc:"what happens beside CronHPA"`
	Expect     []Expectation               `yaml:"expect,omitempty" doc:"every line is one JUnit case"`
}

// Registry sets the embedded registry.
type Registry struct {
	PushDelay Duration `yaml:"pushDelay,omitempty" default:"500ms" doc:"what the server waits after a change before it pushes"`
}

// Time is when and for how long.
type Time struct {
	Start    Clock    `yaml:"start,omitempty" default:"00:00:00" doc:"time of day against which CronHPA is read, or an instant with its date"`
	Duration Duration `yaml:"duration,omitempty" default:"60s" doc:"of one cycle"`
	Cycles   int      `yaml:"cycles,omitempty" default:"1" doc:"repeats the steps with the clock set back and the processes kept"`
	Speed    float64  `yaml:"speed,omitempty" default:"1" doc:"divides the durations of the topology, not those of what is measured"`
}

// Rule is a rule of the originals' consoles: how the instances of a service
// come online. What a workload's own labels say, goes before it.
type Rule struct {
	Online      string   `yaml:"online" doc:"the service, by its name in the registry"`
	Version     string   `yaml:"version,omitempty" doc:"a tag, or base; every version by default"`
	Delay       Duration `yaml:"delay,omitempty" most:"1h" doc:"from listening to registering"`
	HealthPath  string   `yaml:"healthPath,omitempty" doc:"register once this answers; instead of delay"`
	HealthEvery Duration `yaml:"healthEvery,omitempty" most:"1h" default:"5s" doc:"between asking it"`
	Window      Duration `yaml:"window,omitempty" most:"1d" default:"120s" doc:"of the warm-up"`
	Model       string   `yaml:"model,omitempty" doc:"of the warm-up: power by default; none is no warm-up"`
	Curve       *float64 `yaml:"curve,omitempty" doc:"the model's parameter: the exponent of power, 1 to 5"`
	Aligned     *bool    `yaml:"aligned,omitempty" doc:"readiness says yes once the instance is registered, and is what the pod is asked for"`
}

// WorkloadOverride is what one workload does otherwise than its manifest says.
type WorkloadOverride struct {
	Offline      string   `yaml:"offline,omitempty" enum:"lossless,deregister-first,close-first,kill,reject" doc:"how an instance goes"`
	Notify       *bool    `yaml:"notify,omitempty" doc:"tell each consumer seen lately"`
	AdaptiveWait *bool    `yaml:"adaptiveWait,omitempty" doc:"false: only the hook's sleep protects"`
	MinWait      Duration `yaml:"minWait,omitempty" doc:"the least wait after /offline; push delay plus 1s by default"`
	Quiet        Duration `yaml:"quiet,omitempty" doc:"close once nothing came for so long; 1s by default"`
	DrainCap     Duration `yaml:"drainCap,omitempty" doc:"bound of the whole wait; 30s by default"`

	Retry         string   `yaml:"retry,omitempty" enum:"none,next-instance" doc:"of failed calls"`
	Cache         string   `yaml:"cache,omitempty" enum:"push,poll30,ttl35" doc:"how its list of the next service is kept"`
	Ungoverned    *bool    `yaml:"ungoverned,omitempty" doc:"no marks, no weights, no lanes"`
	Balancer      string   `yaml:"balancer,omitempty" enum:"round-robin,random"`
	MarkTTL       Duration `yaml:"markTTL,omitempty" doc:"a mark ends at the latest then; 120s by default"`
	KeepWhenEmpty *bool    `yaml:"keepWhenEmpty,omitempty" doc:"keep the last list if the registry's becomes empty"`
	Connections   string   `yaml:"connections,omitempty" enum:"keep-alive,new" doc:"towards the next service"`
	CallTimeout   Duration `yaml:"callTimeout,omitempty" doc:"how long it waits for the next service: 1.8s of the gateway, 1.2s of a, 0.8s of b by default; not divided by speed"`
	Strict        *bool    `yaml:"strict,omitempty" doc:"no instance of the wanted version is an error"`

	PreStop   *string  `yaml:"preStop,omitempty" doc:"a shell command; none takes the manifest's hook away"`
	Grace     Duration `yaml:"grace,omitempty" doc:"terminationGracePeriodSeconds"`
	Replicas  *int     `yaml:"replicas,omitempty"`
	Readiness *Probe   `yaml:"readiness,omitempty" doc:"none, or a probe"`

	Switches  map[string]string `yaml:"switches,omitempty" doc:"of MSE, Polaris and Dubbo, by the originals' names, as if its labels said so"`
	Begins    string            `yaml:"begins,omitempty" enum:"warm,cold" doc:"the pods that the run begins with: long in service (default), or as new as later ones"`
	Registers string            `yaml:"registers,omitempty" enum:"when-listening,too-early" doc:"too-early: as soon as its process runs, before it can serve"`
	ClockSkew Offset            `yaml:"clockSkew,omitempty" doc:"how far its clock is ahead, where it reckons ages of others: -30s is behind"`
	StartUp   Duration          `yaml:"startUp,omitempty" most:"1h" doc:"before it listens"`
	Delay     Duration          `yaml:"delay,omitempty" most:"1h" doc:"from listening to registering; goes before a health path, too"`
	Work      Duration          `yaml:"work,omitempty" doc:"of each request"`
	ColdCost  Duration          `yaml:"coldCost,omitempty" doc:"extra of the very first request, falling with those served"`
	ColdCount *int              `yaml:"coldCount,omitempty" doc:"requests until the extra is gone"`
	Workers   *int              `yaml:"workers,omitempty"`
	Queue     *int              `yaml:"queue,omitempty" doc:"beyond it, 503"`
}

// Probe is a readiness probe of a WorkloadOverride.
type Probe struct {
	None      bool     `yaml:"-" json:"-"` // written as the word none
	TCPSocket int      `yaml:"tcpSocket,omitempty" doc:"port"`
	HTTPGet   string   `yaml:"httpGet,omitempty" doc:"port and path, as 55199/readiness"`
	Period    Duration `yaml:"period,omitempty" default:"1s"`
}

// Stream is one flow of requests.
type Stream struct {
	Name        string            `yaml:"name" doc:"unique"`
	Arm         string            `yaml:"arm,omitempty" doc:"side of the comparison; the tag, or base, by default"`
	Tag         string            `yaml:"tag,omitempty" doc:"version it asks for; empty is base"`
	Rate        Rate              `yaml:"rate" doc:"as 100/s"`
	Request     Request           `yaml:"request,omitempty" default:"GET /A/a" doc:"method and path"`
	Connections string            `yaml:"connections,omitempty" enum:"keep-alive,new" doc:"kept (default), or one for each request"`
	Header      map[string]string `yaml:"header,omitempty" doc:"${NAME} in a value is an environment variable of the run's, whose value is not written down"`
	Body        string            `yaml:"body,omitempty" doc:"of a POST"`
	Timeout     Duration          `yaml:"timeout,omitempty" default:"2.5s"`
	Spread      string            `yaml:"spread,omitempty" enum:"even" doc:"how the due times lie"`
	Start       Duration          `yaml:"start,omitempty" doc:"after time zero"`
	Duration    Duration          `yaml:"duration,omitempty" doc:"to the end of the run by default"`

	Workload       string  `yaml:"workload,omitempty" doc:"a Deployment that is none of ours (role plain), reached through its Service"`
	URL            BaseURL `yaml:"url,omitempty" doc:"with a target: the base URL, if it is not the target's"`
	OK             *Answer `yaml:"ok,omitempty" doc:"what a good answer is, of a service that is none of ours; 2xx by default"`
	InstanceHeader string  `yaml:"instanceHeader,omitempty" doc:"the header in which an answer names the pod that gave it, or its address"`
}

// Step is something that happens, at a time or after an event. Exactly one of
// the verbs is given; its value is a workload.
type Step struct {
	Name  string    `yaml:"name,omitempty"`
	At    *Duration `yaml:"at,omitempty" doc:"after time zero"`
	After After     `yaml:"after,omitempty" doc:"an event of a workload or arm, as gray.deregistered + 200ms"`

	Scale   string `yaml:"scale,omitempty" doc:"a workload; to says how many"`
	To      *int   `yaml:"to,omitempty" doc:"replicas"`
	Back    bool   `yaml:"back,omitempty" doc:"instead of to: as many as there were in the beginning"`
	Restart string `yaml:"restart,omitempty" doc:"a workload: rollout restart"`
	Image   string `yaml:"image,omitempty" doc:"a workload: its pods get another image, by its strategy; ref says which"`
	Ref     string `yaml:"ref,omitempty" doc:"the image, as example.com/spring-cloud-b:2"`
	Pause   string `yaml:"pause,omitempty" doc:"a workload: rollout pause; what changes its pods waits for resume"`
	Resume  string `yaml:"resume,omitempty" doc:"a workload: rollout resume"`
	Kill    string `yaml:"kill,omitempty" doc:"a workload: its pods are killed and gone"`
	Pods    *int   `yaml:"pods,omitempty" doc:"how many are killed; 1 by default"`
	Drain   string `yaml:"drain,omitempty" doc:"a workload: the node that carries its pods is cordoned, and they are evicted; on kube only"`

	Rule *Rule `yaml:"rule,omitempty" doc:"a rule of governance, in force from then on instead of the one of that service and version"`

	// Verbs to come; named so that they are refused in clear words.
	Fault  *Unsupported `yaml:"fault,omitempty" doc:"not supported yet"`
	Apply  *Unsupported `yaml:"apply,omitempty" doc:"not supported yet"`
	Delete *Unsupported `yaml:"delete,omitempty" doc:"not supported yet"`
	Check  *Unsupported `yaml:"check,omitempty" doc:"not supported yet"`
}

// Unsupported is a field whose content is not read yet.
type Unsupported struct{}

// Expectation is one line of expect.
type Expectation struct {
	Name   string         `yaml:"name,omitempty" doc:"of the JUnit case"`
	Arm    string         `yaml:"arm"`
	Metric string         `yaml:"metric" enum:"lost,ok,sent,unsent,masked,unexplained,releases,staleRoute,longestOutage,p50,p99,max,timeouts,earlyRequests,readyBeforeRegistered,warmupExponent,warmupFit,warmShareSpread,governed"`
	Is     StringOrNumber `yaml:"is" doc:"0, \">= 10\", \"<= 5ms\", 23..31 or predicted"`
	Role   string         `yaml:"role,omitempty" enum:"gate,contrast,info" default:"gate" doc:"what it means if unmet: fail, invalid, nothing"`
	Why    string         `yaml:"why,omitempty"`
	Stream string         `yaml:"stream,omitempty" doc:"of this stream only"`
	Hop    string         `yaml:"hop,omitempty" doc:"failed between these only, as a->b"`
	Class  StringList     `yaml:"class,omitempty" doc:"of these root causes only"`
	Window string         `yaml:"window,omitempty" doc:"explained by this window only; of p50, p99 and max: warmup"`

	parsed expect.Expectation
}

// Parsed is the expectation as the grammar read it, with its line.
func (e Expectation) Parsed() expect.Expectation { return e.parsed }

// Line is where path (spec.load[0].rate) stands, or the nearest part of it
// that is there; 0 for a Scenario that no file wrote.
func (s *Scenario) Line(path string) int {
	for path != "" {
		if n, ok := s.lines[path]; ok {
			return n
		}
		path = parent(path)
	}
	return 0
}

// Problem is one about path.
func (s *Scenario) Problem(path, text, hint string) input.Problem {
	return input.Problem{File: s.File, Line: s.Line(path), Text: text, Hint: hint}
}
