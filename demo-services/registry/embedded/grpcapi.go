package embedded

import (
	"slices"
	"strings"

	"zeroloss/demo-services/registry"
)

// answer decides a unary call.
func (s *Server) answer(c *conn, kind string, body []byte) answer {
	id, err := decode[naming](body)
	if err != nil {
		return failure("", codeInvalid, "reading %s: %v", kind, err)
	}
	if kind == "ServerCheckRequest" {
		// Without ability negotiation, so that Java clients wait for none.
		return answer{"ServerCheckResponse", checkResponse{ok(id.RequestID), string(c.id)}}
	}
	handle := handlers[kind]
	if handle == nil {
		return failure(id.RequestID, codeNoHandler, "no handler for %q", kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] != c || !c.setup {
		return failure(id.RequestID, codeUnregistered, "connection is unregistered")
	}
	s.quiet.Active(s.now(), c.id)
	a, err := handle(s, c, body)
	if err != nil {
		return failure(id.RequestID, codeInvalid, "handling %s: %v", kind, err)
	}
	return a
}

// handlers execute the requests of a connection that is set up. They are
// called with the server's lock held.
var handlers = map[string]func(*Server, *conn, []byte) (answer, error){
	"HealthCheckRequest":      (*Server).health,
	"InstanceRequest":         (*Server).instance,
	"BatchInstanceRequest":    (*Server).batch,
	"SubscribeServiceRequest": (*Server).subscribe,
	"ServiceQueryRequest":     (*Server).query,
	"ServiceListRequest":      (*Server).list,
}

func (s *Server) health(_ *conn, body []byte) (answer, error) {
	r, err := decode[naming](body)
	return answer{"HealthCheckResponse", ok(r.RequestID)}, err
}

// Types of instance requests.
const (
	registerInstance      = "registerInstance"
	deregisterInstance    = "deregisterInstance"
	batchRegisterInstance = "batchRegisterInstance"
)

func (s *Server) instance(c *conn, body []byte) (answer, error) {
	r, err := decode[instanceRequest](body)
	if err != nil {
		return answer{}, err
	}
	k, err := r.key()
	if err != nil {
		return answer{}, err
	}
	switch r.Type {
	case registerInstance:
		h, err := r.Instance.host()
		if err != nil {
			return answer{}, err
		}
		s.tell(c.name(), s.table.Publish(s.now(), c.id, k, []registry.Host{h}))
	case deregisterInstance:
		s.tell(c.name(), s.table.Withdraw(s.now(), c.id, k))
	default:
		return failure(r.RequestID, codeInvalid, "unsupported type %q", r.Type), nil
	}
	return answer{"InstanceResponse", typedResponse{ok(r.RequestID), r.Type}}, nil
}

func (s *Server) batch(c *conn, body []byte) (answer, error) {
	r, err := decode[batchRequest](body)
	if err != nil {
		return answer{}, err
	}
	k, err := r.key()
	if err != nil {
		return answer{}, err
	}
	if r.Type != batchRegisterInstance {
		return failure(r.RequestID, codeInvalid, "unsupported type %q", r.Type), nil
	}
	hosts := make([]registry.Host, len(r.Instances))
	for i, w := range r.Instances {
		if hosts[i], err = w.host(); err != nil {
			return answer{}, err
		}
	}
	s.tell(c.name(), s.table.Publish(s.now(), c.id, k, hosts))
	return answer{"BatchInstanceResponse", typedResponse{ok(r.RequestID), r.Type}}, nil
}

func (s *Server) subscribe(c *conn, body []byte) (answer, error) {
	r, err := decode[subscribeRequest](body)
	if err != nil {
		return answer{}, err
	}
	k, err := r.key()
	if err != nil {
		return answer{}, err
	}
	var snap registry.Snapshot
	if r.Subscribe {
		snap = s.table.Subscribe(s.now(), c.id, k)
		c.clusters[k] = r.Clusters // the last ones hold
	} else {
		s.table.Unsubscribe(c.id, k)
		delete(c.clusters, k)
		snap = s.table.Read(s.now(), k)
	}
	s.nudge()
	return answer{"SubscribeServiceResponse", infoResponse{ok(r.RequestID), s.info(snap, r.Clusters, false)}}, nil
}

func (s *Server) query(_ *conn, body []byte) (answer, error) {
	r, err := decode[queryRequest](body)
	if err != nil {
		return answer{}, err
	}
	k, err := r.key()
	if err != nil {
		return answer{}, err
	}
	snap := s.table.Read(s.now(), k)
	return answer{"QueryServiceResponse", infoResponse{ok(r.RequestID), s.info(snap, r.Cluster, r.HealthyOnly)}}, nil
}

func (s *Server) list(_ *conn, body []byte) (answer, error) {
	r, err := decode[listRequest](body)
	if err != nil {
		return answer{}, err
	}
	k := registry.NewKey(r.Namespace, r.Group, r.Service)
	names := s.table.Services(k.Namespace, k.Group)
	return answer{"ServiceListResponse", listResponse{ok(r.RequestID), len(names), page(names, r.PageNo, r.PageSize)}}, nil
}

// page is page no (from 1) of names, size (at least 1) a page; never nil.
func page(names []string, no, size int) []string {
	no, size = max(no, 1), max(size, 1)
	if no-1 > len(names)/size { // before the product below could overflow
		return []string{}
	}
	from := min((no-1)*size, len(names))
	return append([]string{}, names[from:min(from+min(size, len(names)), len(names))]...)
}

// info is a snapshot on the wire, cut to the clusters ("a,b"; "" is all) and,
// if asked, to healthy hosts.
func (s *Server) info(snap registry.Snapshot, clusters string, healthyOnly bool) serviceInfo {
	want := strings.Split(clusters, ",")
	hosts := []hostJSON{}
	for _, h := range snap.Hosts {
		if (clusters == "" || slices.Contains(want, h.Cluster)) && (h.Healthy || !healthyOnly) {
			hosts = append(hosts, wireHost(snap.Key, h))
		}
	}
	return serviceInfo{
		Name: snap.Key.Service, GroupName: snap.Key.Group, Clusters: clusters, CacheMillis: cacheMillis,
		Hosts: hosts, LastRefTime: s.zero.UnixMilli() + snap.LastRefTime, Valid: true,
	}
}
