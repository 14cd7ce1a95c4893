package embedded

import (
	"time"

	"zeroloss/demo-services/registry"
)

// faults is what the server is told to do wrong: to push late, not at all, or
// into the void. Unlike the catalog it survives a restart. The catalog's lock
// guards it.
type faults struct {
	catalog      *catalog
	pushDelay    *time.Duration // nil: that of the timing
	pushDisabled bool
	services     map[string]registry.Fault
}

func newFaults(c *catalog) *faults {
	return &faults{catalog: c, services: map[string]registry.Fault{}}
}

// apply applies the faults to a table that has been reset.
func (f *faults) apply() {
	if f.pushDelay != nil {
		f.catalog.table.SetPushDelay(*f.pushDelay)
	}
	f.catalog.table.SetPushEnabled(!f.pushDisabled)
	for service, fault := range f.services {
		f.catalog.table.SetFault(service, fault)
	}
}

func (f *faults) setPushDelay(d time.Duration) {
	f.pushDelay = &d
	f.catalog.table.SetPushDelay(d)
}

func (f *faults) setPushEnabled(on bool) {
	f.pushDisabled = !on
	f.catalog.table.SetPushEnabled(on)
	f.catalog.reschedule()
}

func (f *faults) setService(service string, fault registry.Fault) {
	f.services[service] = fault
	f.catalog.table.SetFault(service, fault)
}
