// Package spec is the scenario file: [Decode] reads it strictly, fills in
// defaults, and reports all problems at once, each with its line. [Schema] is
// the JSON Schema for editors.
//
// It knows no settings, pods or times: scenarios/plan decides what a scenario
// means.
package spec

import (
	"zeroloss/internal/input"
	"zeroloss/reports/expect"
)

// The apiVersion and kind of a scenario.
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
	// File is the name of the file in messages.
	File string `yaml:"-" json:"-"`

	lines map[string]int
}

// Metadata names a scenario.
type Metadata struct {
	Name  string `yaml:"name" doc:"short name; run directories are named after it"`
	Title string `yaml:"title,omitempty" doc:"one sentence, shown in reports"`
}

// Spec describes the experiment.
type Spec struct {
	Manifests  []string                    `yaml:"manifests,omitempty" doc:"Kubernetes YAML files: names from the catalogue, or paths relative to this file"`
	Runtimes   StringList                  `yaml:"runtimes,omitempty" doc:"runtimes that can run the scenario: local, kube (default: all)"`
	Registry   Registry                    `yaml:"registry,omitempty" doc:"the embedded registry"`
	Time       Time                        `yaml:"time,omitempty"`
	Arms       string                      `yaml:"arms,omitempty" enum:"concurrent,interleaved" doc:"whether arms run at the same time (default) or take turns, as those of a target with a change always do"`
	Governance []Rule                      `yaml:"governance,omitempty" doc:"rules that govern how instances come online, as in the vendors' consoles"`
	Set        map[string]WorkloadOverride `yaml:"set,omitempty" doc:"overrides of the manifests, by workload"`
	ImageRoles map[string]string           `yaml:"imageRoles,omitempty" former:"standIns" doc:"maps images with other names to demo services: gateway, a, b, c, registry or plain"`
	Target     *Target                     `yaml:"target,omitempty" doc:"a service that is deployed already, instead of manifests; run with: zeroloss attach FILE"`
	Load       []Stream                    `yaml:"load" doc:"open-loop request streams"`
	Steps      []Step                      `yaml:"steps,omitempty" doc:"actions on workloads, in addition to CronHPA"`
	Expect     []Expectation               `yaml:"expect,omitempty" doc:"expected results; each is one JUnit test case"`
}

// Registry configures the embedded registry.
type Registry struct {
	PushDelay Duration `yaml:"pushDelay,omitempty" default:"500ms" doc:"how long the server waits after a change before it pushes"`
}

// Time configures the clock and the duration of the run.
type Time struct {
	Start    Clock    `yaml:"start,omitempty" default:"00:00:00" doc:"time of CronHPA's clock when the run starts: a time of day, or a date and time, in UTC"`
	Duration Duration `yaml:"duration,omitempty" default:"60s" doc:"duration of one cycle"`
	Cycles   int      `yaml:"cycles,omitempty" default:"1" doc:"how often the steps are repeated, with the clock set back and the processes kept"`
	Speed    float64  `yaml:"speed,omitempty" default:"1" doc:"divides the durations of the topology (grace periods, probes, schedules), not those of the load"`
}

// Rule configures how the instances of a service come online, as in the
// vendors' consoles. A workload's own labels take precedence.
type Rule struct {
	Online        string   `yaml:"online" doc:"name of the service in the registry"`
	Version       string   `yaml:"version,omitempty" doc:"a tag, or base (default: every version)"`
	RegisterDelay Duration `yaml:"registerDelay,omitempty" former:"delay" most:"1h" doc:"time from listening to registering"`
	HealthPath    string   `yaml:"healthPath,omitempty" doc:"register once this path answers, instead of after registerDelay"`
	HealthEvery   Duration `yaml:"healthEvery,omitempty" most:"1h" default:"5s" doc:"interval between health checks"`
	Window        Duration `yaml:"window,omitempty" most:"1d" default:"120s" doc:"duration of the warm-up"`
	Model         string   `yaml:"model,omitempty" doc:"model of the warm-up (default: power; none: no warm-up)"`
	Curve         *float64 `yaml:"curve,omitempty" doc:"parameter of the model: the exponent of power, 1 to 5"`
	Aligned       *bool    `yaml:"aligned,omitempty" doc:"the readiness probe passes once the instance is registered"`
}

