package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// adminListener is an administrative port.
type adminListener struct {
	name    string // for errors: whose port it is
	port    int
	handler http.Handler
}

// adminListeners lists those that the settings open: MSE's and Polaris' only where
// their lossless is on, ours always.
func (s *Service) adminListeners() []adminListener {
	own := http.NewServeMux()
	own.HandleFunc("POST "+lossless.NotifyPath, s.takeNotice)
	own.HandleFunc("GET /state", s.tellState)
	own.HandleFunc("POST "+settings.RulesPath, s.takeRules)
	d := []adminListener{{"the service's own admin port", s.doc.AdminPort, own}}
	if m := s.doc.MSE; m.On && m.OfflinePort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/offline", s.takeOffline(http.MethodGet, http.MethodPost, http.MethodPut))
		d = append(d, adminListener{"MSE's offline port", m.OfflinePort, mux})
	}
	if m := s.doc.MSE; m.On && m.ReadinessPort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/readiness", s.tellReadiness(http.StatusInternalServerError))
		mux.HandleFunc("/health", s.tellReadiness(http.StatusInternalServerError))
		d = append(d, adminListener{"MSE's readiness port", m.ReadinessPort, mux})
	}
	if p := s.doc.Polaris; p.On && p.AdminPort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/offline", s.takeOffline())
		if !p.NoReadiness {
			mux.HandleFunc("/readiness", s.tellReadiness(http.StatusServiceUnavailable))
			mux.HandleFunc("/online", s.tellReadiness(http.StatusServiceUnavailable))
		}
		d = append(d, adminListener{"Polaris' admin port", p.AdminPort, mux})
	}
	return d
}

// open listens on a door's port and serves it until the service ends.
func (s *Service) open(d adminListener) (net.Addr, error) {
	var first net.Addr
	for _, ip := range addresses(s.doc.IP) {
		ln, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(d.port)))
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", d.name, err)
		}
		srv := &http.Server{Handler: d.handler, ReadHeaderTimeout: headTimeout}
		s.admin = append(s.admin, srv)
		go s.run(srv, ln)
		if first == nil {
			first = ln.Addr()
		}
	}
	return first, nil
}

// headTimeout bounds the reading of a request's head.
const headTimeout = 5 * time.Second

// addresses that the admin ports bind: the pod's own, and 127.0.0.1 where that
// is another one and the pod's alone. An address within 127/8 stands for a pod
// of its own: there 127.0.0.1 belongs to all of them, and so to none.
func addresses(ip string) []string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.IsLoopback() {
		return []string{ip}
	}
	return []string{ip, "127.0.0.1"}
}

// own tells whether a connection comes from the pod itself: from its address,
// or from a loopback that is the pod's alone.
func own(ip, remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := from.Addr().Unmap()
	self, err := netip.ParseAddr(ip)
	if err != nil {
		return addr.IsLoopback()
	}
	return addr == self.Unmap() || addr.IsLoopback() && !self.IsLoopback()
}

// takeOffline takes the instance out of service. No methods means any.
func (s *Service) takeOffline(methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !own(s.doc.IP, r.RemoteAddr):
			http.Error(w, "only the pod itself may call this path", http.StatusForbidden)
			return
		case len(methods) > 0 && !slices.Contains(methods, r.Method):
			http.Error(w, "want GET, POST or PUT", http.StatusMethodNotAllowed)
			return
		}
		state, err := s.life.offline(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, http.StatusOK, state)
	}
}

// tellReadiness answers 200 when ready, else the family's own status.
func (s *Service) tellReadiness(not int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status := not
		if s.ready.Load() {
			status = http.StatusOK
		}
		writeJSON(w, status, map[string]bool{"ready": status == http.StatusOK})
	}
}

// maxNotice bounds a notice: it is one identity.
const maxNotice = 1 << 10

// takeNotice is a provider telling us that it goes; 200 acknowledges.
func (s *Service) takeNotice(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err == nil && s.next == nil {
		err = errors.New("this service calls nobody")
	}
	if err == nil {
		err = s.next.discovery.mark(string(b), consumer.ByNotice)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"acknowledged": true})
}

// maxRules bounds a document of rules.
const maxRules = 1 << 16

// takeRules is the harness changing the rules; 200 acknowledges that they came.
// That they are in force, an event tells.
func (s *Service) takeRules(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRules))
	var rules settings.Rules
	if err == nil {
		rules, err = settings.ParseRules(b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	state, err := s.life.ask(r.Context(), lossless.Event{Kind: lossless.RulesReceived, Rules: &rules})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, http.StatusOK, state)
}

// State is what GET /state on the admin port answers.
type State struct {
	Instance  record.Instance `json:"instance"`
	Service   string          `json:"service"`
	Tag       string          `json:"tag"`
	Addr      string          `json:"addr"`
	Lifecycle lossless.State  `json:"lifecycle"`
	InFlight  int64           `json:"inFlight"`
	Received  int64           `json:"received"`
	Consumers []string        `json:"consumers"`       // admin addresses of who called lately
	Hosts     []consumer.Host `json:"hosts,omitempty"` // of the next service
}

func (s *Service) tellState(w http.ResponseWriter, _ *http.Request) {
	st := State{
		Instance: s.hop.Instance, Service: s.doc.Service, Tag: s.doc.Tag, Addr: s.addr(),
		InFlight: s.load.inFlight.Load(), Received: s.load.received.Load(), Consumers: s.life.peers(),
	}
	if l := s.state.Load(); l != nil {
		st.Lifecycle = *l
	}
	if s.next != nil {
		st.Hosts = s.next.discovery.live.Hosts()
	}
	writeJSON(w, http.StatusOK, st)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here is a caller who has gone.
	_, _ = w.Write(append(encode(v), '\n'))
}

// run serves until the server is closed; any other end is the service's.
func (s *Service) run(srv *http.Server, ln net.Listener) {
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		s.fail(fmt.Errorf("serving %s: %w", ln.Addr(), err))
	}
}

// shut closes the business listener and waits until all requests are answered
// or ctx ends. Connections on which no request ever came get a moment, then
// are closed: net/http would give them 5 s.
func (s *Service) shut(ctx context.Context) error {
	stop := time.AfterFunc(newConnGrace, s.newborn.close)
	defer stop.Stop()
	if err := s.business.Shutdown(ctx); err != nil {
		return fmt.Errorf("closing gracefully: %w", err)
	}
	return nil
}

// newConnGrace is that moment: long enough for a request that is on its way.
const newConnGrace = 100 * time.Millisecond
