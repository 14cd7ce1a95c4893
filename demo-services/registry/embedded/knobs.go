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

// Freeze stops all pushes, and the lists that reads see, until it is lifted.
func (s *Server) Freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freeze(on)
}

func (s *Server) freeze(on bool) {
	s.knobs.frozen = on
	s.table.Freeze(on)
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
