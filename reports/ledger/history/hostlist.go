package history

import (
	"slices"
	"strings"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// HostList is what a consumer saw of one service from an instant on.
type HostList struct {
	At      record.Micros
	Service string
	Hosts   []Host

	names map[string]bool // instances and addresses
	tags  map[string]int  // hosts of each version
}

// Host is an instance as a consumer's list has it.
type Host struct {
	Instance string
	Tag      string
	Start    int64 // milliseconds since the Unix epoch
	Warmup   settings.Warmup
}

func newHostList(e record.Event, hosts []record.ListedHost) HostList {
	l := HostList{At: e.At, Service: e.Service, names: map[string]bool{}, tags: map[string]int{}}
	for _, h := range hosts {
		id := h.Instance.String()
		l.Hosts = append(l.Hosts, Host{Instance: id, Tag: h.Tag, Start: h.Start, Warmup: settings.Warmup(h.Warmup)})
		l.names[id], l.names[h.Addr] = true, true
		l.tags[h.Tag]++
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
	l, _ := i.HostListAt(service, t)
	return l.tags[tag]
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
		switch p := e.Payload.(type) {
		case record.MarkSet:
			avoided = avoided || p.Marked.String() == instance
		case record.MarkCleared:
			avoided = avoided && p.Marked.String() != instance
		default: // not a list
		}
	}
	return avoided
}
