package spec

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"zeroloss/loadgen/traffic"
)

// Target is a service that is there already: a Deployment, and a URL by which
// it is reached. Nothing of ours is in it.
type Target struct {
	Namespace      string   `yaml:"namespace" doc:"of the Deployment"`
	Deployment     string   `yaml:"deployment" doc:"its name, by which steps know it"`
	URL            BaseURL  `yaml:"url,omitempty" doc:"where the load goes, as http://orders.example:8080"`
	OK             *Answer  `yaml:"ok,omitempty" doc:"what a good answer is; 2xx by default"`
	InstanceHeader string   `yaml:"instanceHeader,omitempty" doc:"the header in which an answer names the pod that gave it, or its address"`
	Observe        bool     `yaml:"observe,omitempty" doc:"nothing is done to it: somebody else releases it meanwhile"`
	Settle         Duration `yaml:"settle,omitempty" doc:"with observe: the run ends once the release has been over for so long, at the latest at its duration"`
	Nacos          *Nacos   `yaml:"nacos,omitempty" doc:"a registry in which it is listed; its changes are written down"`
	Change         Patch    `yaml:"change,omitempty" doc:"what to try: a strategic merge patch of the Deployment. Runs without it (arm before) and with it (arm after) take turns; it is taken back each time"`
}

// Nacos is a registry in which a target is listed.
type Nacos struct {
	Address   string `yaml:"address" doc:"host:port"`
	Service   string `yaml:"service" doc:"name of the target there"`
	Group     string `yaml:"group,omitempty" default:"DEFAULT_GROUP"`
	Namespace string `yaml:"namespace,omitempty" doc:"id of the registry's namespace; the public one by default"`
}

// Answer is what a good answer is. The status is judged from the record; what
// is said of the body is applied by the generator as answers come, as bodies
// are not kept: judge cannot change it later.
type Answer struct {
	Status   StringList     `yaml:"status,omitempty" doc:"codes or ranges: 204, 2xx, 200-204; 2xx by default"`
	JSONPath string         `yaml:"jsonPath,omitempty" doc:"RFC 9535; it has to select something that is neither null nor false"`
	Equals   StringOrNumber `yaml:"equals,omitempty" doc:"what each value is that jsonPath selects"`
	Match    string         `yaml:"match,omitempty" doc:"regular expression (RE2) that the body matches"`
}

// Traffic is a in the words of the generator; nil is nil. What is wrong with it
// has been told before.
func (a *Answer) Traffic() *traffic.Answer {
	if a == nil {
		return nil
	}
	out := &traffic.Answer{JSONPath: a.JSONPath, Equals: string(a.Equals), Match: a.Match}
	for _, s := range a.Status {
		if r, err := traffic.ParseStatuses(s); err == nil {
			out.Status = append(out.Status, r)
		}
	}
	return out
}

// BaseURL is where requests go: scheme, host, and perhaps a path before theirs.
type BaseURL string

// UnmarshalText reads http://host:port, or https.
func (u *BaseURL) UnmarshalText(b []byte) error {
	s := strings.TrimRight(string(b), "/")
	p, err := url.Parse(s)
	switch {
	case err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https":
		return newValueError("write http://orders.example:8080", "URL %q is none", string(b))
	case p.RawQuery != "" || p.Fragment != "" || p.User != nil:
		return newValueError("a request says the rest: GET /path?x=y", "URL %q is more than scheme, host and path", string(b))
	}
	*u = BaseURL(s)
	return nil
}

// MarshalText writes it as it is.
func (u BaseURL) MarshalText() ([]byte, error) { return []byte(u), nil }

