package embedded

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"zeroloss/demo-services/registry"
)

// beatExpiry is how long an instance that was published over HTTP stays without
// a heartbeat, as it is bound to no connection. (A real server calls it unhealthy after half of that; we do not.)
const beatExpiry = 30 * time.Second

// httpOwner is whom a publication over HTTP belongs to. As this is never the
// owner of what an SDK published, an HTTP DELETE cannot remove that.
func httpOwner(k registry.Key, h registry.Host) registry.Owner {
	return registry.Owner(fmt.Sprintf("%s#%s#%s#true", k.Namespace, k.Grouped(), h.Addr()))
}

func (s *Server) httpRegister(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if q.Get("ephemeral") == "false" {
		return nil, badRequest("persistent instances are not supported here")
	}
	owner := httpOwner(k, h)
	s.beats[owner] = s.now() + beatExpiry
	s.tell(h.Addr(), s.table.Publish(s.now(), owner, k, []registry.Host{h}))
	return "ok", nil
}

// httpDeregister says ok whatever was there: a DELETE for an instance of an SDK
// is a silent no-op, on a real server too.
func (s *Server) httpDeregister(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	owner := httpOwner(k, h)
	delete(s.beats, owner)
	s.tell(h.Addr(), s.table.Withdraw(s.now(), owner, k))
	return "ok", nil
}

func (s *Server) httpBeat(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	owner := httpOwner(k, h)
	if _, known := s.beats[owner]; !known {
		return map[string]any{"code": 20404, "clientBeatInterval": 5000, "lightBeatEnabled": true}, nil
	}
	s.beats[owner] = s.now() + beatExpiry
	return map[string]any{"code": 10200, "clientBeatInterval": 5000, "lightBeatEnabled": true}, nil
}

// expireBeats drops the publishers over HTTP that fell silent. Callers hold mu.
func (s *Server) expireBeats() {
	for _, owner := range slices.Sorted(maps.Keys(s.beats)) {
		if s.beats[owner] <= s.now() {
			delete(s.beats, owner)
			s.tell(string(owner), s.table.Leave(s.now(), owner))
		}
	}
}

// nextBeat is when the next of them will be dropped.
func (s *Server) nextBeat() (time.Duration, bool) {
	if len(s.beats) == 0 {
		return 0, false
	}
	return slices.Min(slices.Collect(maps.Values(s.beats))), true
}
