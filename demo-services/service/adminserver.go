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

// adminServer serves the administrative ports: those of MSE and Polaris where
// the settings enable their lossless shutdown, and always our own.
type adminServer struct {
	doc       settings.Document
	lifecycle *lifecycle
	business  *businessServer
	discovery *discovery // nil if the service calls nobody
	fail      context.CancelCauseFunc
	servers   []*http.Server
}

// adminListener is one administrative port.
type adminListener struct {
	name    string // for errors
	port    int
	handler http.Handler
}

// listeners returns the ports that the settings open, our own first.
func (s *adminServer) listeners() []adminListener {
	own := http.NewServeMux()
	own.HandleFunc("POST "+lossless.NotifyPath, s.handleNotice)
	own.HandleFunc("GET /state", s.handleState)
	own.HandleFunc("POST "+settings.RulesPath, s.handleRules)
	all := []adminListener{{"the service's own admin port", s.doc.AdminPort, own}}
	if m := s.doc.MSE; m.On && m.OfflinePort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/offline", s.handleOffline(http.MethodGet, http.MethodPost, http.MethodPut))
		all = append(all, adminListener{"MSE's offline port", m.OfflinePort, mux})
	}
	if m := s.doc.MSE; m.On && m.ReadinessPort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/readiness", s.handleReadiness(http.StatusInternalServerError))
		mux.HandleFunc("/health", s.handleReadiness(http.StatusInternalServerError))
		all = append(all, adminListener{"MSE's readiness port", m.ReadinessPort, mux})
	}
	if p := s.doc.Polaris; p.On && p.AdminPort != 0 {
		mux := http.NewServeMux()
		mux.HandleFunc("/offline", s.handleOffline())
		if !p.NoReadiness {
			mux.HandleFunc("/readiness", s.handleReadiness(http.StatusServiceUnavailable))
			mux.HandleFunc("/online", s.handleReadiness(http.StatusServiceUnavailable))
		}
		all = append(all, adminListener{"Polaris' admin port", p.AdminPort, mux})
	}
	return all
}

// headTimeout bounds reading the head of a request.
const headTimeout = 5 * time.Second

// open listens on all ports and serves them in the background. It returns the
// address of our own port.
func (s *adminServer) open(ctx context.Context) (net.Addr, error) {
	var own net.Addr
	var config net.ListenConfig
	for _, l := range s.listeners() {
		for _, ip := range adminAddresses(s.doc.IP) {
			ln, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(l.port)))
			if err != nil {
				return nil, fmt.Errorf("opening %s: %w", l.name, err)
			}
			srv := &http.Server{Handler: l.handler, ReadHeaderTimeout: headTimeout}
			s.servers = append(s.servers, srv)
			go serve(srv, ln, s.fail)
			if own == nil {
				own = ln.Addr()
			}
		}
	}
	return own, nil
}

func (s *adminServer) close() {
	for _, srv := range s.servers {
		_ = srv.Close() // fails only if it is closed already
	}
}

// adminAddresses returns the addresses that the admin ports bind: the pod's own,
// and 127.0.0.1 if that is another one that only this pod uses. A pod address
// within 127/8 stands for a pod on a shared loopback network, where 127.0.0.1
// belongs to no pod.
func adminAddresses(ip string) []string {
	a, err := netip.ParseAddr(ip)
	if err != nil || a.IsLoopback() {
		return []string{ip}
	}
	return []string{ip, "127.0.0.1"}
}

// fromSamePod reports whether a connection comes from the pod itself: from its
// address, or from a loopback address that only this pod uses.
func fromSamePod(ip, remote string) bool {
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

// handleOffline takes the instance out of service. No methods means any method.
func (s *adminServer) handleOffline(methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !fromSamePod(s.doc.IP, r.RemoteAddr):
			http.Error(w, "only the pod itself may call this path", http.StatusForbidden)
			return
		case len(methods) > 0 && !slices.Contains(methods, r.Method):
			http.Error(w, "method must be GET, POST or PUT", http.StatusMethodNotAllowed)
			return
		}
		state, err := s.lifecycle.offline(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, http.StatusOK, state)
	}
}

// handleReadiness answers 200 when the instance is ready, otherwise notReady,
// the status that the product uses.
func (s *adminServer) handleReadiness(notReady int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status := notReady
		if s.lifecycle.ready.Load() {
			status = http.StatusOK
		}
		writeJSON(w, status, map[string]bool{"ready": status == http.StatusOK})
	}
}

// maxNotice bounds a notice in bytes: it is one identity.
const maxNotice = 1 << 10

// handleNotice takes a provider's notice that it is closing; 200 acknowledges it.
func (s *adminServer) handleNotice(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotice))
	if err == nil && s.discovery == nil {
		err = errors.New("this service calls no other service")
	}
	if err == nil {
		err = s.discovery.mark(string(b), record.SourceNotice)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"acknowledged": true})
}

// maxRules bounds a document of rules in bytes.
const maxRules = 1 << 16

// handleRules takes new rules; 200 acknowledges that they arrived. An event
// tells when they are in force.
func (s *adminServer) handleRules(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRules))
	var rules settings.Rules
	if err == nil {
		rules, err = settings.ParseRules(b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	state, err := s.lifecycle.applyRules(r.Context(), rules)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, http.StatusOK, state)
}

// State is the answer to GET /state on the admin port.
type State struct {
	Instance  record.Instance `json:"instance"`
	Service   string          `json:"service"`
	Tag       string          `json:"tag"`
	Addr      string          `json:"addr"`
	Lifecycle lossless.State  `json:"lifecycle"`
	InFlight  int64           `json:"inFlight"`
	Received  int64           `json:"received"`
	Consumers []string        `json:"consumers"`       // admin addresses of the consumers that called lately
	Hosts     []consumer.Host `json:"hosts,omitempty"` // of the next service
}

func (s *adminServer) handleState(w http.ResponseWriter, _ *http.Request) {
	st := State{
		Instance: identity(s.doc), Service: s.doc.Service, Tag: s.doc.Tag, Addr: s.business.hostPort(),
		InFlight: s.business.counters.inFlight.Load(), Received: s.business.counters.received.Load(),
		Consumers: s.lifecycle.consumers(),
	}
	if l := s.lifecycle.state.Load(); l != nil {
		st.Lifecycle = *l
	}
	if s.discovery != nil {
		st.Hosts = s.discovery.view.Hosts()
	}
	writeJSON(w, http.StatusOK, st)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(v), '\n')) // fails only if the caller has gone
}
