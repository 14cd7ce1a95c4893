// Package settings holds the settings of a demo service: one typed, versioned
// document. The harness writes it, after resolving the switches of MSE, EDAS and
// Polaris. The service reads it and nothing else from its environment. The
// defaults are in defaults.go, and what can change at run time in rules.go.
//
// The package may not know manifests or the names of switches. Its values are
// ready for use: durations are already divided by the scenario's speed.
package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schema identifies the format of the document.
const Schema = "zeroloss.settings/v2"

// Env is the environment variable that holds the document as JSON, or '@' and the
// path of a file with it.
const Env = "ZEROLOSS_SETTINGS"

// Document is the settings of one start of a container.
type Document struct {
	Schema  string `json:"schema"`
	Version int    `json:"version"` // of the rules; the highest version wins

	// Identity.
	Role        string `json:"role"`        // gateway, a, b, c
	Pod         string `json:"pod"`         // unique in a run
	Incarnation int    `json:"incarnation"` // from 1; 0: counted in a file in Dir, which outlives the container
	Workload    string `json:"workload"`    // the Deployment's name
	Service     string `json:"service"`     // name in the registry
	Tag         string `json:"tag"`         // version; "" is the base version

	// Addresses and destinations.
	IP        string  `json:"ip"`        // of the pod; the business port binds it
	Port      int     `json:"port"`      // business port
	AdminPort int     `json:"adminPort"` // our own: rules, notices (POST /notify), state; binds IP
	MSE       MSE     `json:"mse"`
	Polaris   Polaris `json:"polaris"`
	Events    string  `json:"events"`   // "fd:N" (an inherited file opened for append), "tcp:HOST:PORT" (a collector), or a path; "" is standard error
	ParentFD  int     `json:"parentFD"` // a pipe that ends when the harness exits; 0 is none
	Dir       string  `json:"dir"`      // for the cache of the registry's SDK; removed with the run

	Registry Registry `json:"registry"`
	Next     string   `json:"next"` // registry name of the service that it calls; "" at the end of the chain

	Offline  Offline  `json:"offline"`
	Online   Online   `json:"online"`
	Consumer Consumer `json:"consumer"`
	Work     Work     `json:"work"`
	Call     Call     `json:"call"`
	Lane     Lane     `json:"lane"`
	Seed     uint64   `json:"seed"` // of the random balancer and of jitter
}

// MSE configures the ports of MSE and EDAS.
type MSE struct {
	On            bool `json:"on"`            // governed by MSE or EDAS
	OfflinePort   int  `json:"offlinePort"`   // 54199, on 127.0.0.1 and IP; 0 is closed
	ReadinessPort int  `json:"readinessPort"` // 55199; 0 is closed
}

// Polaris configures the port of Polaris.
type Polaris struct {
	On        bool `json:"on"`
	AdminPort int  `json:"adminPort"` // 28080; 0 is closed
	// NoReadiness: a rule disables the readiness paths, which then answer 404.
	NoReadiness bool `json:"noReadiness,omitempty"`
}

// Registry is the address of the Nacos server.
type Registry struct {
	Host      string        `json:"host"`
	Port      int           `json:"port"`      // HTTP
	GRPCPort  int           `json:"grpcPort"`  // 0 is Port + 1000
	PushDelay time.Duration `json:"pushDelay"` // of the server; the drain waits for it
}

// Offline modes: the order in which an instance shuts down.
const (
	Lossless        = "lossless"         // marker, deregister, verify, adaptive wait, close
	DeregisterFirst = "deregister-first" // on TERM: deregister, then close at once
	CloseFirst      = "close-first"      // on TERM: close gracefully, then deregister
	Kill            = "kill"             // on TERM: exit at once, deregistering nothing
	Reject          = "reject"           // as lossless, but 503 for all that comes after deregistering
)

// Offline configures how the instance goes offline and shuts down.
type Offline struct {
	Mode           string        `json:"mode"`           // one of the constants above; "" is deregister-first
	Notify         bool          `json:"notify"`         // notify the consumers that called lately
	NoWait         bool          `json:"noWait"`         // disable the adaptive wait: only the preStop hook's sleep protects
	MinWait        time.Duration `json:"minWait"`        // shortest wait after /offline; 0 is the push delay + 1 s
	QuietPeriod    time.Duration `json:"quietPeriod"`    // the wait ends when no request came for so long; 0 is 1 s
	DrainTimeout   time.Duration `json:"drainTimeout"`   // longest wait after TERM or /offline, whichever came first; 0 is 30 s
	Grace          time.Duration `json:"grace"`          // grace period of the pod; the wait ends 1 s before it does
	VerifyTimeout  time.Duration `json:"verifyTimeout"`  // of the check that the registry no longer lists the instance; 0 is 5 s
	ConsumerMemory time.Duration `json:"consumerMemory"` // consumers that have not called for longer are not notified; 0 is 60 s
}

