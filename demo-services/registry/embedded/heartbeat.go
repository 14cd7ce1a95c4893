package embedded

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"zeroloss/demo-services/registry"
)

// What is published over HTTP is bound to no connection: it lives from one
// heartbeat to the next. It is looked at every 5 s; when none came for more than
// 15 s it is unhealthy, after more than 30 s it is gone. Its metadata may say
// other times, in milliseconds.
const (
	beatEvery   = 5 * time.Second
	beatTimeout = 15 * time.Second
	beatExpiry  = 30 * time.Second

	metaBeatEvery   = "preserved.heart.beat.interval"
	metaBeatTimeout = "preserved.heart.beat.timeout"
	metaBeatExpiry  = "preserved.ip.delete.timeout"
)

// Codes of the answer to a heartbeat.
const (
	beatOK      = 10200
	beatUnknown = 20404
)

// beat is a publication over HTTP.
type beat struct {
	key  registry.Key
	host registry.Host
	last time.Duration // heartbeat
	look time.Duration // when it is looked at next
}

// httpOwner is whom a publication over HTTP belongs to. As this is never the
// owner of what an SDK published, an HTTP DELETE cannot remove that.
func httpOwner(k registry.Key, h registry.Host) registry.ClientID {
	return registry.ClientID(fmt.Sprintf("%s#%s#%s#true", k.Namespace, k.Grouped(), h.Addr()))
}

func (s *Server) httpRegister(q url.Values) (any, error) {
	k, h, err := formHost(q)
	if err != nil {
		return nil, err
	}
	if q.Get("ephemeral") == "false" {
		return nil, badRequest("persistent instances are not supported here")
	}
	if err := checkBeats(h.Metadata); err != nil {
		return nil, err
	}
	s.beatRegister(k, h)
	return "ok", nil
}

// checkBeats refuses times under which an instance that beats would fall ill.
func checkBeats(meta map[string]string) error {
	every := metaTime(meta, metaBeatEvery, beatEvery)
	if metaTime(meta, metaBeatTimeout, beatTimeout) < every || metaTime(meta, metaBeatExpiry, beatExpiry) < every {
		return badRequest("instance 'heart beat interval' must be less than 'heart beat timeout' and 'ip delete timeout'")
	}
	return nil
}

// metaTime is a time that metadata tells in milliseconds.
func metaTime(meta map[string]string, name string, def time.Duration) time.Duration {
	if ms, err := strconv.ParseInt(meta[name], 10, 32); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return def
}

func (s *Server) beatRegister(k registry.Key, h registry.Host) {
	owner, look := httpOwner(k, h), s.now()+beatEvery
	if b := s.beats[owner]; b != nil {
		look = b.look
	}
	s.beats[owner] = &beat{key: k, host: h, last: s.now(), look: look}
	s.tell(h.Addr(), s.table.Publish(s.now(), owner, k, []registry.Host{h}))
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

// httpBeat is a heartbeat. One that tells all of the instance (a "beat" in JSON)
// registers it where it is not known.
func (s *Server) httpBeat(q url.Values) (any, error) {
	k, h, told, err := formBeat(q)
	if err != nil {
		return nil, err
	}
	owner := httpOwner(k, h)
	b := s.beats[owner]
	answer := map[string]any{"code": beatOK, "clientBeatInterval": beatEvery.Milliseconds(), "lightBeatEnabled": true}
	switch {
	case b == nil && !told:
		answer["code"] = beatUnknown
		return answer, nil
	case b == nil:
		s.beatRegister(k, h)
		b = s.beats[owner]
	}
	b.last = s.now()
	answer["clientBeatInterval"] = s.beatTime(b, metaBeatEvery, beatEvery).Milliseconds()
	s.setHealthy(owner, b, true)
	return answer, nil
}

// formBeat reads a heartbeat; told is whether it told of the instance.
func formBeat(q url.Values) (_ registry.Key, _ registry.Host, told bool, _ error) {
	text := q.Get("beat")
	if text == "" {
		k, h, err := formHost(q)
		return k, h, false, err
	}
	k, err := formKey(q)
	if err != nil {
		return k, registry.Host{}, false, err
	}
	var beat struct {
		hostJSON
		Cluster string `json:"cluster"`
	}
	beat.Weight, beat.hostJSON.Cluster = 1, q.Get("clusterName")
	if err := json.Unmarshal([]byte(text), &beat); err != nil {
		return k, registry.Host{}, false, badRequest("beat is not JSON: %v", err)
	}
	if beat.Cluster != "" {
		beat.hostJSON.Cluster = beat.Cluster
	}
	beat.Enabled, beat.Healthy, beat.Ephemeral = true, true, true
	h, err := beat.host()
	return k, h, true, err
}

// beatTime is one of the times of b, as its overlay, its metadata or the
// default says.
func (s *Server) beatTime(b *beat, name string, def time.Duration) time.Duration {
	overlay, _ := s.table.Overlay(b.key, b.host)
	return metaTime(overlay.Metadata, name, metaTime(b.host.Metadata, name, def))
}

func (s *Server) setHealthy(owner registry.ClientID, b *beat, healthy bool) {
	if b.host.Healthy == healthy {
		return
	}
	b.host.Healthy = healthy
	s.tell(b.host.Addr(), s.table.Publish(s.now(), owner, b.key, []registry.Host{b.host}))
}

// expireBeats looks at the publishers over HTTP whose time it is. Callers hold
// mu.
func (s *Server) expireBeats() {
	now := s.now()
	for _, owner := range slices.Sorted(maps.Keys(s.beats)) {
		b := s.beats[owner]
		if b.look > now {
			continue
		}
		b.look = now + beatEvery
		switch silent := now - b.last; {
		case silent > s.beatTime(b, metaBeatExpiry, beatExpiry):
			delete(s.beats, owner)
			s.tell(string(owner), s.table.RemoveClient(now, owner))
		case silent > s.beatTime(b, metaBeatTimeout, beatTimeout):
			s.setHealthy(owner, b, false)
		}
	}
}

// nextBeat is when the next of them is to be looked at.
func (s *Server) nextBeat() (time.Duration, bool) {
	var at time.Duration
	for _, b := range s.beats {
		if at == 0 || b.look < at {
			at = b.look
		}
	}
	return at, len(s.beats) > 0
}
