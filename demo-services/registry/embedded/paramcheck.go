package embedded

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"zeroloss/demo-services/registry"
)

// paramRule is what a real server demands of a parameter before it handles a
// request: what passes here must not be refused in production.
type paramRule struct {
	name    string
	max     int // length in characters
	pattern *regexp.Regexp
}

// The rules of Nacos 2.3.2 (com.alibaba.nacos.common.paramcheck.ParamCheckRule),
// for clusters together with the stricter one of NamingUtils.
var (
	namespaceRule = paramRule{"namespaceId/tenant", 64, regexp.MustCompile(`^[\w-]+$`)}
	groupRule     = paramRule{"group", 128, regexp.MustCompile(`^[\w:.-]*$`)}
	// The first character may be anything except @; spaces and Chinese characters
	// are refused behind it.
	serviceRule = paramRule{"serviceName", 512, regexp.MustCompile(`^[^@\n\r][^\x{4E00}-\x{9FA5}\s]*$`)}
	clusterRule = paramRule{"cluster", 64, regexp.MustCompile(`^[0-9a-zA-Z-]+$`)}
	ipRule      = paramRule{"ip", 128, regexp.MustCompile(`^[^\x{4E00}-\x{9FA5}\s]*$`)}
)

// maxMetadata is how many characters the names and values of an instance's
// metadata may have together.
const maxMetadata = 1024

func (r paramRule) check(value string) error {
	if utf8.RuneCountInString(value) > r.max {
		return fmt.Errorf("%w: Param '%s' is illegal, the param length should not exceed %d", errInvalid, r.name, r.max)
	}
	if !r.pattern.MatchString(value) {
		return fmt.Errorf("%w: Param '%s' is illegal, illegal characters should not appear in the param: %q", errInvalid, r.name, value)
	}
	return nil
}

// checkKey checks the names of a service.
func checkKey(k registry.Key) error {
	if k.Service == "" {
		return fmt.Errorf("%w: no serviceName", errInvalid)
	}
	if err := namespaceRule.check(k.Namespace); err != nil {
		return err
	}
	if err := groupRule.check(k.Group); err != nil {
		return err
	}
	if strings.Contains(k.Service, "@@") {
		return fmt.Errorf("%w: Param 'serviceName' is illegal, it should be format as 'groupName@@serviceName': %q", errInvalid, k.Service)
	}
	return serviceRule.check(k.Service)
}

// checkHost checks what an instance says of itself.
func checkHost(h hostJSON) error {
	switch {
	case h.IP == "":
		return fmt.Errorf("%w: the instance has no ip", errInvalid)
	case h.Port < 0 || h.Port > math.MaxUint16:
		return fmt.Errorf("%w: port must be from 0 to 65535, got %d", errInvalid, h.Port)
	}
	if err := ipRule.check(h.IP); err != nil {
		return err
	}
	if err := clusterRule.check(h.Cluster); err != nil {
		return err
	}
	length := 0
	for name, value := range h.Metadata {
		length += utf8.RuneCountInString(name) + utf8.RuneCountInString(value)
	}
	if length > maxMetadata {
		return fmt.Errorf("%w: Param 'Metadata' is illegal, the param length should not exceed %d", errInvalid, maxMetadata)
	}
	return nil
}