// Online configures how the instance comes into service.
type Online struct {
	// Prewarmed: the instance acts as if it had been in service for a long time.
	// Start-up time, delay, warm-up and cold start are over.
	Prewarmed bool `json:"prewarmed,omitempty"`
	// Early registers the instance as soon as the process runs, before it can
	// serve. No service should do that, but some frameworks did.
	Early bool `json:"early,omitempty"`

	StartUp     time.Duration `json:"startUp"`     // time before it listens
	Delay       time.Duration `json:"delay"`       // time from listening to registering
	HealthPath  string        `json:"healthPath"`  // register once this path answers 2xx; "": register after Delay
	HealthEvery time.Duration `json:"healthEvery"` // interval of the health probes; 0 is 5 s
	Warmup      Warmup        `json:"warmup"`      // published in the registry's metadata
}

// Warmup is how consumers raise the weight of a new instance; Window 0 is no
// warm-up.
type Warmup struct {
	Model  string        `json:"model"` // of package warmup
	Curve  float64       `json:"curve"` // parameter of the model; 0 is the model's default
	Window time.Duration `json:"window"`
}

// Kinds of a consumer's cache of the instance list.
const (
	CachePush   = "push"   // updated by the SDK's callback
	CachePoll30 = "poll30" // Ribbon: updated after 1 s, then every 30 s
	CacheTTL35  = "ttl35"  // Spring Cloud LoadBalancer: filled by a call, for 35 s
)

// Load balancers.
const (
	RoundRobin = "round-robin" // smooth weighted round robin
	Random     = "random"      // weighted, seeded
)

// Consumer configures how the instance discovers and picks the instances that it
// calls.
type Consumer struct {
	Ungoverned        bool          `json:"ungoverned"`    // no marks, no weights, no lanes
	Cache             string        `json:"cache"`         // "" is push
	CacheFirst        time.Duration `json:"cacheFirst"`    // poll30: first refresh; 0 is 1 s
	CachePeriod       time.Duration `json:"cachePeriod"`   // 0 is 30 s (poll30) or 35 s (ttl35)
	Balancer          string        `json:"balancer"`      // "" is round-robin
	MarkTTL           time.Duration `json:"markTTL"`       // 0 is 120 s
	KeepWhenEmpty     bool          `json:"keepWhenEmpty"` // ignore empty lists: the SDK's UpdateCacheWhenEmpty=false
	RetryNextInstance bool          `json:"retryNextInstance"`
	ClockSkew         time.Duration `json:"clockSkew,omitempty"` // how far its clock is ahead when it computes the ages of others
}

// Work configures how long a request takes.
type Work struct {
	Duration          time.Duration `json:"duration"`          // of each request
	ColdStartCost     time.Duration `json:"coldStartCost"`     // extra time of the first request; it falls linearly
	ColdStartRequests int           `json:"coldStartRequests"` // requests until the extra time is 0
	Workers           int           `json:"workers"`           // requests worked on at the same time; 0 is 64
	Queue             int           `json:"queue"`             // requests that may wait; 0 is 256; further requests get 503
}

// Call configures the calls of the next service.
type Call struct {
	Timeout        time.Duration `json:"timeout"`        // of a whole call; 0 is by role: gateway 1.8 s, a 1.2 s, others 0.8 s
	Dial           time.Duration `json:"dial"`           // timeout of connecting; 0 is 0.3 s
	NewConnections bool          `json:"newConnections"` // one connection for each call (no keep-alive)
}

// Lane configures tag routing (lanes).
type Lane struct {
	Strict   bool `json:"strict"`   // fail if there is no instance with the tag, instead of using the base version
	TraceTag bool `json:"traceTag"` // calls of a tagged instance have its tag
}

// Parse parses and checks a document. Unknown fields are errors.
func Parse(b []byte) (Document, error) {
	var d Document
	if err := strict(b, &d); err != nil {
		return d, fmt.Errorf("parsing settings: %w", err)
	}
	if d.Schema != Schema {
		return d, fmt.Errorf("parsing settings: schema must be %q, got %q", Schema, d.Schema)
	}
	if err := d.Check(); err != nil {
		return d, fmt.Errorf("parsing settings: %w", err)
	}
	return d, nil
}

// Check returns an error for a value that is not one of the constants above. A
// service that fell back to a default would behave unlike the one asked for.
func (d Document) Check() error {
	for _, c := range []struct {
		what, word string
		known      []string
	}{
		{"offline mode", d.Offline.Mode, []string{Lossless, DeregisterFirst, CloseFirst, Kill, Reject}},
		{"cache", d.Consumer.Cache, []string{CachePush, CachePoll30, CacheTTL35}},
		{"balancer", d.Consumer.Balancer, []string{RoundRobin, Random}},
	} {
		if c.word != "" && !slices.Contains(c.known, c.word) {
			return fmt.Errorf("unknown %s %q: must be one of %s", c.what, c.word, strings.Join(c.known, ", "))
		}
	}
	return nil
}

// JSON encodes the document.
func (d Document) JSON() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
