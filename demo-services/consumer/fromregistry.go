package consumer

import (
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
)

// FromRegistry returns the healthy and enabled hosts of a registry's list. Errors
// name metadata that cannot be parsed; it counts as absent, and its host is
// returned: other publishers may write metadata of their own.
func FromRegistry(list []registry.Host) (hosts []Host, errs []error) {
	for _, r := range list {
		if !r.Healthy || !r.Enabled {
			continue
		}
		m, err := r.Meta()
		if err != nil {
			errs = append(errs, err)
		}
		h := Host{
			Identity: lossless.Identity{Instance: m.Instance},
			Addr:     r.Addr(), Tag: m.Tag, Weight: r.Weight,
			Warmup: settings.Warmup{Model: m.Model, Curve: m.Curve, Window: m.Warmup},
		}
		if !m.Start.IsZero() {
			h.Start = m.Start.UnixMilli()
		}
		hosts = append(hosts, h)
	}
	return hosts, errs
}
