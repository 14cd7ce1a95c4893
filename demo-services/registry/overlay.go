package registry

import (
	"maps"
	"time"
)

// Overlay is what an operator sets for a host in the console or with a PUT over
// HTTP. It overrides what the host's publisher says, and outlives the host by
// the overlay TTL: a pod that comes back at its address within a minute is
// still disabled.
type Overlay struct {
	Enabled  bool
	Weight   float64
	Metadata map[string]string // overrides the host's metadata key by key
}

// hostKey identifies the host that an overlay belongs to.
type hostKey struct {
	ip      string
	port    int
	cluster string
}

type overlayEntry struct {
	Overlay
	orphaned bool // no host has its key
	since    time.Duration
}

func hostKeyOf(h Host) hostKey { return hostKey{h.IP, h.Port, h.Cluster} }

// SetOverlay sets the overlay of the host with the address and cluster of h. It
// returns what changed, and false if the service is not known.
func (t *Table) SetOverlay(now time.Duration, k Key, h Host, o Overlay) ([]Change, bool) {
	s := t.services[k]
	if s == nil || !s.known {
		return nil, false
	}
	before := t.Published(k)
	o.Metadata = maps.Clone(o.Metadata)
	s.overlays[hostKeyOf(h)] = &overlayEntry{Overlay: o}
	t.updateOverlayExpiry(now, s)
	t.pushes.serviceChanged(now, k)
	return changesBetween(k, before, t.Published(k)), true
}

// Overlay returns the overlay of the host with the address and cluster of h.
func (t *Table) Overlay(k Key, h Host) (Overlay, bool) {
	if s := t.services[k]; s != nil {
		if e := s.overlays[hostKeyOf(h)]; e != nil {
			return e.Overlay, true
		}
	}
	return Overlay{}, false
}

func (s *service) withOverlay(h Host) Host {
	h = h.clone()
	e := s.overlays[hostKeyOf(h)]
	if e == nil {
		return h
	}
	h.Enabled, h.Weight = e.Enabled, e.Weight
	for k, v := range e.Metadata {
		if h.Metadata == nil {
			h.Metadata = map[string]string{}
		}
		h.Metadata[k] = v
	}
	return h
}

// updateOverlayExpiry drops the overlays whose TTL is over, starts the TTL of
// overlays without a host, and stops it for those that have one again. It runs
// at each change, so an expired overlay has no effect on a later host.
func (t *Table) updateOverlayExpiry(now time.Duration, s *service) {
	if len(s.overlays) == 0 {
		return
	}
	published := map[hostKey]bool{}
	for _, p := range s.publishers {
		for _, h := range p.hosts {
			published[hostKeyOf(h)] = true
		}
	}
	maps.DeleteFunc(s.overlays, func(_ hostKey, e *overlayEntry) bool {
		return e.orphaned && now-e.since >= t.overlayTTL
	})
	for key, e := range s.overlays {
		if published[key] {
			e.orphaned = false
		} else if !e.orphaned {
			e.orphaned, e.since = true, now
		}
	}
}
