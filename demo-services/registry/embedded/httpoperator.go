package embedded

import (
	"strconv"
	"time"
)

func (a *httpAPI) metrics(form) (any, error) {
	conns := len(a.conns.byID)
	return map[string]any{"status": "UP", "connectionBasedClientCount": conns, "clientCount": conns + a.heartbeats.count()}, nil
}

func (a *httpAPI) getSwitches(form) (any, error) {
	return map[string]any{"pushEnabled": !a.faults.pushDisabled, "defaultPushCacheMillis": cacheMillis}, nil
}

// setSwitch sets pushEnabled, as a real server does, or one of the switches that
// only this server has: pushDelay (a duration), drop and blackhole (for one
// service, or for all).
func (a *httpAPI) setSwitch(q form) (any, error) {
	entry, value, service := q.Get("entry"), q.Get("value"), q.Get("service")
	if entry == "pushDelay" {
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, badRequest("pushDelay must be a duration such as 500ms, got %q", value)
		}
		a.faults.setPushDelay(d)
		return "ok", nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return nil, badRequest("%s must be true or false, got %q", entry, value)
	}
	f := a.faults.services[service]
	switch entry {
	case "pushEnabled":
		a.faults.setPushEnabled(on)
		return "ok", nil
	case "drop":
		f.Drop = on
	case "blackhole":
		f.Blackhole = on
	default:
		return nil, badRequest("no switch %q: entry must be pushEnabled, pushDelay, drop or blackhole", entry)
	}
	a.faults.setService(service, f)
	return "ok", nil
}
