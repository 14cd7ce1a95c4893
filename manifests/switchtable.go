package manifests

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/input"
)

// Switches are the settings of a workload under the vendors' names. A nil
// pointer means that the switch is not set.
type Switches struct {
	// MSE and EDAS.
	Governed         *bool // msePilotAutoEnable
	AppName          string
	Tag              string
	OfflineServer    *bool // /offline on 54199
	HTTPServer       *bool // readiness on 55199
	GracefulShutdown *bool // the whole of lossless offline
	TraceTag         *bool // what leaves a tagged instance carries its tag
	LosslessOnline   *bool // mse.lossless.enable: delay and warm-up
	WarmupTime       *time.Duration
	WarmupCurve      *float64
	DelayTime        *time.Duration
	Notice           *bool

	// Polaris.
	PolarisAgent   *bool // polarismesh.cn/javaagent
	Polaris        *bool // lossless.enabled
	PolarisDelay   *time.Duration
	HealthPath     string
	HealthInterval *time.Duration

	// Dubbo.
	DubboDelay  *time.Duration
	DubboWarmup *time.Duration

	// RegistryAddress is the address of Nacos; "" is the Service nacos-server.
	RegistryAddress string
}

// Switch is a row of the table: a vendor's name and what it sets.
type Switch struct {
	Name string
	Doc  string // for people
	set  func(s *Switches, value string) error
}

// Table maps every name that the vendors have published to its setting. Sources:
// their documentation and demo manifests.
func Table() []Switch {
	return []Switch{
		{"msePilotAutoEnable", "governed by MSE", toggle(func(s *Switches) **bool { return &s.Governed })},
		{"msePilotCreateAppName", "name in the registry", word(func(s *Switches) *string { return &s.AppName })},
		{"alicloud.service.tag", "version", word(func(s *Switches) *string { return &s.Tag })},
		{"micro.service.shutdown.server.enable", "/offline on 54199", toggle(func(s *Switches) **bool { return &s.OfflineServer })},
		{"profiler.micro.service.http.server.enable", "readiness on 55199", toggle(func(s *Switches) **bool { return &s.HTTPServer })},
		{"profiler.micro.service.graceful.shutdown.enable", "lossless offline as a whole", toggle(func(s *Switches) **bool { return &s.GracefulShutdown })},
		{"profiler.micro.service.tag.trace.enable", "requests sent by a tagged instance carry its tag", toggle(func(s *Switches) **bool { return &s.TraceTag })},
		{"mse.lossless.enable", "lossless online: delay and warm-up", toggle(func(s *Switches) **bool { return &s.LosslessOnline })},
		{"mse.lossless.warmupTime", "warm-up window in seconds", span(time.Second, func(s *Switches) **time.Duration { return &s.WarmupTime })},
		{"mse.lossless.funcType", "exponent of the warm-up curve", exponent(func(s *Switches) **float64 { return &s.WarmupCurve })},
		{"mse.lossless.delayTime", "seconds before registering", span(time.Second, func(s *Switches) **time.Duration { return &s.DelayTime })},
		{"mse.lossless.notice", "consumers are notified", toggle(func(s *Switches) **bool { return &s.Notice })},

		{"polarismesh.cn/javaagent", "the Polaris agent is injected", toggle(func(s *Switches) **bool { return &s.PolarisAgent })},
		{"polarismesh.cn/javaagentFrameworkName", "framework; no effect here", nothing},
		{"polarismesh.cn/javaagentFrameworkVersion", "framework's version; no effect here", nothing},
		{"polarismesh.cn/javaagentVersion", "agent's version; no effect here", nothing},
		{polarisConfig, "further switches, as JSON", nothing}, // expanded before the table is used
		{"spring.cloud.polaris.lossless.enabled", "lossless of Polaris", toggle(func(s *Switches) **bool { return &s.Polaris })},
		{"spring.cloud.polaris.lossless.delay-register-interval", "milliseconds before registering", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.PolarisDelay })},
		{"spring.cloud.polaris.lossless.health-check-path", "register once this path answers", rooted(func(s *Switches) *string { return &s.HealthPath })},
		{"spring.cloud.polaris.lossless.health-check-interval", "milliseconds between health checks", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.HealthInterval })},
		{"spring.cloud.polaris.lossless.port", "admin port; only 28080 is supported", only("28080")},

		{"dubbo.provider.delay", "milliseconds before registering", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.DubboDelay })},
		{"dubbo.service.delay", "milliseconds before registering", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.DubboDelay })},
		{"dubbo.provider.warmup", "warm-up window in milliseconds", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.DubboWarmup })},
		{"dubbo.service.warmup", "warm-up window in milliseconds", span(time.Millisecond, func(s *Switches) **time.Duration { return &s.DubboWarmup })},

		{"spring.cloud.nacos.discovery.server-addr", "address of the registry", address},
		{"dubbo.registry.address", "address of the registry", address},
	}
}

