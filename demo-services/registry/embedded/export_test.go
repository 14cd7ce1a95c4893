package embedded

import (
	"context"
	"net/http"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	"zeroloss/demo-services/registry"
	"zeroloss/loadgen/record"
)

// dry is a server without sockets.
func dry() *Server {
	s := &Server{
		opts:  Options{OnEvent: func(record.Event) {}},
		wake:  make(chan struct{}, 1),
		knobs: knobs{faults: map[string]registry.Fault{}},
	}
	s.reset()
	return s
}

// Mux is a server's HTTP side without its sockets.
func Mux() http.Handler { return dry().mux() }

// Answerer is a server's gRPC side without its sockets, as a client sees it
// that is set up: each input is a frame on its stream, then a call.
func Answerer() func(ctx context.Context, kind string, body []byte) (*pb.Payload, error) {
	s := dry()
	c := s.connected("127.0.0.1:1", func() {})
	s.setUp(c, setupRequest{})
	return func(ctx context.Context, kind string, body []byte) (*pb.Payload, error) {
		s.received(c, "NotifySubscriberResponse", body)
		s.push()
		return unary{s: s}.Request(context.WithValue(ctx, connKey{}, c), &pb.Payload{
			Metadata: &pb.Metadata{Type: kind}, Body: &anypb.Any{Value: body},
		})
	}
}

// Tick has a server without sockets do what is due, and tells in how long there
// will be more.
func (s *Server) Tick() (time.Duration, bool) { return s.push() }

// Dry is a server without sockets, and its HTTP side.
func Dry() (*Server, http.Handler) {
	s := dry()
	return s, s.mux()
}
