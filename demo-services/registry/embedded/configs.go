package embedded

import (
	"cmp"
	"crypto/md5" // #nosec G501 -- Nacos' clients compare configurations by their MD5 sum
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/registry"
)

// configs is the configuration that clients publish, in memory. It is there so
// that clients that also ask for configuration start. Like a real server's it
// survives a restart. The catalog's lock guards it.
type configs struct {
	conns  *connections
	byKey  map[configKey]config
	change chan struct{} // closed at the next change
}

type configKey struct {
	Tenant string `json:"tenant"` // namespace; "" is public
	Group  string `json:"group"`
	DataID string `json:"dataId"`
}

type config struct {
	content, kind, md5 string
	modified           time.Time
}

func newConfigs(conns *connections) *configs {
	return &configs{conns: conns, byKey: map[configKey]config{}, change: make(chan struct{})}
}

var dataIDRule = paramRule{"dataId", 256, regexp.MustCompile(`^[\w:.-]*$`)}

// errNoConfig is the answer to a query of a configuration that does not exist.
var errNoConfig = errors.New("config data not exist")

// newConfigKey returns the key of a configuration.
func newConfigKey(tenant, group, dataID string) (configKey, error) {
	if tenant == registry.DefaultNamespace {
		tenant = ""
	}
	k := configKey{tenant, group, dataID}
	switch {
	case dataID == "":
		return k, fmt.Errorf("%w: Parameter 'dataId' is missing", errInvalid)
	case group == "":
		return k, fmt.Errorf("%w: Parameter 'group' is missing", errInvalid)
	}
	if tenant != "" {
		if err := namespaceRule.check(tenant); err != nil {
			return k, err
		}
	}
	return k, errors.Join(groupRule.check(group), dataIDRule.check(dataID))
}

// publish stores a configuration. If casMD5 is not "", the present one must have
// that sum.
func (c *configs) publish(k configKey, content, kind, casMD5 string) error {
	if strings.TrimSpace(content) == "" {
		return fmt.Errorf("%w: Parameter 'content' is missing", errInvalid)
	}
	if casMD5 != "" && casMD5 != c.byKey[k].md5 {
		return fmt.Errorf("%w: Cas publish fail,server md5 may have changed", errInvalid)
	}
	sum := md5.Sum([]byte(content)) // #nosec G401 -- see the import
	c.byKey[k] = config{content, cmp.Or(kind, "text"), hex.EncodeToString(sum[:]), time.Now()}
	c.changed(k)
	return nil
}

// remove removes a configuration. It does nothing if there is none.
func (c *configs) remove(k configKey) {
	if _, exists := c.byKey[k]; exists {
		delete(c.byKey, k)
		c.changed(k)
	}
}

// changed notifies those who listen to k. A notification that is lost is not
// repeated: clients compare their configuration with the server's from time to
// time.
func (c *configs) changed(k configKey) {
	close(c.change)
	c.change = make(chan struct{})
	for _, conn := range c.conns.byID {
		if !conn.configs[k] {
			continue
		}
		c.conns.lastProbe++
		request := configNotify{RequestID: fmt.Sprintf("config-%d", c.conns.lastProbe), Module: "config", configKey: k}
		if frame, err := payload("ConfigChangeNotifyRequest", request); err == nil {
			conn.send(frame)
		}
	}
}

// configSum is a configuration as a listener knows it.
type configSum struct {
	configKey
	MD5 string `json:"md5"`
}

// outdated returns the keys whose configuration differs from what the listener
// knows.
func (c *configs) outdated(known []configSum) []configKey {
	out := []configKey{}
	for _, s := range known {
		k := s.configKey
		if k.Tenant == registry.DefaultNamespace {
			k.Tenant = ""
		}
		if c.byKey[k].md5 != s.MD5 {
			out = append(out, s.configKey)
		}
	}
	return out
}

// find returns the keys with a data ID and group, in order. Exact finds whole
// names, otherwise parts of them; "" is any.
func (c *configs) find(tenant, group, dataID string, exact bool) []configKey {
	match := func(name, want string) bool {
		if exact {
			return want == "" || name == want
		}
		return strings.Contains(name, strings.Trim(want, "*"))
	}
	var out []configKey
	for k := range c.byKey {
		if k.Tenant == tenant && match(k.Group, group) && match(k.DataID, dataID) {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b configKey) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.DataID, b.DataID))
	})
	return out
}
