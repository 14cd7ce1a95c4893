package registry

import (
	"maps"
	"time"
)

// Overlay is what the console, or a PUT over HTTP, says of a host. It goes over
// what the host's publisher says, and outlives the host for the overlay TTL:
// a pod that comes back at its address within a minute is still disabled.
type Overlay struct {
	Enabled  bool
	Weight   float64
	Metadata map[string]string // laid over the host's, key by key
}

// hostKey is what an overlay is bound to.
type hostKey struct {
	ip      string
	port    int
	cluster string
}

type overlayEntry struct {
	Overlay
	orphaned bool // no host stands at its place
	since    time.Duration
}

func hostKeyOf(h Host) hostKey { return hostKey{h.IP, h.Port, h.Cluster} }

// SetOverlay lays o over the place of h (address and cluster). It reports what
// changed, and false where the service is not known.
func (t *Table) SetOverlay(now time.Duration, k Key, h Host, o Overlay) ([]Change, bool) {
	s := t.services[k]
	if s == nil || !s.known {
		return nil, false
	}
	before := t.Published(k)
	o.Metadata = maps.Clone(o.Metadata)
	s.overlays[hostKeyOf(h)] = &overlayEntry{Overlay: o}
	t.updateOverlayExpiry(now, s)
	t.changed(now, k)
	return changesBetween(k, before, t.Published(k)), true
}

// Overlay is what lies over the place of h.
func (t *Table) Overlay(k Key, h Host) (Overlay, bool) {
	if s := t.services[k]; s != nil {
		if c := s.overlays[hostKeyOf(h)]; c != nil {
			return c.Overlay, true
		}
	}
	return Overlay{}, false
}

func (s *service) withOverlay(h Host) Host {
	h = h.clone()
	c := s.overlays[hostKeyOf(h)]
	if c == nil {
		return h
	}
	h.Enabled, h.Weight = c.Enabled, c.Weight
	for k, v := range c.Metadata {
		if h.Metadata == nil {
			h.Metadata = map[string]string{}
		}
		h.Metadata[k] = v
	}
	return h
}

// updateOverlayExpiry starts the clock of overlays without a host, stops it for
// those that have one again, and drops those whose time is over. It is called
// at each change, so an overlay that is over has no effect on a later host.
func (t *Table) updateOverlayExpiry(now time.Duration, s *service) {
	standing := map[hostKey]bool{}
	for _, p := range s.publishers {
		for _, h := range p.hosts {
			standing[hostKeyOf(h)] = true
		}
	}
	maps.DeleteFunc(s.overlays, func(_ hostKey, c *overlayEntry) bool {
		return c.orphaned && now-c.since >= t.timing.OverlayTTL
	})
	for at, c := range s.overlays {
		if standing[at] {
			c.orphaned = false
		} else if !c.orphaned {
			c.orphaned, c.since = true, now
		}
	}
}
