package consumer

import (
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
)

// FromRegistry turns a registry's list into hosts: those that a client would
// select (healthy, enabled). Metadata that cannot be read is taken as not
// said, and told in errs: the host itself is good, and others publish too.
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
