// Package settings is what a service is told: one typed, versioned document.
// The harness writes it, resolving the switches of MSE, EDAS and Polaris; the
// service reads it and nothing else of its surroundings.
//
// It knows no manifest and no switch's name; it holds values that are ready
// to be used, already divided by the scenario's speed.
package settings

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Schema is the document's format.
const Schema = "zeroloss.settings/v1"

// Env is the environment variable that carries the document's path (with a
// leading '@') or the document itself (JSON).
const Env = "ZEROLOSS_SETTINGS"

// Document is all that one container's start is told.
type Document struct {
	Schema  string `json:"schema"`
	Version int    `json:"version"` // of the rules; the highest one wins

	// Who it is.
	Role        string `json:"role"`        // gateway, a, b, c
	Pod         string `json:"pod"`         // unique in a run
	Incarnation int    `json:"incarnation"` // from 1; 0: counted by a file in Dir, which outlives the container
	Workload    string `json:"workload"`    // the Deployment's name
	Service     string `json:"service"`     // its name in the registry
	Tag         string `json:"tag"`         // version; "" is base

	// Where it is.
	IP        string  `json:"ip"`        // its own address; the business port binds it
	Port      int     `json:"port"`      // business port
	AdminPort int     `json:"adminPort"` // of ours: settings, notices (POST /notify), state; binds IP
	MSE       MSE     `json:"mse"`
	Polaris   Polaris `json:"polaris"`
	Events    string  `json:"events"`   // "fd:N" of an inherited file opened for append, "tcp:HOST:PORT" of a collector, or a path; "" is standard error
	ParentFD  int     `json:"parentFD"` // a pipe whose end means that the harness is gone; 0 is none
	Dir       string  `json:"dir"`      // for the SDK's cache and logs; removed with the run

	Registry Registry `json:"registry"`
	Next     string   `json:"next"` // registry name of the service it calls; "" for the last of the chain

	Offline  Offline  `json:"offline"`
	Online   Online   `json:"online"`
	Consumer Consumer `json:"consumer"`
	Work     Work     `json:"work"`
	Call     Call     `json:"call"`
	Lane     Lane     `json:"lane"`
	Seed     uint64   `json:"seed"` // of the random balancer and of jitter
}

// MSE opens the ports of the MSE and EDAS family.
type MSE struct {
	On            bool `json:"on"`            // governed by the family at all
	OfflinePort   int  `json:"offlinePort"`   // 54199 on 127.0.0.1 and IP; 0 is closed
	ReadinessPort int  `json:"readinessPort"` // 55199; 0 is closed
}

// Polaris opens the port of the Polaris family.
type Polaris struct {
	On        bool `json:"on"`
	AdminPort int  `json:"adminPort"` // 28080; 0 is closed
	// NoReadiness: a rule has switched readiness off; it answers 404.
	NoReadiness bool `json:"noReadiness,omitempty"`
}

// Registry is where the Nacos server is.
type Registry struct {
	Host      string        `json:"host"`
	Port      int           `json:"port"`      // HTTP
	GRPCPort  int           `json:"grpcPort"`  // 0 is Port + 1000
	PushDelay time.Duration `json:"pushDelay"` // what the server waits before it pushes: bounds of the drain use it
}

// Ways to go offline.
const (
	Lossless        = "lossless"         // marker, deregister, verify, adaptive wait, close
	DeregisterFirst = "deregister-first" // on TERM: deregister, then close at once
	CloseFirst      = "close-first"      // on TERM: close gracefully, then deregister
	Kill            = "kill"             // on TERM: exit at once, deregistering nothing
	Reject          = "reject"           // as lossless, but 503 for all that comes after deregistering
)

// Offline says how the instance goes.
type Offline struct {
	Mode           string        `json:"mode"`           // one of the constants above; "" is deregister-first
	Notify         bool          `json:"notify"`         // tell each consumer seen lately
	NoWait         bool          `json:"noWait"`         // adaptive wait off: only the hook's sleep protects
	MinWait        time.Duration `json:"minWait"`        // from /offline; 0 is push delay + 1 s
	Quiet          time.Duration `json:"quiet"`          // nothing came for so long; 0 is 1 s
	Cap            time.Duration `json:"cap"`            // of the whole wait, from TERM or /offline, whichever came first; 0 is 30 s
	Grace          time.Duration `json:"grace"`          // of the pod; the wait ends 1 s before it
	VerifyFor      time.Duration `json:"verifyFor"`      // bound of verify; 0 is 5 s
	ConsumerMemory time.Duration `json:"consumerMemory"` // a consumer unseen for longer is not notified; 0 is 60 s
}

