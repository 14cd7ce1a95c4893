package registry

import (
	"maps"
	"slices"
	"time"
)

// emptyServiceTTL is how long a service without instances is known. A real server
// looks for such services once in that time, so one goes after one to two minutes.
const emptyServiceTTL = time.Minute

// ServiceMeta is what an operator sets for a service.
type ServiceMeta struct {
	// ProtectThreshold is stored and returned; the registry never protects.
	ProtectThreshold float64
	Metadata         map[string]string
}

// CreateService makes a service known without an instance. It returns false if
// it is known already.
func (t *Table) CreateService(now time.Duration, k Key, m ServiceMeta) bool {
	s := t.service(k)
	if s.known {
		return false
	}
	s.known, s.meta = true, m
	t.becameEmpty(now, s)
	return true
}

// UpdateService sets the metadata of a service; false if it is not known.
func (t *Table) UpdateService(k Key, m ServiceMeta) bool {
	s := t.services[k]
	if s == nil || !s.known {
		return false
	}
	s.meta = m
	return true
}

// DeleteService forgets a service that has no instance. It returns false if it is
// not known or has one.
func (t *Table) DeleteService(k Key) bool {
	s := t.services[k]
	if s == nil || !s.known || len(s.publishers) > 0 {
		return false
	}
	t.forgetService(k, s)
	return true
}

// Service returns the metadata of a service; false if it is not known.
func (t *Table) Service(k Key) (ServiceMeta, bool) {
	s := t.services[k]
	if s == nil || !s.known {
		return ServiceMeta{}, false
	}
	return s.meta, true
}

// ServiceKeys returns the known services of a namespace, sorted.
func (t *Table) ServiceKeys(namespace string) []Key {
	var out []Key
	for _, k := range t.keys() {
		if k.Namespace == namespace && t.services[k].known {
			out = append(out, k)
		}
	}
	return out
}

// Namespaces returns the sorted namespaces that have known services.
func (t *Table) Namespaces() []string {
	var out []string
	for k, s := range t.services {
		if s.known {
			out = append(out, k.Namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Subscribers returns the subscribers of a service in order of subscription.
func (t *Table) Subscribers(k Key) []ClientID {
	if s := t.services[k]; s != nil {
		return slices.Clone(s.subscribers)
	}
	return nil
}

// becameEmpty notes that a service has no instances.
func (t *Table) becameEmpty(now time.Duration, s *service) {
	s.emptySince = now
	if at := emptyRemoval(now); t.sweepAt == 0 || at < t.sweepAt {
		t.sweepAt = at
	}
}

// emptyRemoval returns when a service that is empty since an instant is
// forgotten: at the first sweep that is the TTL later.
func emptyRemoval(since time.Duration) time.Duration {
	const ttl = emptyServiceTTL
	return (since + ttl + ttl - 1) / ttl * ttl
}

// sweep forgets the services that have been empty for long enough.
func (t *Table) sweep(now time.Duration) {
	if t.sweepAt == 0 || now < t.sweepAt {
		return
	}
	t.sweepAt = 0
	for k, s := range maps.Clone(t.services) {
		if !s.known || len(s.publishers) > 0 {
			continue
		}
		at := emptyRemoval(s.emptySince)
		if at <= now {
			t.forgetService(k, s)
		} else if t.sweepAt == 0 || at < t.sweepAt {
			t.sweepAt = at
		}
	}
}

// forgetService forgets a service. Its subscribers and what the console set for
// its hosts stay.
func (t *Table) forgetService(k Key, s *service) {
	s.known, s.meta, s.snapshot, s.listed = false, ServiceMeta{}, nil, nil
	if len(s.subscribers) == 0 && len(s.overlays) == 0 && t.pushes.tasks[k] == nil {
		delete(t.services, k)
	}
}
