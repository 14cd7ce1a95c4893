package spec

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"zeroloss/loadgen/traffic"
)

// Target is a service that is deployed already: a Deployment and the URL of its
// service. It does not contain zeroloss.
type Target struct {
	Namespace      string   `yaml:"namespace" doc:"namespace of the Deployment"`
	Deployment     string   `yaml:"deployment" doc:"name of the Deployment; steps refer to it"`
	URL            BaseURL  `yaml:"url,omitempty" doc:"base URL of the load, for example http://orders.example:8080"`
	OK             *Answer  `yaml:"ok,omitempty" doc:"which responses are successful (default: 2xx)"`
	InstanceHeader string   `yaml:"instanceHeader,omitempty" doc:"response header with the name or address of the pod that responded"`
	Observe        bool     `yaml:"observe,omitempty" doc:"only observe: someone else releases the target during the run"`
	Settle         Duration `yaml:"settle,omitempty" doc:"with observe: end the run this long after the release is complete, at the latest after time.duration"`
	Nacos          *Nacos   `yaml:"nacos,omitempty" doc:"registry in which the target is registered; its changes are recorded"`
	Change         Patch    `yaml:"change,omitempty" doc:"strategic merge patch of the Deployment to evaluate. Runs without it (arm before) and with it (arm after) take turns; each run reverts it"`
}

// Nacos is a registry in which a target is registered.
type Nacos struct {
	Address   string `yaml:"address" doc:"host:port"`
	Service   string `yaml:"service" doc:"name of the target in the registry"`
	Group     string `yaml:"group,omitempty" default:"DEFAULT_GROUP"`
	Namespace string `yaml:"namespace,omitempty" doc:"ID of the registry's namespace (default: public)"`
}

// Answer tells which responses are successful. The status is evaluated from the
// record; the conditions on the body are evaluated while the load is sent, since
// bodies are not recorded: judge cannot change them later.
type Answer struct {
	Status   StringList     `yaml:"status,omitempty" doc:"status codes or ranges: 204, 2xx, 200-204 (default: 2xx)"`
	JSONPath string         `yaml:"jsonPath,omitempty" doc:"JSONPath (RFC 9535) that must select a value other than null and false"`
	Equals   StringOrNumber `yaml:"equals,omitempty" doc:"expected value of everything that jsonPath selects"`
	Match    string         `yaml:"match,omitempty" doc:"regular expression (RE2) that the body must match"`
}

// Traffic converts a to the load generator's type. Invalid parts are left out:
// they were reported before.
func (a *Answer) Traffic() *traffic.Answer {
	if a == nil {
		return nil
	}
	out := &traffic.Answer{JSONPath: a.JSONPath, Equals: string(a.Equals), Match: a.Match}
	for _, s := range a.Status {
		if r, err := traffic.ParseStatusRange(s); err == nil {
			out.Status = append(out.Status, r)
		}
	}
	return out
}

// BaseURL is the scheme, the host and an optional path prefix of requests.
type BaseURL string

// UnmarshalText parses http://host:port, or https.
func (u *BaseURL) UnmarshalText(b []byte) error {
	s := strings.TrimRight(string(b), "/")
	p, err := url.Parse(s)
	switch {
	case err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https":
		return newValueError("write http://HOST:PORT, as in http://orders.example:8080", "invalid URL %q", string(b))
	case p.RawQuery != "" || p.Fragment != "" || p.User != nil:
		return newValueError("move the query to request: GET /path?x=y", "URL %q must consist of scheme, host and path only", string(b))
	}
	*u = BaseURL(s)
	return nil
}

// MarshalText returns the URL.
func (u BaseURL) MarshalText() ([]byte, error) { return []byte(u), nil }

// target checks the target and copies its settings to the streams that do not
// override them.
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
		c.problem("spec.manifests", "a scenario cannot have both manifests and a target", "remove manifests: the target is deployed already")
	}
	if len(c.s.Spec.Set) > 0 {
		c.problem("spec.set", "set cannot be used with a target: it overrides manifests", "use target.change")
	}
	c.change(t)
	if t.Settle > 0 && !t.Observe {
		c.problem("spec.target.settle", "settle is only valid with observe", "a run with steps ends after time.duration")
	}
	if t.Observe && len(c.s.Spec.Steps) > 0 {
		c.problem("spec.steps", "a target with observe cannot have steps", "remove one of them")
	}
	c.answer(path+".ok", t.OK)
	c.header(path+".instanceHeader", t.InstanceHeader)
	if n := t.Nacos; n != nil {
		orWord(&n.Group, "DEFAULT_GROUP")
		for _, f := range []struct{ name, value string }{{"address", n.Address}, {"service", n.Service}} {
			if f.value == "" {
				c.missing(path+".nacos", f.name, "the registry has no "+f.name, "for example nacos: {address: nacos.example:8848, service: orders}")
			}
		}
	}
	for i := range c.s.Spec.Load {
		s := &c.s.Spec.Load[i]
		at := fmt.Sprintf("spec.load[%d]", i)
		if s.Workload != "" && s.Workload != t.Deployment {
			c.problem(at+".workload", "workload must be the target", "omit it")
		}
		s.Workload = t.Deployment
		if s.URL == "" {
			s.URL = t.URL
		}
		if s.URL == "" {
			c.missing(path, "url", "neither the target nor stream "+s.Name+" has a url", "add url: http://orders.example:8080")
		}
		if s.OK == nil {
			s.OK = t.OK
		}
		if s.InstanceHeader == "" {
			s.InstanceHeader = t.InstanceHeader
		}
	}
}

// urls rejects URLs without a target: a run knows the addresses of the services
// that it creates.
func (c *checker) urls() {
	for i, s := range c.s.Spec.Load {
		if s.URL != "" {
			c.problem(fmt.Sprintf("spec.load[%d].url", i), "url is only valid with a target", "a workload of the manifests is reached through its Service")
		}
	}
}

// external checks the fields that are only valid for streams to external services.
func (c *checker) external(path string, s *Stream) {
	c.answer(path+".ok", s.OK)
	c.header(path+".instanceHeader", s.InstanceHeader)
	if s.Workload != "" || c.s.Spec.Target != nil {
		if s.Tag != "" {
			c.problem(path+".tag", "tag cannot be used with an external service", "send a header instead, such as header: {X-Version: "+s.Tag+"}")
		}
		return
	}
	if s.OK != nil {
		c.problem(path+".ok", "ok is only valid with an external service: responses of the demo services are verified completely", "name the external service in workload")
	}
	if s.InstanceHeader != "" {
		c.problem(path+".instanceHeader", "instanceHeader is only valid with an external service: demo services report their instances", "name the external service in workload")
	}
}

func (c *checker) header(path, name string) {
	if name != "" && (strings.ContainsAny(name, " \t:") || http.CanonicalHeaderKey(name) == "") {
		c.problem(path, fmt.Sprintf("invalid header name %q", name), "for example X-Pod")
	}
}

func (c *checker) answer(path string, a *Answer) {
	if a == nil || c.bad[path] {
		return
	}
	for _, s := range a.Status {
		if _, err := traffic.ParseStatusRange(s); err != nil {
			c.problem(path+".status", err.Error(), "for example 204, 2xx or 200-204")
		}
	}
	// One after the other, so that each is reported with its own line.
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
		c.problem(path+".equals", "equals requires jsonPath", "for example {jsonPath: $.status, equals: UP}")
	}
}

func orWord(s *string, v string) {
	if *s == "" {
		*s = v
	}
}