// Online says how the instance comes.
type Online struct {
	// Aged: it has been in service for long. Start-up, delay, warm-up and cold
	// start lie behind it.
	Prewarmed bool `json:"prewarmed,omitempty"`
	// Early registers as soon as the process runs, before it can serve: what
	// nobody should do, and some frameworks did.
	Early bool `json:"early,omitempty"`

	StartUp     time.Duration `json:"startUp"`     // before it listens
	Delay       time.Duration `json:"delay"`       // listening to registering
	HealthPath  string        `json:"healthPath"`  // register once this answers 2xx; "" is by delay
	HealthEvery time.Duration `json:"healthEvery"` // 0 is 5 s
	Warmup      Warmup        `json:"warmup"`      // travels in the registry's metadata
}

// Warmup is a curve for consumers to follow; Window 0 is none.
type Warmup struct {
	Model  string        `json:"model"` // of package warmup
	Curve  float64       `json:"curve"` // its parameter; 0 is its own
	Window time.Duration `json:"window"`
}

// Kinds of a consumer's cache.
const (
	CachePush   = "push"   // the SDK's callback
	CachePoll30 = "poll30" // Ribbon: first at 1 s, then each 30 s
	CacheTTL35  = "ttl35"  // Spring Cloud LoadBalancer: 35 s from the fill
)

// Balancers.
const (
	RoundRobin = "round-robin" // smooth and weighted
	Random     = "random"      // weighted, seeded
)

// Consumer says how the instance sees and picks those it calls.
type Consumer struct {
	Ungoverned        bool          `json:"ungoverned"`    // no marks, no weights, no lanes
	Cache             string        `json:"cache"`         // "" is push
	CacheFirst        time.Duration `json:"cacheFirst"`    // poll30: first refresh; 0 is 1 s
	CachePeriod       time.Duration `json:"cachePeriod"`   // 0 is 30 s (poll30) or 35 s (ttl35)
	Balancer          string        `json:"balancer"`      // "" is round-robin
	MarkTTL           time.Duration `json:"markTTL"`       // 0 is 120 s
	KeepWhenEmpty     bool          `json:"keepWhenEmpty"` // the SDK's UpdateCacheWhenEmpty=false
	RetryNextInstance bool          `json:"retryNextInstance"`
	ClockSkew         time.Duration `json:"clockSkew,omitempty"` // its clock is ahead by so much, where it reckons the ages of others
}

// Work is what a request costs here.
type Work struct {
	Duration  time.Duration `json:"duration"`  // of each request
	ColdCost  time.Duration `json:"coldCost"`  // extra of the very first, falling with the requests served
	ColdCount int           `json:"coldCount"` // requests until the extra is gone
	Workers   int           `json:"workers"`   // 0 is 64
	Queue     int           `json:"queue"`     // 0 is 256; beyond it 503
}

// Call bounds the calls of the next service.
type Call struct {
	Timeout        time.Duration `json:"timeout"`        // of the whole call; 0 is by role: gateway 1.8 s, a 1.2 s, b 0.8 s
	Dial           time.Duration `json:"dial"`           // 0 is 0.3 s
	NewConnections bool          `json:"newConnections"` // no keep-alive towards the next service
}

// Lane says what tags mean here.
type Lane struct {
	Strict   bool `json:"strict"`   // no instance of the tag is an error
	TraceTag bool `json:"traceTag"` // what leaves a tagged instance carries its tag
}

// Parse reads a document, strictly.
func Parse(b []byte) (Document, error) {
	var d Document
	if err := strict(b, &d); err != nil {
		return d, fmt.Errorf("reading settings: %w", err)
	}
	if d.Schema != Schema {
		return d, fmt.Errorf("reading settings: schema %q, want %q", d.Schema, Schema)
	}
	if err := d.Check(); err != nil {
		return d, fmt.Errorf("reading settings: %w", err)
	}
	return d, nil
}

// Check refuses words that are none of the constants above: a service that
// took one for its default would be another than the one that was asked for.
func (d Document) Check() error {
	for _, c := range []struct {
		what, word string
		known      []string
	}{
		{"way to go offline", d.Offline.Mode, []string{Lossless, DeregisterFirst, CloseFirst, Kill, Reject}},
		{"cache", d.Consumer.Cache, []string{CachePush, CachePoll30, CacheTTL35}},
		{"balancer", d.Consumer.Balancer, []string{RoundRobin, Random}},
	} {
		if c.word != "" && !slices.Contains(c.known, c.word) {
			return fmt.Errorf("unknown %s %q: one of %s", c.what, c.word, strings.Join(c.known, ", "))
		}
	}
	return nil
}

// JSON writes it.
func (d Document) JSON() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
