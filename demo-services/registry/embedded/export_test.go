package embedded

import (
	"context"
	"net/http"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// NewHTTPHandler returns the open API of a server that does not listen.
func NewHTTPHandler() http.Handler { return newServer(Options{}).httpHandler() }

// NewGRPCHandler returns the gRPC API of a server that does not listen, for a
// client whose connection is set up: each input is handled as a frame of its
// stream, and then as a call.
func NewGRPCHandler() func(ctx context.Context, kind string, body []byte) (*pb.Payload, error) {
	s := newServer(Options{})
	api := s.grpcAPI()
	c := s.conns.opened("127.0.0.1:1", func() {})
	s.conns.setUp(c, setupRequest{})
	return func(ctx context.Context, kind string, body []byte) (*pb.Payload, error) {
		api.handleFrame(c, "NotifySubscriberResponse", body)
		s.pusher.doDue()
		return unaryService{api: api}.Request(context.WithValue(ctx, connKey{}, c), &pb.Payload{
			Metadata: &pb.Metadata{Type: kind}, Body: &anypb.Any{Value: body},
		})
	}
}

// NewUnstarted returns a server that does not listen, and its open API.
func NewUnstarted() (*Server, http.Handler) {
	s := newServer(Options{})
	return s, s.httpHandler()
}

// DoDue makes an unstarted server do what is due. It returns how long it is
// until there is more.
func (s *Server) DoDue() (time.Duration, bool) { return s.pusher.doDue() }

// ServeUnread returns the calls of a client whose connection is set up and that
// never reads its stream, and how many bytes wait for it.
func (s *Server) ServeUnread() (call func(kind, body string), queued func() int) {
	api, c := s.grpcAPI(), s.conns.opened("127.0.0.1:1", func() {})
	s.conns.setUp(c, setupRequest{})
	return func(kind, body string) { api.handleCall(c, kind, []byte(body)) }, func() int { return c.queued }
}