// With returns the switches with one more set, as if by a label.
func (s Switches) With(name, value string) (Switches, error) {
	row, ok := findSwitch(name)
	if !ok {
		return s, fmt.Errorf("unknown switch %q (%s)", name, input.DidYouMean(name, switchNames()))
	}
	if err := row.set(&s, value); err != nil {
		return s, fmt.Errorf("%s: %w (%s)", name, err, row.Doc)
	}
	return s, nil
}

// findSwitch returns the row of the table with the name.
func findSwitch(name string) (row Switch, ok bool) {
	table := Table()
	i := slices.IndexFunc(table, func(row Switch) bool { return row.Name == name })
	if i < 0 {
		return Switch{}, false
	}
	return table[i], true
}

const polarisConfig = "polarismesh.cn/javaagentConfig"

// families are prefixes of switches: an unknown one with such a prefix is
// reported.
func families() []string {
	return []string{
		"msePilot", "mse.lossless.", "micro.service.", "profiler.micro.service.", "profile_micro_service_", "alicloud.service.",
		"polarismesh.cn/", "spring.cloud.polaris.", "spring.cloud.nacos.discovery.", "dubbo.provider.", "dubbo.service.", "dubbo.registry.",
	}
}

func family(name string) bool {
	for _, f := range families() {
		if len(name) > len(f) && strings.EqualFold(name[:len(f)], f) {
			return true
		}
	}
	return false
}

func switchNames() []string {
	var names []string
	for _, s := range Table() {
		names = append(names, s.Name)
	}
	return names
}

// Enabled returns the value of a switch; otherwise if it is not set.
func Enabled(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func toggle(field func(*Switches) **bool) func(*Switches, string) error {
	return func(s *Switches, value string) error {
		v := false
		switch strings.ToLower(value) {
		case "true", "on", "enable", "enabled":
			v = true
		case "false", "off", "disable", "disabled":
		default:
			return fmt.Errorf("must be true or false, got %q", value)
		}
		*field(s) = &v
		return nil
	}
}

func word(field func(*Switches) *string) func(*Switches, string) error {
	return func(s *Switches, value string) error {
		if strings.ContainsAny(value, " \t\n\"'") {
			return fmt.Errorf("must not contain blanks or quotes, got %q", value)
		}
		*field(s) = value
		return nil
	}
}

func rooted(field func(*Switches) *string) func(*Switches, string) error {
	return func(s *Switches, value string) error {
		if text, hint := input.CheckPath(value); value != "" && text != "" {
			return fmt.Errorf("path %s; %s", text, hint)
		}
		return word(field)(s, value)
	}
}

// span parses a number of units, without the unit's name.
func span(unit time.Duration, field func(*Switches) **time.Duration) func(*Switches, string) error {
	return func(s *Switches, value string) error {
		const longest = 24 * time.Hour
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("must be a whole number of %s without a unit, got %q", unitName(unit), value)
		}
		if n < 0 || n > int64(longest/unit) {
			return fmt.Errorf("must be between 0 and 24 hours, got %s %s", value, unitName(unit))
		}
		d := time.Duration(n) * unit
		*field(s) = &d
		return nil
	}
}

func unitName(unit time.Duration) string {
	if unit == time.Second {
		return "seconds"
	}
	return "milliseconds"
}

// exponent parses a curve, 1 (linear) to 5.
func exponent(field func(*Switches) **float64) func(*Switches, string) error {
	return func(s *Switches, value string) error {
		c, err := strconv.ParseFloat(value, 64)
		if err != nil || !(c >= 1 && c <= 5) {
			return fmt.Errorf("must be between 1 and 5, got %q", value)
		}
		*field(s) = &c
		return nil
	}
}

func nothing(*Switches, string) error { return nil }

func only(want string) func(*Switches, string) error {
	return func(_ *Switches, value string) error {
		if value != want {
			return fmt.Errorf("must be %s, got %s", want, value)
		}
		return nil
	}
}

func address(s *Switches, value string) error {
	if strings.Trim(value, " ") == "" {
		return fmt.Errorf("must not be empty")
	}
	s.RegistryAddress = value
	return nil
}
