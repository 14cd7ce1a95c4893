package history

import (
	"encoding/json"
	"slices"
	"strings"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// HostList is what a consumer saw of one service from an instant on.
type HostList struct {
	At      record.Micros
	Service string
	Hosts   []Host // nil: the list has names only

	names map[string]bool // instances and addresses
	tags  map[string]int  // hosts of each version; nil: the list has names only
	count int
}

// Host is an instance as a consumer's list has it.
type Host struct {
	Instance string
	Tag      string
	Start    int64 // milliseconds since the Unix epoch
	Warmup   settings.Warmup
}

// newHostList reads an event whose data are hosts, or just their names.
func newHostList(e record.Event) HostList {
	l := HostList{At: e.At, Service: e.Service, names: map[string]bool{}, count: int(e.N)}
	var hosts []struct {
		Host
		Addr string
	}
	var names []string
	switch {
	case json.Unmarshal(e.Data, &hosts) == nil:
		l.tags = map[string]int{}
		for _, h := range hosts {
			l.Hosts = append(l.Hosts, h.Host)
			l.names[h.Instance], l.names[h.Addr] = true, true
			l.tags[h.Tag]++
		}
	case json.Unmarshal(e.Data, &names) == nil:
		for _, n := range names {
			l.names[n] = true
		}
	}
	delete(l.names, "")
	return l
}

// Shows reports whether the list has i.
func (l HostList) Shows(i *Instance) bool {
	if l.names[i.ID.String()] {
		return true
	}
	// An address alone is whichever instance has it: a list of external hosts
	// may have no instances.
	return slices.ContainsFunc(i.addrs, func(a string) bool { return l.names[a] && !l.hasInstances() })
}

// hasInstances reports whether the list has instances rather than addresses
// alone.
func (l HostList) hasInstances() bool {
	for name := range l.names {
		if strings.Contains(name, "/") {
			return true
		}
	}
	return false
}

// versionSize is how many hosts of a version the list has.
func (l HostList) versionSize(tag string) int {
	if l.tags == nil {
		return l.count
	}
	return l.tags[tag]
}

// HostListAt is i's list of a service at t, and whether it had one.
func (i *Instance) HostListAt(service string, t record.Micros) (list HostList, ok bool) {
	if i == nil {
		return HostList{}, false
	}
	for _, l := range i.HostLists {
		if l.At > t {
			break
		}
		if l.Service == service {
			list, ok = l, true
		}
	}
	return list, ok
}

// VersionSize is how many hosts of a service and version i's list had at t; 0
// if it had no list of the service.
func (i *Instance) VersionSize(service, tag string, t record.Micros) int {
	l, ok := i.HostListAt(service, t)
	if !ok {
		return 0
	}
	return l.versionSize(tag)
}

// Avoided reports whether i, as a consumer, avoided another instance at t.
func (i *Instance) Avoided(instance string, t record.Micros) (avoided bool) {
	if i == nil || len(i.marks) == 0 {
		return false
	}
	for _, e := range i.Events {
		if e.At > t {
			break
		}
		if e.Peer == instance && (e.Kind == record.KindMarkSet || e.Kind == record.KindMarkCleared) {
			avoided = e.Kind == record.KindMarkSet
		}
	}
	return avoided
}
