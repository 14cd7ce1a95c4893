package embedded

import (
	"context"
	"strconv"
	"sync"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"zeroloss/demo-services/registry"
)

// grpcAPI serves the SDKs: unary calls, and a stream in both directions for the
// client's setup, pushes and acknowledgements.
type grpcAPI struct {
	catalog *catalog
	conns   *connections
	pusher  *pusher
	configs *configs
}

// maxFrame bounds a gRPC message in bytes, as a real server does.
const maxFrame = 10 << 20

func newGRPCServer(api *grpcAPI, tracker *connTracker) *grpc.Server {
	g := grpc.NewServer(
		grpc.StatsHandler(connTagger{api.conns, tracker}),
		grpc.MaxRecvMsgSize(maxFrame),
		grpc.WaitForHandlers(true),
		// SDKs ping after 60 s of silence, with or without streams.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	pb.RegisterRequestServer(g, unaryService{api: api})
	pb.RegisterBiRequestStreamServer(g, streamService{api: api})
	return g
}

type unaryService struct {
	pb.UnimplementedRequestServer
	api *grpcAPI
}

// Request serves a client's call.
func (u unaryService) Request(ctx context.Context, p *pb.Payload) (*pb.Payload, error) {
	r := u.api.handleCall(connOf(ctx), p.GetMetadata().GetType(), p.GetBody().GetValue())
	return payload(r.kind, r.body)
}

type streamService struct {
	pb.UnimplementedBiRequestStreamServer
	api *grpcAPI
}

// RequestBiStream receives the client's setup and acknowledgements, and sends
// pushes.
func (b streamService) RequestBiStream(st pb.BiRequestStream_RequestBiStreamServer) error {
	c := connOf(st.Context())
	var sender sync.WaitGroup
	ctx, cancel := context.WithCancel(st.Context())
	defer sender.Wait()
	defer cancel()
	sender.Go(func() { c.sendQueued(ctx, st.Send) })
	for {
		p, err := st.Recv()
		if err != nil {
			return nil // the client has gone: there is nobody to report it to
		}
		b.api.handleFrame(c, p.GetMetadata().GetType(), p.GetBody().GetValue())
	}
}

// handleFrame handles a frame of the stream. A frame that cannot be decoded is
// ignored, as on a real server: an acknowledgement that is lost times out.
func (g *grpcAPI) handleFrame(c *conn, kind string, body []byte) {
	g.catalog.mu.Lock()
	g.conns.active(c)
	g.catalog.mu.Unlock()
	switch kind {
	case "ConnectionSetupRequest":
		if r, err := decode[setupRequest](body); err == nil {
			g.conns.setUp(c, r)
		}
	case "NotifySubscriberResponse":
		r, err := decode[baseResponse](body)
		if err != nil {
			return
		}
		if id, err := strconv.ParseUint(r.RequestID, 10, 64); err == nil {
			g.pusher.acknowledged(c, id, r.ResultCode == codeOK)
		}
	}
}

// handleCall answers a unary call.
func (g *grpcAPI) handleCall(c *conn, kind string, body []byte) response {
	r, err := decode[namingRequest](body)
	if err != nil {
		return failure("", codeInvalid, "decoding %s: %v", kind, err)
	}
	if kind == "ServerCheckRequest" {
		// Without ability negotiation, so that Java clients wait for none.
		return response{"ServerCheckResponse", checkResponse{ok(r.RequestID), string(c.id)}}
	}
	handle := grpcHandlers[kind]
	if handle == nil {
		return failure(r.RequestID, codeNoHandler, "no handler for %q", kind)
	}
	g.catalog.mu.Lock()
	defer g.catalog.mu.Unlock()
	if !g.conns.has(c) || !c.setUp {
		return failure(r.RequestID, codeUnregistered, "connection is unregistered")
	}
	g.conns.active(c)
	resp, err := handle(g, c, body)
	if err != nil {
		return failure(r.RequestID, codeInvalid, "handling %s: %v", kind, err)
	}
	return resp
}

// grpcHandlers serve the calls of a connection that is set up. They are called
// with the catalog's lock held.
var grpcHandlers = map[string]func(*grpcAPI, *conn, []byte) (response, error){
	"HealthCheckRequest":      (*grpcAPI).healthCheck,
	"InstanceRequest":         (*grpcAPI).instance,
	"BatchInstanceRequest":    (*grpcAPI).batchInstance,
	"SubscribeServiceRequest": (*grpcAPI).subscribe,
	"ServiceQueryRequest":     (*grpcAPI).queryService,
	"ServiceListRequest":      (*grpcAPI).listServices,

	"ConfigQueryRequest":       (*grpcAPI).queryConfig,
	"ConfigPublishRequest":     (*grpcAPI).publishConfig,
	"ConfigRemoveRequest":      (*grpcAPI).removeConfig,
	"ConfigBatchListenRequest": (*grpcAPI).listenConfigs,
}

func (g *grpcAPI) healthCheck(_ *conn, body []byte) (response, error) {
	r, err := decode[namingRequest](body)
	return response{"HealthCheckResponse", ok(r.RequestID)}, err
}

// Types of instance requests.
const (
	registerInstance      = "registerInstance"
	deregisterInstance    = "deregisterInstance"
	batchRegisterInstance = "batchRegisterInstance"
)

func (g *grpcAPI) instance(c *conn, body []byte) (response, error) {
	r, err := decode[instanceRequest](body)
	if err != nil {
		return response{}, err
	}
	k, err := r.key()
	if err != nil {
		return response{}, err
	}
	switch r.Type {
	case registerInstance:
		h, err := grpcHost(r.Instance)
		if err != nil {
			return response{}, err
		}
		g.catalog.publish(c.name(), c.id, k, h)
	case deregisterInstance:
		g.catalog.withdraw(c.name(), c.id, k)
	default:
		return failure(r.RequestID, codeInvalid, "unsupported type %q", r.Type), nil
	}
	return response{"InstanceResponse", typedResponse{ok(r.RequestID), r.Type}}, nil
}

// grpcHost returns the host that an SDK registers. It lives as long as the
// connection and is listed as ephemeral, whatever the SDK says of it: so does a
// real server.
func grpcHost(w hostJSON) (registry.Host, error) {
	w.Ephemeral = true
	h, err := w.host()
	if err != nil {
		return h, err
	}
	return h, checkHeartbeatTimes(h.Metadata)
}

func (g *grpcAPI) batchInstance(c *conn, body []byte) (response, error) {
	r, err := decode[batchRequest](body)
	if err != nil {
		return response{}, err
	}
	k, err := r.key()
	if err != nil {
		return response{}, err
	}
	if r.Type != batchRegisterInstance {
		return failure(r.RequestID, codeInvalid, "unsupported type %q", r.Type), nil
	}
	hosts := make([]registry.Host, len(r.Instances))
	for i, h := range r.Instances {
		if hosts[i], err = grpcHost(h); err != nil {
			return response{}, err
		}
	}
	g.catalog.publish(c.name(), c.id, k, hosts...)
	return response{"BatchInstanceResponse", typedResponse{ok(r.RequestID), r.Type}}, nil
}

func (g *grpcAPI) subscribe(c *conn, body []byte) (response, error) {
	r, err := decode[subscribeRequest](body)
	if err != nil {
		return response{}, err
	}
	k, err := r.key()
	if err != nil {
		return response{}, err
	}
	var snap registry.Snapshot
	if r.Subscribe {
		snap = g.catalog.table.Subscribe(g.catalog.now(), c.id, k)
		c.clusters[k] = r.Clusters // those of the last request count
	} else {
		g.catalog.table.Unsubscribe(c.id, k)
		delete(c.clusters, k)
		snap = g.catalog.table.Read(g.catalog.now(), k)
	}
	g.catalog.reschedule()
	return response{"SubscribeServiceResponse", infoResponse{ok(r.RequestID), g.catalog.serviceInfo(snap, r.Clusters, false)}}, nil
}

func (g *grpcAPI) queryService(_ *conn, body []byte) (response, error) {
	r, err := decode[queryRequest](body)
	if err != nil {
		return response{}, err
	}
	k, err := r.key()
	if err != nil {
		return response{}, err
	}
	snap := g.catalog.table.Read(g.catalog.now(), k)
	return response{"QueryServiceResponse", infoResponse{ok(r.RequestID), g.catalog.serviceInfo(snap, r.Cluster, r.HealthyOnly)}}, nil
}

func (g *grpcAPI) listServices(_ *conn, body []byte) (response, error) {
	r, err := decode[listRequest](body)
	if err != nil {
		return response{}, err
	}
	k := registry.NewKey(r.Namespace, r.Group, r.Service)
	names := g.catalog.table.Services(k.Namespace, k.Group)
	return response{"ServiceListResponse", listResponse{ok(r.RequestID), len(names), page(names, r.PageNo, r.PageSize)}}, nil
}

// page returns page no (from 1) of items with size (at least 1) items a page;
// never nil.
func page[T any](names []T, no, size int) []T {
	no, size = max(no, 1), max(size, 1)
	if no-1 > len(names)/size { // before the product below could overflow
		return []T{}
	}
	from := min((no-1)*size, len(names))
	return append([]T{}, names[from:min(from+min(size, len(names)), len(names))]...)
}