// target checks what a scenario attaches to, and hands its words down to the
// streams that have none of their own.
func (c *checker) target() {
	t := c.s.Spec.Target
	if t == nil {
		c.urls()
		return
	}
	const path = "spec.target"
	for _, f := range []struct{ name, value string }{{"namespace", t.Namespace}, {"deployment", t.Deployment}} {
		if f.value == "" {
			c.missing(path, f.name, "the target has no "+f.name, "add "+f.name+": NAME")
		}
	}
	if len(c.s.Spec.Manifests) > 0 {
		c.problem("spec.manifests", "a scenario has manifests or a target, not both", "the target is there already")
	}
	if len(c.s.Spec.Set) > 0 {
		c.problem("spec.set", "set changes manifests: a target is as it is", "")
	}
	c.change(t)
	if t.Settle > 0 && !t.Observe {
		c.problem("spec.target.settle", "settle waits for a release of somebody else's: it belongs to observe", "what steps do is over at the run's duration")
	}
	if t.Observe && len(c.s.Spec.Steps) > 0 {
		c.problem("spec.steps", "observe does nothing to the target, and these steps would", "leave out one of them")
	}
	c.answer(path+".ok", t.OK)
	c.header(path+".instanceHeader", t.InstanceHeader)
	if n := t.Nacos; n != nil {
		orWord(&n.Group, "DEFAULT_GROUP")
		for _, f := range []struct{ name, value string }{{"address", n.Address}, {"service", n.Service}} {
			if f.value == "" {
				c.missing(path+".nacos", f.name, "the registry has no "+f.name, "as nacos: {address: nacos.example:8848, service: orders}")
			}
		}
	}
	for i := range c.s.Spec.Load {
		s := &c.s.Spec.Load[i]
		at := fmt.Sprintf("spec.load[%d]", i)
		if s.Workload != "" && s.Workload != t.Deployment {
			c.problem(at+".workload", "the load goes to the target", "leave it out")
		}
		s.Workload = t.Deployment
		if s.URL == "" {
			s.URL = t.URL
		}
		if s.URL == "" {
			c.missing(path, "url", "the target has no url, and stream "+s.Name+" none of its own", "as url: http://orders.example:8080")
		}
		if s.OK == nil {
			s.OK = t.OK
		}
		if s.InstanceHeader == "" {
			s.InstanceHeader = t.InstanceHeader
		}
	}
}

// urls belong to a target: what a run makes itself, it finds itself.
func (c *checker) urls() {
	for i, s := range c.s.Spec.Load {
		if s.URL != "" {
			c.problem(fmt.Sprintf("spec.load[%d].url", i), "url belongs to a scenario with a target", "a workload of the manifests is reached by its Service")
		}
	}
}

// foreign checks what only streams to a service that is none of ours have.
func (c *checker) foreign(path string, s *Stream) {
	c.answer(path+".ok", s.OK)
	c.header(path+".instanceHeader", s.InstanceHeader)
	if s.Workload != "" || c.s.Spec.Target != nil {
		if s.Tag != "" {
			c.problem(path+".tag", "a service that is none of ours knows no tags", "write header: {X-Version: "+s.Tag+"}")
		}
		return
	}
	if s.OK != nil {
		c.problem(path+".ok", "ok is of a service that is none of ours: the chain's answers are checked whole", "name it by workload")
	}
	if s.InstanceHeader != "" {
		c.problem(path+".instanceHeader", "instanceHeader is of a service that is none of ours: the chain tells its trail", "name it by workload")
	}
}

func (c *checker) header(path, name string) {
	if name != "" && (strings.ContainsAny(name, " \t:") || http.CanonicalHeaderKey(name) == "") {
		c.problem(path, fmt.Sprintf("%q is no header's name", name), "as X-Pod")
	}
}

func (c *checker) answer(path string, a *Answer) {
	if a == nil || c.bad[path] {
		return
	}
	for _, s := range a.Status {
		if _, err := traffic.ParseStatuses(s); err != nil {
			c.problem(path+".status", err.Error(), "as 204, 2xx or 200-204")
		}
	}
	// One after the other, so that each is told where it stands.
	for _, x := range []struct {
		field string
		rule  traffic.Answer
	}{
		{"jsonPath", traffic.Answer{JSONPath: a.JSONPath}},
		{"match", traffic.Answer{Match: a.Match}},
	} {
		if _, err := x.rule.Compile(); err != nil {
			c.problem(path+"."+x.field, err.Error(), "")
		}
	}
	if a.Equals != "" && a.JSONPath == "" {
		c.problem(path+".equals", "equals belongs to a jsonPath", "as {jsonPath: $.status, equals: UP}")
	}
}

func orWord(s *string, v string) {
	if *s == "" {
		*s = v
	}
}