// WorkloadOverride changes the settings of one workload.
type WorkloadOverride struct {
	Offline      string   `yaml:"offline,omitempty" enum:"lossless,deregister-first,close-first,kill,reject" doc:"how an instance goes offline"`
	Notify       *bool    `yaml:"notify,omitempty" doc:"whether to notify recent consumers directly"`
	AdaptiveWait *bool    `yaml:"adaptiveWait,omitempty" doc:"whether to wait until requests stop arriving; false: rely on the preStop hook's sleep"`
	MinWait      Duration `yaml:"minWait,omitempty" doc:"minimum wait after /offline (default: push delay plus 1s)"`
	QuietPeriod  Duration `yaml:"quietPeriod,omitempty" former:"quiet" doc:"time without requests after which an instance closes (default: 1s)"`
	DrainTimeout Duration `yaml:"drainTimeout,omitempty" former:"drainCap" doc:"maximum wait after /offline (default: 30s)"`

	Retry         string   `yaml:"retry,omitempty" enum:"none,next-instance" doc:"whether to retry failed calls, and where"`
	Cache         string   `yaml:"cache,omitempty" enum:"push,poll30,ttl35" doc:"how the instance list of the next service is kept up to date"`
	Ungoverned    *bool    `yaml:"ungoverned,omitempty" doc:"ignore offline marks, weights and tags"`
	Balancer      string   `yaml:"balancer,omitempty" enum:"round-robin,random"`
	MarkTTL       Duration `yaml:"markTTL,omitempty" doc:"lifetime of an offline mark (default: 120s)"`
	KeepWhenEmpty *bool    `yaml:"keepWhenEmpty,omitempty" doc:"keep the last instance list when the registry's list becomes empty"`
	Connections   string   `yaml:"connections,omitempty" enum:"keep-alive,new" doc:"connections to the next service"`
	CallTimeout   Duration `yaml:"callTimeout,omitempty" doc:"timeout of calls to the next service (default: gateway 1.8s, a 1.2s, b 0.8s); not divided by speed"`
	Strict        *bool    `yaml:"strict,omitempty" doc:"fail a request when no instance has the wanted version"`

	PreStop   *string  `yaml:"preStop,omitempty" doc:"shell command of the preStop hook; none removes the manifest's hook"`
	Grace     Duration `yaml:"grace,omitempty" doc:"terminationGracePeriodSeconds"`
	Replicas  *int     `yaml:"replicas,omitempty"`
	Readiness *Probe   `yaml:"readiness,omitempty" doc:"readiness probe; none removes the manifest's"`

	Switches          map[string]string `yaml:"switches,omitempty" doc:"settings of MSE, Polaris and Dubbo by their own names, as if set by labels"`
	InitialPods       string            `yaml:"initialPods,omitempty" former:"begins" enum:"warm,cold" doc:"whether the pods at the start of the run are warm (default) or cold, like pods created later"`
	RegisterAt        string            `yaml:"registerAt,omitempty" former:"registers" formerValues:"when-listening=listening,too-early=process-start" enum:"listening,process-start" doc:"when an instance registers: once it listens (default), or as soon as its process runs, before it can serve"`
	ClockSkew         Offset            `yaml:"clockSkew,omitempty" doc:"how far the clock is ahead when computing the age of instances (-30s: behind)"`
	StartupTime       Duration          `yaml:"startupTime,omitempty" former:"startUp" most:"1h" doc:"time from process start to listening"`
	RegisterDelay     Duration          `yaml:"registerDelay,omitempty" former:"delay" most:"1h" doc:"time from listening to registering; replaces a health path, too"`
	Work              Duration          `yaml:"work,omitempty" doc:"simulated processing time of a request"`
	ColdStartCost     Duration          `yaml:"coldStartCost,omitempty" former:"coldCost" doc:"additional processing time of the first request; decreases with every request served"`
	ColdStartRequests *int              `yaml:"coldStartRequests,omitempty" former:"coldCount" doc:"number of requests until the additional processing time is gone"`
	Workers           *int              `yaml:"workers,omitempty" doc:"requests processed at the same time"`
	Queue             *int              `yaml:"queue,omitempty" doc:"requests that can wait for a worker; further ones are answered with 503"`
}

// Probe overrides a readiness probe.
type Probe struct {
	None      bool     `yaml:"-" json:"-"` // written as none
	TCPSocket int      `yaml:"tcpSocket,omitempty" doc:"port"`
	HTTPGet   string   `yaml:"httpGet,omitempty" doc:"port and path, for example 55199/readiness"`
	Period    Duration `yaml:"period,omitempty" default:"1s"`
}

// Stream is a stream of requests.
type Stream struct {
	Name        string            `yaml:"name" doc:"unique name"`
	Arm         string            `yaml:"arm,omitempty" doc:"side of the comparison (default: the tag, or base)"`
	Tag         string            `yaml:"tag,omitempty" doc:"requested version (default: base)"`
	Rate        Rate              `yaml:"rate" doc:"requests per second, minute or hour, for example 100/s"`
	Request     Request           `yaml:"request,omitempty" default:"GET /A/a" doc:"method and path"`
	Connections string            `yaml:"connections,omitempty" enum:"keep-alive,new" doc:"reuse connections (default), or open one for each request"`
	Header      map[string]string `yaml:"header,omitempty" doc:"request headers; ${NAME} is replaced by the environment variable, whose value is not recorded"`
	Body        string            `yaml:"body,omitempty" doc:"body of a POST request"`
	Timeout     Duration          `yaml:"timeout,omitempty" default:"2.5s"`
	Spread      string            `yaml:"spread,omitempty" enum:"even" doc:"distribution of the send times"`
	Start       Duration          `yaml:"start,omitempty" doc:"offset from the start of the run"`
	Duration    Duration          `yaml:"duration,omitempty" doc:"duration of the stream (default: until the end of the run)"`

	Workload       string  `yaml:"workload,omitempty" doc:"an external Deployment (role plain), reached through its Service"`
	URL            BaseURL `yaml:"url,omitempty" doc:"with a target: base URL, if different from the target's"`
	OK             *Answer `yaml:"ok,omitempty" doc:"which responses of an external service are successful (default: 2xx)"`
	InstanceHeader string  `yaml:"instanceHeader,omitempty" doc:"response header with the name or address of the pod that responded"`
}

