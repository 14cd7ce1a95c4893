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

// Host is an instance as the registry lists it.
type Host struct {
	IP        string
	Port      int
	Weight    float64 // relative; 1 is usual, 0 wants no requests
	Healthy   bool
	Enabled   bool // a host that is not enabled is neither listed nor pushed
	Ephemeral bool // bound to its publisher's connection
	Cluster   string
	Metadata  map[string]string
}

// DefaultCluster is the cluster of a host that names none.
const DefaultCluster = "DEFAULT"

// NewHost is a host as services publish themselves: healthy, enabled, weight 1.
func NewHost(ip string, port int, m Meta) Host {
	return Host{
		IP: ip, Port: port, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true,
		Cluster: DefaultCluster, Metadata: m.Map(),
	}
}

// Addr is host:port.
func (h Host) Addr() string { return net.JoinHostPort(h.IP, strconv.Itoa(h.Port)) }

// ID names the host to people and ledgers: its instance if its metadata tells
// one, else its address.
func (h Host) ID() string {
	if i := h.Instance(); i != (record.Instance{}) {
		return i.String()
	}
	return h.Addr()
}

// Instance is who published the host, as its metadata tells; zero if it does
// not tell, or not readably.
func (h Host) Instance() record.Instance {
	i, err := record.ParseInstance(h.Metadata[MetaInstance])
	if err != nil {
		return record.Instance{}
	}
	return i
}

// Tag is the host's version; "" is base.
func (h Host) Tag() string { return h.Metadata[MetaTag] }

// Equal tells whether two hosts agree in everything.
func (h Host) Equal(o Host) bool {
	return h.sameKey(o) && h.Weight == o.Weight && h.Healthy == o.Healthy &&
		h.Enabled == o.Enabled && h.Ephemeral == o.Ephemeral && maps.Equal(h.Metadata, o.Metadata)
}

// sameKey tells whether two hosts are one place: address and cluster.
func (h Host) sameKey(o Host) bool {
	return h.IP == o.IP && h.Port == o.Port && h.Cluster == o.Cluster
}

func (h Host) clone() Host {
	h.Metadata = maps.Clone(h.Metadata)
	return h
}

// SortHosts orders by address, then cluster, then instance.
func SortHosts(hosts []Host) {
	slices.SortStableFunc(hosts, func(a, b Host) int {
		return cmp.Or(strings.Compare(a.IP, b.IP), cmp.Compare(a.Port, b.Port),
			strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Metadata[MetaInstance], b.Metadata[MetaInstance]))
	})
}

// Keys of a host's metadata.
const (
	MetaInstance = "zeroloss.instance" // pod/incarnation
	MetaTag      = "zeroloss.tag"      // version; absent is base
	MetaStart    = "zeroloss.start"    // when it started to serve: milliseconds since the Unix epoch
	MetaWarmup   = "zeroloss.warmup"   // length of the warm-up, milliseconds
	MetaCurve    = "zeroloss.curve"    // model, or model:parameter, as power:2
)

// IdentityLabel is the label of a connection under which a client of ours tells
// the server who it is. (SDKs put "app_" in front of an application's labels.)
const IdentityLabel = "zeroloss.identity"

// Meta is what our services say of themselves in their metadata. Zero fields
// are not said.
type Meta struct {
	Instance record.Instance
	Tag      string
	Start    time.Time     // kept to the millisecond
	Warmup   time.Duration // kept to the millisecond
	Model    string        // of the warm-up: linear, power
	Curve    float64       // its parameter; 0 is the model's own
}

// Map is m as metadata.
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

// Meta reads the host's metadata. What cannot be read is left zero and told in
// the error; the rest is good: hosts come from others.
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
			errs = errors.Join(errs, fmt.Errorf("reading metadata %s=%q: want model:number", MetaCurve, h.Metadata[MetaCurve]))
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
		return 0, fmt.Errorf("reading metadata %s=%q: want milliseconds, 0 or more", key, s)
	}
	return n, nil
}
