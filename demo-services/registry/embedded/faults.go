package embedded

import (
	"time"

	"zeroloss/demo-services/registry"
)

// SetPushDelay changes the push delay for changes to come; 0 is none.
func (s *Server) SetPushDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setPushDelay(d)
}

func (s *Server) setPushDelay(d time.Duration) {
	s.opts.Timing.PushDelay = d
	if d <= 0 {
		s.opts.Timing.PushDelay = -1 // none, where 0 is the default
	}
	s.table.SetPushDelay(d)
}

// SetPushEnabled(false) stops all pushes, and with them the updates of the lists
// that reads return, until it is enabled again.
func (s *Server) SetPushEnabled(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setPushEnabled(on)
}

func (s *Server) setPushEnabled(on bool) {
	s.knobs.pushDisabled = !on
	s.table.SetPushEnabled(on)
	s.nudge()
}

// SetFault sets what is wrong with the pushes of a service; "" is for all that
// have no fault of their own. The zero Fault ends it.
func (s *Server) SetFault(service string, f registry.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setFault(service, f)
}

func (s *Server) setFault(service string, f registry.Fault) {
	s.knobs.faults[service] = f
	s.table.SetFault(service, f)
}
