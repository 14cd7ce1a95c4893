package registry

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// Host is an instance as the registry lists it (Nacos calls it an instance).
type Host struct {
	IP        string
	Port      int
	Weight    float64 // relative; 1 is the default, 0 gets no requests
	Healthy   bool
	Enabled   bool // a host that is not enabled is neither listed nor pushed
	Ephemeral bool // bound to its publisher's connection
	Cluster   string
	Metadata  map[string]string
}

// DefaultCluster is the cluster of a host without one.
const DefaultCluster = "DEFAULT"

// NewHost returns a host as services publish themselves: healthy, enabled,
// ephemeral, weight 1.
func NewHost(ip string, port int, m Meta) Host {
	return Host{
		IP: ip, Port: port, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true,
		Cluster: DefaultCluster, Metadata: m.Map(),
	}
}

// Addr returns host:port.
func (h Host) Addr() string { return net.JoinHostPort(h.IP, strconv.Itoa(h.Port)) }

// ID identifies the host in events: its instance if its metadata names one,
// otherwise its address.
func (h Host) ID() string {
	if i := h.Instance(); i != (record.Instance{}) {
		return i.String()
	}
	return h.Addr()
}

// Instance returns the instance that its metadata names, or the zero Instance if
// there is none or it cannot be parsed.
func (h Host) Instance() record.Instance {
	i, err := record.ParseInstance(h.Metadata[MetaInstance])
	if err != nil {
		return record.Instance{}
	}
	return i
}

// Tag returns the host's version; "" is the base version.
func (h Host) Tag() string { return h.Metadata[MetaTag] }

// Equal reports whether all fields of two hosts are equal.
func (h Host) Equal(o Host) bool {
	return h.sameKey(o) && h.Weight == o.Weight && h.Healthy == o.Healthy &&
		h.Enabled == o.Enabled && h.Ephemeral == o.Ephemeral && maps.Equal(h.Metadata, o.Metadata)
}

// sameKey reports whether two hosts have the same address and cluster.
func (h Host) sameKey(o Host) bool {
	return h.IP == o.IP && h.Port == o.Port && h.Cluster == o.Cluster
}

func (h Host) clone() Host {
	h.Metadata = maps.Clone(h.Metadata)
	return h
}

// SortHosts sorts by address, then cluster, then instance.
func SortHosts(hosts []Host) {
	slices.SortStableFunc(hosts, func(a, b Host) int {
		return cmp.Or(strings.Compare(a.IP, b.IP), cmp.Compare(a.Port, b.Port),
			strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Metadata[MetaInstance], b.Metadata[MetaInstance]))
	})
}

// Keys of a host's metadata.
const (
	MetaInstance = "zeroloss.instance" // pod/incarnation
	MetaTag      = "zeroloss.tag"      // version; absent: base
	MetaStart    = "zeroloss.start"    // when it started to serve, in milliseconds since the Unix epoch
	MetaWarmup   = "zeroloss.warmup"   // length of the warm-up in milliseconds
	MetaCurve    = "zeroloss.curve"    // model, or model:parameter, as power:2
)

// IdentityLabel is the connection label with which a client identifies itself
// to the server. (SDKs prefix an application's labels with "app_".)
const IdentityLabel = "zeroloss.identity"

// Meta is the metadata of a demo service. Zero fields are left out.
type Meta struct {
	Instance record.Instance
	Tag      string
	Start    time.Time     // with millisecond precision
	Warmup   time.Duration // with millisecond precision
	Model    string        // warm-up model, such as linear or power
	Curve    float64       // parameter of the model; 0 is the model's default
}

// Map returns m as metadata.
func (m Meta) Map() map[string]string {
	out := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	set(MetaInstance, m.Instance.String())
	set(MetaTag, m.Tag)
	if !m.Start.IsZero() {
		set(MetaStart, strconv.FormatInt(m.Start.UnixMilli(), 10))
	}
	if m.Warmup != 0 {
		set(MetaWarmup, strconv.FormatInt(m.Warmup.Milliseconds(), 10))
	}
	if m.Curve != 0 {
		set(MetaCurve, m.Model+":"+strconv.FormatFloat(m.Curve, 'g', -1, 64))
	} else {
		set(MetaCurve, m.Model)
	}
	return out
}

// Meta parses the host's metadata. A field that cannot be parsed stays zero and
// is named in the error; the other fields are valid, as other publishers may
// write metadata of their own.
func (h Host) Meta() (Meta, error) {
	m := Meta{Tag: h.Tag()}
	var err, errs error
	if m.Instance, err = record.ParseInstance(h.Metadata[MetaInstance]); err != nil {
		errs = errors.Join(errs, err)
	}
	ms, err := millis(h.Metadata, MetaStart)
	errs = errors.Join(errs, err)
	if ms != 0 {
		m.Start = time.UnixMilli(ms)
	}
	ms, err = millis(h.Metadata, MetaWarmup)
	errs = errors.Join(errs, err)
	m.Warmup = time.Duration(ms) * time.Millisecond
	model, param, ok := strings.Cut(h.Metadata[MetaCurve], ":")
	m.Model = model
	if ok {
		if m.Curve, err = strconv.ParseFloat(param, 64); err != nil {
			errs = errors.Join(errs, fmt.Errorf("parsing metadata %s=%q: want model:number", MetaCurve, h.Metadata[MetaCurve]))
		}
	}
	return m, errs
}

func millis(meta map[string]string, key string) (int64, error) {
	s := meta[key]
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<50 {
		return 0, fmt.Errorf("parsing metadata %s=%q: want milliseconds, 0 or more", key, s)
	}
	return n, nil
}