// Step is an action at a time or after an event. Exactly one of the verbs is
// set; its value is a workload.
type Step struct {
	Name  string    `yaml:"name,omitempty"`
	At    *Duration `yaml:"at,omitempty" doc:"offset from the start of the run"`
	After After     `yaml:"after,omitempty" doc:"event of a workload or arm, for example gray.deregistered + 200ms"`

	Scale   string `yaml:"scale,omitempty" doc:"workload to scale; requires to or restore"`
	To      *int   `yaml:"to,omitempty" doc:"number of replicas"`
	Restore bool   `yaml:"restore,omitempty" former:"back" doc:"scale back to the initial number of replicas, instead of to"`
	Restart string `yaml:"restart,omitempty" doc:"workload to restart, as kubectl rollout restart does"`
	Image   string `yaml:"image,omitempty" doc:"workload whose image is changed, as kubectl set image does; requires ref"`
	Ref     string `yaml:"ref,omitempty" doc:"image reference, for example example.com/spring-cloud-b:2"`
	Pause   string `yaml:"pause,omitempty" doc:"workload whose rollouts are paused, as kubectl rollout pause does"`
	Resume  string `yaml:"resume,omitempty" doc:"workload whose rollouts are resumed, as kubectl rollout resume does"`
	Kill    string `yaml:"kill,omitempty" doc:"workload whose pods are killed without a grace period"`
	Pods    *int   `yaml:"pods,omitempty" doc:"number of pods to kill (default: 1)"`
	Drain   string `yaml:"drain,omitempty" doc:"workload whose node is cordoned and drained; requires runtime kube"`

	Rule *Rule `yaml:"rule,omitempty" doc:"rule that replaces the governance rule of the same service and version"`

	// Verbs that are not supported yet: named here for a clear error message.
	Fault  *Unsupported `yaml:"fault,omitempty" doc:"not supported yet"`
	Apply  *Unsupported `yaml:"apply,omitempty" doc:"not supported yet"`
	Delete *Unsupported `yaml:"delete,omitempty" doc:"not supported yet"`
	Check  *Unsupported `yaml:"check,omitempty" doc:"not supported yet"`
}

// Unsupported is a field whose content is not decoded.
type Unsupported struct{}

// Expectation is an expected result.
type Expectation struct {
	Name   string         `yaml:"name,omitempty" doc:"name of the JUnit test case"`
	Arm    string         `yaml:"arm"`
	Metric string         `yaml:"metric" formerValues:"maxSuccessGap=longestOutage" enum:"lost,ok,sent,unsent,masked,unexplained,releases,staleRoute,longestOutage,p50,p99,max,timeouts,earlyRequests,readyBeforeRegistered,warmupExponent,warmupFit,warmShareSpread,governed"`
	Is     StringOrNumber `yaml:"is" doc:"0, \">= 10\", \"<= 5ms\", 23..31 or predicted"`
	Role   string         `yaml:"role,omitempty" enum:"gate,contrast,info" default:"gate" doc:"consequence if not met: gate fails the run, contrast makes it invalid, info has none"`
	Why    string         `yaml:"why,omitempty"`
	Stream string         `yaml:"stream,omitempty" doc:"count this stream only"`
	Hop    string         `yaml:"hop,omitempty" doc:"count failures of this hop only, for example a->b"`
	Class  StringList     `yaml:"class,omitempty" doc:"count these root causes only"`
	Window string         `yaml:"window,omitempty" doc:"count losses explained by this window only; for p50, p99 and max: warmup"`

	parsed expect.Expectation
}

// Parsed returns the parsed expectation, with its line.
func (e Expectation) Parsed() expect.Expectation { return e.parsed }

// Line returns the line of path (spec.load[0].rate) or of its nearest parent; 0
// for a Scenario that was not read from a file.
func (s *Scenario) Line(path string) int {
	for path != "" {
		if n, ok := s.lines[path]; ok {
			return n
		}
		path = parent(path)
	}
	return 0
}

// Problem returns a Problem located at path.
func (s *Scenario) Problem(path, text, hint string) input.Problem {
	return input.Problem{File: s.File, Line: s.Line(path), Text: text, Hint: hint}
}
